/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_judges: others' opinions of a registration with a "tpm" statement. One
 * is tpm2-tools', which parse what the TPM made and share no code with us nor
 * with @simplewebauthn/server, with openssl for the signature; the other is
 * fido2-lib's.
 *
 * Owns: a temporary directory while judging.
 * Errors: Refused with one line; anything else that is thrown is a mistake
 * here, or a program that is missing.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeCBOR, decodePartialCBOR } from '@levischuck/tiny-cbor';
import { Refused } from './rp.mjs';

function require(condition, why)
{
	if (!condition)
		throw new Refused(why);
}

const bin = text => Buffer.from(text, 'base64url');
const hash = (name, ...data) => data.reduce(
	(h, d) => h.update(d), createHash(name)).digest();

/* attStmt.alg: what signs, and the hash under it (WebAuthn Level 3, 8.3) */
const ALGS = {
	'-7': { kty: 'ec', hash: 'sha256', tpm: [0x0018, 0x000b] },
	'-257': { kty: 'rsa', hash: 'sha256', tpm: [0x0014, 0x000b] },
	'-65535': { kty: 'rsa', hash: 'sha1', tpm: [0x0014, 0x0004] },
};
const ATTRIBUTES = /value: fixedtpm\|fixedparent\|sensitivedataorigin\|/;
const CURVES = { 1: 'P-256', 2: 'P-384', 3: 'P-521' };

/* --- what the answer says ----------------------------------------------- */

/* The COSE key in authenticator data, as OpenSSL sees it. */
function credentialKey(authData)
{
	const at = 37 + 16 + 2 + authData.readUInt16BE(53);
	const [cose] = decodePartialCBOR(new Uint8Array(authData), at);
	const b64 = n => Buffer.from(cose.get(n)).toString('base64url');
	const key = cose.get(1) === 3 ?
	    { kty: 'RSA', n: b64(-1), e: b64(-2) } :
	    { kty: 'EC', crv: CURVES[cose.get(-1)], x: b64(-2), y: b64(-3) };

	return createPublicKey({ format: 'jwk', key });
}

function take(answer)
{
	const object = decodeCBOR(
	    new Uint8Array(bin(answer.response.attestationObject)));
	const statement = object.get('attStmt');

	require(object.get('fmt') === 'tpm',
	    `the format is ${object.get('fmt')}`);
	require([...statement.keys()].join() ===
	    'alg,sig,ver,x5c,pubArea,certInfo', 'the statement has other ' +
	    'members, or in another order');
	require(statement.get('ver') === '2.0', 'ver is not 2.0');
	require(ALGS[statement.get('alg')], 'alg is none that TPMs have');
	return {
		authData: Buffer.from(object.get('authData')),
		clientData: bin(answer.response.clientDataJSON),
		alg: ALGS[statement.get('alg')],
		sig: Buffer.from(statement.get('sig')),
		x5c: statement.get('x5c').map(c => Buffer.from(c)),
		pubArea: Buffer.from(statement.get('pubArea')),
		certInfo: Buffer.from(statement.get('certInfo')),
	};
}

/* --- what others read in it --------------------------------------------- */

const run = (dir, program, ...args) => {
	try {
		return execFileSync(program, args, { cwd: dir,
		    encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'],
		    env: { ...process.env, TPM2TOOLS_TCTI: 'none' } });
	} catch (err) {
		if (err.code === 'ENOENT')
			throw err;
		const why = `${err.stdout}${err.stderr}`.trim();
		throw new Refused(`${program} ${args[0]}: ` +
		    why.split('\n')[0]);
	}
};

/* The value behind "name:" in the YAML that tpm2-tools write. */
function value(yaml, name)
{
	const found = yaml.match(new RegExp(`^ *${name}: *(\\S+)$`, 'm'));

	require(found, `tpm2_print says nothing of ${name}`);
	return found[1];
}

/* DER of an ECDSA signature, out of a TPMT_SIGNATURE; RSA's bare bytes. */
function bareSignature({ alg, sig })
{
	const sized = at => sig.subarray(at + 2, at + 2 +
	    sig.readUInt16BE(at));
	const integer = n => {
		const at = n.findIndex(byte => byte !== 0);
		const bytes = n.subarray(at);
		const pad = bytes[0] & 0x80 ? [0] : [];
		return Buffer.from([2, bytes.length + pad.length, ...pad,
		    ...bytes]);
	};

	require(sig.readUInt16BE(0) === alg.tpm[0] &&
	    sig.readUInt16BE(2) === alg.tpm[1],
	    'the signature is no TPMT_SIGNATURE of that alg');
	const first = sized(4);
	if (alg.kty === 'rsa') {
		require(sig.length === 6 + first.length, 'bytes are left over');
		return first;
	}
	const second = sized(6 + first.length);
	require(sig.length === 8 + first.length + second.length,
	    'bytes are left over');
	const both = Buffer.concat([integer(first), integer(second)]);
	return Buffer.concat([Buffer.from([0x30, both.length]), both]);
}

function checkSignature(dir, made, strict)
{
	writeFileSync(join(dir, 'ak.der'), made.x5c[0]);
	writeFileSync(join(dir, 'sig'),
	    strict ? bareSignature(made) : made.sig);
	writeFileSync(join(dir, 'ak.pem'), run(dir, 'openssl', 'x509',
	    '-inform', 'DER', '-in', 'ak.der', '-noout', '-pubkey'));
	require(run(dir, 'openssl', 'dgst', `-${made.alg.hash}`, '-verify',
	    'ak.pem', '-signature', 'sig', 'certInfo').trim() ===
	    'Verified OK', 'openssl does not verify the signature');
}

function checkKey(dir, made)
{
	const yaml = run(dir, 'tpm2_print', '-t', 'TPMT_PUBLIC', 'pubArea');
	const pem = run(dir, 'tpm2_print', '-t', 'TPMT_PUBLIC', '-f', 'pem',
	    'pubArea');
	const spki = key => key.export({ type: 'spki', format: 'der' });

	require(ATTRIBUTES.test(yaml), 'the key may leave its TPM');
	require(spki(createPublicKey(pem)).equals(
	    spki(credentialKey(made.authData))),
	    'the key that was certified is not the credential\'s');
}

/*
 * tpm2_print knows what all statements begin with, and says so, but of a
 * TPM2_Certify it does not print the rest, and fails: that is an error only
 * if it is another one.
 */
function printStatement(dir)
{
	const { stdout, stderr, error } = spawnSync('tpm2_print',
	    ['-t', 'TPMS_ATTEST', 'certInfo'], { cwd: dir, encoding: 'utf8' });

	if (error)
		throw error;
	require(stderr === '' || stderr.includes('unsupported type 0x8017'),
	    `tpm2_print: ${stderr.split('\n')[0]}`);
	return stdout;
}

/* The rest: name and qualified name, and nothing behind them. */
function certified(yaml, certInfo)
{
	const signer = value(yaml, 'qualifiedSigner').length / 2;
	const extra = value(yaml, 'extraData').length / 2;
	const at = 4 + 2 + 2 + signer + 2 + extra + 17 + 8;
	const name = certInfo.subarray(at + 2, at + 2 +
	    certInfo.readUInt16BE(at));
	const behind = at + 2 + name.length;

	require(certInfo.length === behind + 2 +
	    certInfo.readUInt16BE(behind), 'bytes are left over');
	return name;
}

function checkStatement(dir, made)
{
	const yaml = printStatement(dir);
	const name = Buffer.concat([Buffer.from([0, 0x0b]),
	    hash('sha256', made.pubArea)]);
	const extra = hash(made.alg.hash, made.authData,
	    hash('sha256', made.clientData));

	require(value(yaml, 'magic') === 'ff544347', 'not made by a TPM');
	require(value(yaml, 'type') === '8017', 'not of TPM2_Certify');
	require(value(yaml, 'extraData') === extra.toString('hex'),
	    'extraData is not the hash of this registration');
	require(certified(yaml, made.certInfo).equals(name),
	    'what was certified is not pubArea');
}

/*
 * By tpm2-tools and openssl. strict: sig is a TPMT_SIGNATURE. Returns what
 * there is to say of it.
 */
export function judgeByTools(answer, { strict = false } = {})
{
	const made = take(answer);
	const dir = mkdtempSync(join(tmpdir(), 'sealkey-tpm-'));

	try {
		writeFileSync(join(dir, 'pubArea'), made.pubArea);
		writeFileSync(join(dir, 'certInfo'), made.certInfo);
		checkStatement(dir, made);
		checkKey(dir, made);
		checkSignature(dir, made, strict);
	} finally {
		rmSync(dir, { recursive: true });
	}
	return { credential: credentialKey(made.authData).asymmetricKeyType,
		ak: made.alg.kty, hash: made.alg.hash };
}

/* By fido2-lib, which knows only RSA credentials here. */
export async function judgeByFido2Lib(answer)
{
	const { Fido2Lib } = await import('fido2-lib');
	const client = JSON.parse(bin(answer.response.clientDataJSON));
	const buffer = text => new Uint8Array(bin(text)).buffer;
	let made;

	try {
		made = await new Fido2Lib({ attestation: 'direct' })
		    .attestationResult({
			...answer,
			id: buffer(answer.id),
			rawId: buffer(answer.rawId),
			response: {
				clientDataJSON:
				    answer.response.clientDataJSON,
				attestationObject:
				    answer.response.attestationObject,
			},
		}, { challenge: client.challenge, origin: client.origin,
		    factor: 'either' });
	} catch (err) {
		throw new Refused(`fido2-lib: ${err.message.split('\n')[0]}`);
	}
	require(made.audit.journal.has('sig') &&
	    made.audit.validAttestation !== false,
	    'fido2-lib did not verify the attestation');
	return { format: made.authnrData.get('fmt') };
}
