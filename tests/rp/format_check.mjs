/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format_check: what node's crypto and a certificate parser make of one
 * registration (RegistrationResponseJSON on standard input), by the
 * verification procedures of WebAuthn Level 3, 8. No library for relying
 * parties, and nothing of ours, has a part in it.
 *
 *	sealkey webauthn create --attestation apple ... |
 *	    node format_check.mjs --format apple --roots roots.pem
 *
 *	--format FORMAT		what it has to be; "self" is packed without x5c
 *	--enterprise		of the kind that names one key
 *	--certificates N	in x5c
 *	--crl URL		in the first of them
 *	--subject TEXT		part of its subject
 *	--fido2-lib		ask that as well
 *
 * Standard output: a line of JSON. Exit status: 0 it is good, 1 it is not,
 * with one line on standard error; 2 wrong use.
 */

import { createHash, createPublicKey, verify, X509Certificate }
    from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from './runtime.mjs';

const { Refused, readRoots } = await load('./rp.mjs');
const { decodeCBOR, decodePartialCBOR } =
    await import('@levischuck/tiny-cbor');
await import('reflect-metadata');
const x509 = await import('@peculiar/x509');

const AAGUID = '1.3.6.1.4.1.45724.1.1.4';
const SERIAL = '1.3.6.1.4.1.45724.1.1.2';
const NONCE = '1.2.840.113635.100.8.2';
const DESCRIPTION = '1.3.6.1.4.1.11129.2.1.17';
const CURVES = { 1: 'P-256', 2: 'P-384', 3: 'P-521', 6: 'Ed25519' };
const HASHES = { '-7': 'sha256', '-35': 'sha384', '-36': 'sha512',
	'-257': 'sha256', '-8': null };

function require(condition, why)
{
	if (!condition)
		throw new Refused(why);
}

const bin = text => Buffer.from(text, 'base64url');
const sha256 = (...data) => data.reduce((h, d) => h.update(d),
    createHash('sha256')).digest();
const spki = key => key.export({ type: 'spki', format: 'der' });

/* --- what the answer says ----------------------------------------------- */

function credentialKey(cose)
{
	const b64 = n => Buffer.from(cose.get(n)).toString('base64url');
	const jwk = { 1: () => ({ kty: 'OKP', x: b64(-2) }),
		2: () => ({ kty: 'EC', x: b64(-2), y: b64(-3) }),
		3: () => ({ kty: 'RSA', n: b64(-1), e: b64(-2) }) }[
	    cose.get(1)]();

	return createPublicKey({ format: 'jwk',
	    key: { crv: CURVES[cose.get(-1)], ...jwk } });
}

function take(answer)
{
	const object = decodeCBOR(
	    new Uint8Array(bin(answer.response.attestationObject)));
	const authData = Buffer.from(object.get('authData'));
	const idLength = authData.readUInt16BE(53);
	const [cose] = decodePartialCBOR(new Uint8Array(authData),
	    55 + idLength);

	return {
		fmt: object.get('fmt'),
		statement: object.get('attStmt'),
		authData,
		clientDataHash: sha256(bin(answer.response.clientDataJSON)),
		aaguid: authData.subarray(37, 53),
		id: authData.subarray(55, 55 + idLength),
		cose,
		key: credentialKey(cose),
	};
}

/* --- certificates ------------------------------------------------------- */

function extension(cert, oid)
{
	return new x509.X509Certificate(cert.raw).extensions
	    .find(({ type }) => type === oid);
}

const octets = (cert, oid) => {
	const found = extension(cert, oid);

	require(found, `there is no extension ${oid}`);
	require(!found.critical, `${oid} is critical`);
	return Buffer.from(found.value);
};

/* Each is signed by the next, and the last by a root, or is one itself. */
function checkChain(certs, roots)
{
	const now = new Date();
	const signed = (lower, upper) => lower.checkIssued(upper) &&
	    lower.verify(upper.publicKey);
	const last = certs.at(-1);

	certs.forEach((cert, i) => {
		require(new Date(cert.validFrom) <= now &&
		    now < new Date(cert.validTo), 'a certificate has expired');
		require(i === 0 || (cert.ca && signed(certs[i - 1], cert)),
		    'the chain is broken');
	});
	require(!certs[0].ca, 'the first certificate is a CA\'s');
	require(roots.some(root => signed(last, root)),
	    'the chain does not end below the root');
	require(certs.every(cert => /TEST|^$/.test(cert.subject ?? '')),
	    'a subject does not say TEST');
}

function takeChain(list, roots)
{
	require(Array.isArray(list) && list.length > 0, 'x5c is missing');
	const certs = list.map(der => new X509Certificate(Buffer.from(der)));

	checkChain(certs, roots);
	return certs;
}

/* --- the formats -------------------------------------------------------- */

function checkSignature(key, alg, data, sig)
{
	require(verify(HASHES[alg], data, key, Buffer.from(sig)),
	    'the signature is wrong');
}

const members = (statement, names) => require(
    [...statement.keys()].join() === names, 'the statement has other ' +
    `members: ${[...statement.keys()].join()}`);

function subject(cert)
{
	return Object.fromEntries(cert.subject.split('\n')
	    .map(line => line.split(/=(.*)/).slice(0, 2)));
}

/* 8.2.1 */
function checkPacked(made, statement, { roots, enterprise })
{
	members(statement, 'alg,sig,x5c');
	const certs = takeChain(statement.get('x5c'), roots);
	const names = subject(certs[0]);
	const serial = extension(certs[0], SERIAL);

	require(octets(certs[0], AAGUID).equals(
	    Buffer.concat([Buffer.from([4, 16]), made.aaguid])),
	    'the certificate has another AAGUID');
	require(names.OU === 'Authenticator Attestation' && names.C &&
	    names.O && names.CN, 'the subject is incomplete');
	require(!!serial === enterprise, 'the serial number of the key is ' +
	    (serial ? 'there' : 'missing'));
	require(!serial || (serial.value.byteLength === 10 &&
	    names.serialNumber === Buffer.from(serial.value).subarray(2)
		.toString('hex').toUpperCase()), 'the serial number is odd');
	checkSignature(certs[0].publicKey, statement.get('alg'),
	    made.signed, statement.get('sig'));
	return certs;
}

function checkSelf(made, statement)
{
	members(statement, 'alg,sig');
	require(statement.get('alg') === made.cose.get(3),
	    'alg is not the credential\'s');
	checkSignature(made.key, statement.get('alg'), made.signed,
	    statement.get('sig'));
	return [];
}

/* 8.6 */
function checkU2f(made, statement, { roots })
{
	members(statement, 'sig,x5c');
	const certs = takeChain(statement.get('x5c'), roots);
	const point = Buffer.concat([Buffer.from([4]),
	    Buffer.from(made.cose.get(-2)), Buffer.from(made.cose.get(-3))]);

	require(certs.length === 1, 'there is more than one certificate');
	require(made.aaguid.equals(Buffer.alloc(16)), 'there is an AAGUID');
	checkSignature(certs[0].publicKey, -7, Buffer.concat([
	    Buffer.from([0]), made.authData.subarray(0, 32),
	    made.clientDataHash, made.id, point]), statement.get('sig'));
	return certs;
}

const sameKey = (made, cert) => require(
    spki(cert.publicKey).equals(spki(made.key)),
    'the certificate is not the credential\'s');

/* 8.4.1: the challenge is the fifth member; of the lists, purpose, origin */
function checkAndroid(made, statement, { roots })
{
	members(statement, 'alg,sig,x5c');
	const certs = statement.get('x5c');
	const chain = takeChain(certs.slice(0, -1), roots);
	const description = octets(chain[0], DESCRIPTION);
	const challenge = Buffer.concat([Buffer.from([4, 32]),
	    made.clientDataHash]);

	require(roots.some(root => root.raw.equals(Buffer.from(certs.at(-1)))),
	    'the last certificate is not the root');
	sameKey(made, chain[0]);
	require(description.includes(challenge), 'the challenge is another');
	require(description.includes(Buffer.from('a1053103020102', 'hex')),
	    'the purpose is not to sign');
	require(description.includes(Buffer.from('bf853e03020100', 'hex')),
	    'the origin is not the phone');
	require(!description.includes(Buffer.from('bf8458', 'hex')),
	    'all applications may use it');
	checkSignature(chain[0].publicKey, statement.get('alg'), made.signed,
	    statement.get('sig'));
	return chain;
}

/* 8.8 */
function checkApple(made, statement, { roots })
{
	members(statement, 'x5c');
	const certs = takeChain(statement.get('x5c'), roots);

	sameKey(made, certs[0]);
	require(octets(certs[0], NONCE).equals(Buffer.concat([
	    Buffer.from('3024a1220420', 'hex'), sha256(made.signed)])),
	    'the nonce is another');
	return certs;
}

/* 8.5 */
function checkSafetynet(made, statement, { roots })
{
	members(statement, 'ver,response');
	const jws = Buffer.from(statement.get('response')).toString();
	const [header, claims, sig] = jws.split('.');
	const { alg, x5c } = JSON.parse(bin(header));
	const said = JSON.parse(bin(claims));
	const certs = takeChain(x5c.map(b => Buffer.from(b, 'base64')), roots);

	require(alg === 'RS256', 'the JWS is not RS256');
	require(certs[0].checkHost('attest.android.com'),
	    'the certificate is of another host');
	require(said.nonce === sha256(made.signed).toString('base64'),
	    'the nonce is another');
	require(said.ctsProfileMatch === true, 'the phone is not fine');
	checkSignature(certs[0].publicKey, -257,
	    Buffer.from(`${header}.${claims}`), bin(sig));
	return certs;
}

function checkNone(made, statement)
{
	members(statement, '');
	return [];
}

/* 8.9 */
function checkCompound(made, statement, opt)
{
	require(Array.isArray(statement) && statement.length >= 2,
	    'there are not two statements');
	return statement.flatMap(part => {
		require([...part.keys()].join() === 'fmt,attStmt',
		    'a statement has other members');
		return CHECKS[part.get('fmt')](made, part.get('attStmt'), opt);
	});
}

const CHECKS = {
	packed: checkPacked, self: checkSelf, none: checkNone,
	'fido-u2f': checkU2f, 'android-key': checkAndroid, apple: checkApple,
	'android-safetynet': checkSafetynet, compound: checkCompound,
};

/* --- fido2-lib ---------------------------------------------------------- */

async function askFido2Lib(answer)
{
	const { Fido2Lib } = await import('fido2-lib');
	const client = JSON.parse(bin(answer.response.clientDataJSON));
	const buffer = text => new Uint8Array(bin(text)).buffer;

	try {
		const made = await new Fido2Lib({ attestation: 'direct' })
		    .attestationResult({ ...answer, id: buffer(answer.id),
			rawId: buffer(answer.rawId), response: {
				clientDataJSON: answer.response.clientDataJSON,
				attestationObject:
				    answer.response.attestationObject,
			} }, { challenge: client.challenge,
		    origin: client.origin, factor: 'either' });
		require(made.audit.validRequest && made.audit.complete,
		    'fido2-lib: not everything was checked');
		return made.authnrData.get('fmt');
	} catch (err) {
		if (err instanceof Refused)
			throw err;
		throw new Refused(`fido2-lib: ${err.message}`);
	}
}

/* --- use ---------------------------------------------------------------- */

function readUse()
{
	try {
		return parseArgs({ options: {
			format: { type: 'string' }, roots: { type: 'string' },
			enterprise: { type: 'boolean', default: false },
			certificates: { type: 'string' },
			crl: { type: 'string' }, subject: { type: 'string' },
			'fido2-lib': { type: 'boolean', default: false },
		} }).values;
	} catch (err) {
		console.error(`format_check: ${err.message}`);
		return process.exit(2);
	}
}

function judge(answer, args)
{
	const made = take(answer);
	const fmt = args.format === 'self' ? 'packed' : args.format;
	const roots = readRoots(args.roots)
	    .map(pem => new X509Certificate(pem));
	const list = made.statement.get?.('x5c');

	require(made.fmt === fmt, `the format is ${made.fmt}`);
	made.signed = Buffer.concat([made.authData, made.clientDataHash]);
	const certs = CHECKS[args.format](made, made.statement,
	    { roots, enterprise: args.enterprise });
	require(!args.certificates || list.length === +args.certificates,
	    `there are ${list?.length} certificates`);
	require(!args.crl || certs[0].raw.includes(args.crl),
	    'the CRL is somewhere else');
	require(!args.subject || certs[0].subject.includes(args.subject),
	    `the subject is ${certs[0]?.subject}`);
	return { fmt: made.fmt, alg: made.cose.get(3),
		leaf: certs[0]?.subject };
}

const args = readUse();
try {
	const answer = JSON.parse(readFileSync(0, 'utf8'));
	const said = judge(answer, args);

	if (args['fido2-lib'])
		said.fido2lib = await askFido2Lib(answer);
	console.log(JSON.stringify(said));
} catch (err) {
	if (!(err instanceof Refused) && !(err instanceof SyntaxError))
		throw err;
	console.error(`refused: ${err.message}`);
	process.exitCode = 1;
}
