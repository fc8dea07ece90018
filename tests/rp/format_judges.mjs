/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format_judges: what node's crypto and a certificate parser make of one
 * registration, by the verification procedures of WebAuthn Level 3, 8. No
 * library for relying parties, and nothing of ours, has a part in it. What is
 * wrong is listed, and the judgement goes on as far as it can: so one fault is
 * seen to be one.
 */

import { createHash, createPublicKey, verify, X509Certificate }
    from 'node:crypto';
import { decodeCBOR, decodePartialCBOR } from '@levischuck/tiny-cbor';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { Refused } from './rp.mjs';

const AAGUID = '1.3.6.1.4.1.45724.1.1.4';
const SERIAL = '1.3.6.1.4.1.45724.1.1.2';
const NONCE = '1.2.840.113635.100.8.2';
const DESCRIPTION = '1.3.6.1.4.1.11129.2.1.17';
const CURVES = { 1: 'P-256', 2: 'P-384', 3: 'P-521', 6: 'Ed25519' };
const HASHES = { '-7': 'sha256', '-35': 'sha384', '-36': 'sha512',
	'-257': 'sha256', '-8': null, '-65535': 'sha1' };
const KINDS = { '-7': 'ec', '-35': 'ec', '-36': 'ec', '-257': 'rsa',
	'-8': 'ed25519', '-65535': 'rsa' };

const findings = [];

/* Goes on nevertheless. */
function require(condition, why)
{
	if (!condition)
		findings.push(why);
}

/* Without this there is nothing to go on with. */
function demand(condition, why)
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

	demand(found, `there is no extension ${oid}`);
	require(!found.critical, `${oid} is critical`);
	return Buffer.from(found.value);
};

/* Each is signed by the next, and the last by a root, or is one itself. */
const REVOKED = 'REVOKED BY TEST!';

function checkChain(certs, roots)
{
	const now = new Date();
	const signed = (lower, upper) => lower.checkIssued(upper) &&
	    lower.verify(upper.publicKey);
	const last = certs.at(-1);

	require(extension(certs[0], '2.5.29.19'),
	    'there are no basic constraints');
	require(new x509.X509Certificate(certs[0].raw).version !== 1 &&
	    certs[0].raw.includes(Buffer.from('a003020102', 'hex')),
	    'the version is not 3');
	require(!certs[0].raw.includes(REVOKED), 'the serial is revoked');
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
	demand(Array.isArray(list) && list.length > 0, 'x5c is missing');
	const certs = list.map(der => new X509Certificate(Buffer.from(der)));

	checkChain(certs, roots);
	return certs;
}

/* --- the formats -------------------------------------------------------- */

function checkSignature(key, alg, data, sig)
{
	const kind = key.asymmetricKeyType;

	require(KINDS[alg] === kind, `alg ${alg} is not that of the key`);
	require(verify(HASHES[alg] ?? (kind === 'ed25519' ? null : 'sha256'),
	    data, key, Buffer.from(sig)), 'the signature is wrong');
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
	require(names.OU === 'Authenticator Attestation', 'OU is another');
	require(names.C && names.O && names.CN, 'the subject is incomplete');
	require(names.C !== 'AA', 'the country is none');
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
	require(Math.abs(Date.now() - said.timestampMs) < 60000,
	    'the response is old');
	checkSignature(certs[0].publicKey, -257,
	    Buffer.from(`${header}.${claims}`), bin(sig));
	return certs;
}

function checkNone(made, statement)
{
	members(statement, '');
	return [];
}

/* --- tpm ---------------------------------------------------------------- */

/* 8.3.1 */
function checkAik(cert, aaguid)
{
	const san = new x509.X509Certificate(cert.raw).extensions
	    .find(({ type }) => type === '2.5.29.17');
	const eku = extension(cert, '2.5.29.37');
	const purpose = Buffer.from('06056781050803', 'hex');
	const der = eku && Buffer.from(eku.value);
	const says = n => san && Buffer.from(san.value)
	    .includes(Buffer.from([6, 5, 0x67, 0x81, 5, 2, n]));

	require(!cert.subject, 'the AIK has a subject');
	require(san, 'the AIK names no TPM');
	require(!san || san.critical, 'the name of the TPM is not critical');
	require(!san || (says(1) && says(2) && says(3)),
	    'the name of the TPM is incomplete');
	require(!san || Buffer.from(san.value).includes('id:49424D00'),
	    'the manufacturer is unknown');
	require(der?.includes(purpose), 'the AIK is not for this');
	require(!der?.includes(purpose) || der.indexOf(purpose) === 2,
	    'the purpose is not the first');
	const own = extension(cert, AAGUID);
	require(!own || Buffer.from(own.value).subarray(2).equals(aaguid),
	    'the AIK has another AAGUID');
}

/* A reader of numbers and sized bytes, in order. */
function reader(bytes)
{
	let at = 0;
	const number = n => bytes.readUIntBE((at += n) - n, n);
	const sized = () => {
		const length = number(2);
		return bytes.subarray(at, at += length);
	};

	return { number, sized, left: () => bytes.length - at };
}

/* TPM 2.0 Part 2, 12.2.4; returns the key as a JWK has it */
function checkPubArea(bytes)
{
	const r = reader(bytes);
	const rsa = r.number(2) === 1;
	const b64 = data => data.toString('base64url');

	require(r.number(2) === 0x000b, 'nameAlg is not SHA-256');
	require((r.number(4) & 0x32) === 0x32, 'the key may leave its TPM');
	r.sized();
	require(r.number(2) === 0x0010, 'symmetric is not NULL');
	if (r.number(2) !== 0x0010) {
		require(false, 'scheme is not NULL');
		r.number(2);
	}
	r.number(2);
	r.number(rsa ? 4 : 2);
	const key = rsa ? { kty: 'RSA', e: 'AQAB', n: b64(r.sized()) } :
	    { kty: 'EC', crv: 'P-256', x: b64(r.sized()), y: b64(r.sized()) };
	require(r.left() === 0, 'bytes are left over behind pubArea');
	return key;
}

/* TPM 2.0 Part 2, 10.12.12 */
function checkCertInfo(bytes, pubArea, extra)
{
	const r = reader(bytes);

	require(r.number(4) === 0xff544347, 'magic is another');
	require(r.number(2) === 0x8017, 'the type is another');
	r.sized();
	require(r.sized().equals(extra), 'extraData is another');
	r.number(6), r.number(2), r.number(6), r.number(2);
	require(r.number(1) === 1, 'the clock is not safe');
	r.number(6), r.number(2);
	require(r.sized().equals(Buffer.concat([Buffer.from([0, 11]),
	    sha256(pubArea)])), 'the name is not that of pubArea');
	r.sized();
	require(r.left() === 0, 'bytes are left over behind certInfo');
}

/* 8.3 */
function checkTpm(made, statement, { roots })
{
	members(statement, 'alg,sig,ver,x5c,pubArea,certInfo');
	const alg = statement.get('alg');
	const certs = takeChain(statement.get('x5c'), roots);
	const pubArea = Buffer.from(statement.get('pubArea'));
	const certInfo = Buffer.from(statement.get('certInfo'));
	const jwk = checkPubArea(pubArea);
	const own = made.key.export({ format: 'jwk' });

	require(statement.get('ver') === '2.0', 'ver is another');
	require(alg !== -65535, 'SHA-1');
	require((jwk.n ?? jwk.x) === (own.n ?? own.x) && jwk.y === own.y,
	    'the key that was certified is another');
	checkCertInfo(certInfo, pubArea, createHash(HASHES[alg])
	    .update(made.signed).digest());
	checkAik(certs[0], made.aaguid);
	checkSignature(certs[0].publicKey, alg, certInfo,
	    statement.get('sig'));
	return certs;
}

/* 8.9 */
function checkCompound(made, statement, opt)
{
	demand(Array.isArray(statement) && statement.length >= 2,
	    'there are not two statements');
	return statement.flatMap(part => {
		require([...part.keys()].join() === 'fmt,attStmt',
		    'a statement has other members');
		return CHECKS[part.get('fmt')](made, part.get('attStmt'), opt);
	});
}

const CHECKS = {
	packed: checkPacked, self: checkSelf, none: checkNone, tpm: checkTpm,
	'fido-u2f': checkU2f, 'android-key': checkAndroid, apple: checkApple,
	'android-safetynet': checkSafetynet, compound: checkCompound,
};

/* --- fido2-lib ---------------------------------------------------------- */

export async function askFido2Lib(answer)
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
		demand(made.audit.validRequest && made.audit.complete,
		    'fido2-lib: not everything was checked');
		return made.authnrData.get('fmt');
	} catch (err) {
		if (err instanceof Refused)
			throw err;
		throw new Refused(`fido2-lib: ${err.message}`);
	}
}

/* --- the judgement ------------------------------------------------------ */

/*
 * opt: format ("self" is packed without x5c), roots (X509Certificate),
 * enterprise, certificates, crl, subject. Returns what there is to say, and
 * findings: what is wrong, a line each.
 */
export function judge(answer, opt)
{
	const said = {};

	findings.length = 0;
	try {
		const made = take(answer);
		const list = made.statement.get?.('x5c');
		let certs = [];

		said.fmt = made.fmt;
		said.alg = made.cose.get(3);
		made.signed = Buffer.concat([made.authData,
		    made.clientDataHash]);
		demand(made.fmt === (opt.format === 'self' ? 'packed' :
		    opt.format), `the format is ${made.fmt}`);
		certs = CHECKS[opt.format](made, made.statement,
		    { enterprise: false, ...opt });
		said.leaf = certs[0]?.subject;
		require(!opt.certificates ||
		    list.length === +opt.certificates,
		    `there are ${list?.length} certificates`);
		require(!opt.crl || certs[0].raw.includes(opt.crl),
		    'the CRL is somewhere else');
		require(!opt.subject || said.leaf.includes(opt.subject),
		    `the subject is ${said.leaf}`);
	} catch (err) {
		findings.push(err.message);
	}
	return { ...said, findings: [...findings] };
}
