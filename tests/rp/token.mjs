/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token: a client and authenticator in a few lines, to test the relying party
 * with. It shares nothing with sealkey, so that a mistake of ours cannot be
 * agreed on by both sides. Nothing here is a secret.
 *
 * create() and get() take hooks, so that a test can break one thing: `change`
 * gets the parts before they are signed, `answer` the finished response.
 */

import {
	createHash, generateKeyPairSync, randomBytes, sign, webcrypto,
} from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { encodeCBOR } from '@levischuck/tiny-cbor';
import { tpmExtensions, tpmStatement } from './tpm_token.mjs';

x509.cryptoProvider.set(webcrypto);

export const AAGUID = Buffer.from('f1d0f1d000000000000000000000cafe', 'hex');
const AAGUID_OID = '1.3.6.1.4.1.45724.1.1.4';
const DAY_MS = 24 * 60 * 60 * 1000;

const UP = 0x01, UV = 0x04, AT = 0x40;

const sha256 = data => createHash('sha256').update(data).digest();
const b64 = data => Buffer.from(data).toString('base64url');
const uint32 = n => Buffer.from(Uint32Array.of(n).buffer).swap32();

/* --- attestation certificates ------------------------------------------- */

const SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const newKeys = () =>
	webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify']);

async function certify(subject, keys, issuer, extensions, life = [-1, 365])
{
	const now = Date.now();

	return x509.X509CertificateGenerator.create({
		serialNumber: randomBytes(8).toString('hex'),
		subject,
		issuer: issuer ? issuer.cert.subject : subject,
		notBefore: new Date(now + life[0] * DAY_MS),
		notAfter: new Date(now + life[1] * DAY_MS),
		signingAlgorithm: SIGNING,
		publicKey: keys.publicKey,
		signingKey: (issuer ?? { keys }).keys.privateKey,
		extensions,
	});
}

async function authority(name, issuer)
{
	const keys = await newKeys();
	const cert = await certify(`CN=${name}, O=Test, C=SE`, keys, issuer, [
		new x509.BasicConstraintsExtension(true, undefined, true),
	]);

	return { keys, cert };
}

/*
 * Root, intermediate and leaf; leaf: { subject, aaguid, ca, life } to break, or
 * { tpm } for one of a TPM's key: see tpmExtensions().
 */
export async function newAttestation(leaf = {})
{
	const root = await authority('Root');
	const middle = await authority('Intermediate', root);
	const keys = await newKeys();
	const inner = Buffer.concat([Buffer.from([0x04, 0x10]),
	    leaf.aaguid ?? AAGUID]);
	const cert = await certify(leaf.subject ?? (leaf.tpm ? '' :
	    'CN=Leaf, OU=Authenticator Attestation, O=Test, C=SE'),
	    keys, middle, leaf.tpm ? tpmExtensions(leaf.tpm) : [
		new x509.BasicConstraintsExtension(leaf.ca ?? false),
		new x509.Extension(AAGUID_OID, false, inner),
	    ], leaf.life);
	const pkcs8 = await webcrypto.subtle
	    .exportKey('pkcs8', keys.privateKey);

	return {
		fmt: leaf.tpm ? 'tpm' : 'packed',
		root: root.cert.toString('pem'),
		rootDer: new Uint8Array(root.cert.rawData),
		x5c: [cert, middle.cert].map(c => new Uint8Array(c.rawData)),
		key: { key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' },
	};
}

/* --- credentials -------------------------------------------------------- */

const bin = text => new Uint8Array(Buffer.from(text, 'base64url'));

const KINDS = {
	'-7': {
		make: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
		cose: j => [[1, 2], [3, -7], [-1, 1],
		    [-2, bin(j.x)], [-3, bin(j.y)]],
		hash: 'sha256',
	},
	'-8': {
		make: () => generateKeyPairSync('ed25519'),
		cose: j => [[1, 1], [3, -8], [-1, 6], [-2, bin(j.x)]],
		hash: null,
	},
	'-257': {
		make: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
		cose: j => [[1, 3], [3, -257], [-1, bin(j.n)], [-2, bin(j.e)]],
		hash: 'sha256',
	},
};

const clientData = (type, challenge, origin) =>
	`{"type":"${type}","challenge":"${challenge}","origin":"${origin}",` +
	'"crossOrigin":false}';

function authDataOf(p)
{
	const head = Buffer.concat([sha256(p.rpId), Buffer.from([p.flags]),
	    uint32(p.counter)]);

	if (!(p.flags & AT))
		return head;
	return Buffer.concat([head, p.aaguid, uint32(p.id.length).subarray(2),
	    p.id, p.cose]);
}

function statementOf(p, attestation, signed)
{
	if (p.fmt === 'none')
		return new Map();
	if (!attestation)
		return new Map([['alg', p.alg], ['sig', new Uint8Array(
		    sign(KINDS[p.alg].hash, signed, p.keys.privateKey))]]);
	if (p.fmt === 'tpm')
		return tpmStatement(p, attestation, signed);
	return new Map([
		['alg', -7],
		['sig', new Uint8Array(
		    sign('sha256', signed, attestation.key))],
		['x5c', p.x5c],
	]);
}

export class Token {
	credentials = [];

	/* attestation: of newAttestation(); null: packed self; "none": none */
	async create(options, origin, attestation, hooks = {})
	{
		const { alg } = options.pubKeyCredParams[0];
		const keys = KINDS[alg].make();
		const jwk = keys.publicKey.export({ format: 'jwk' });
		const p = {
			origin, alg, keys,
			type: 'webauthn.create',
			challenge: options.challenge,
			rpId: options.rp.id,
			flags: UP | UV | AT,
			counter: 1,
			aaguid: AAGUID,
			id: randomBytes(32),
			coseKey: new Map(KINDS[alg].cose(jwk)),
			fmt: attestation === 'none' ? 'none' :
			    attestation?.fmt ?? 'packed',
			x5c: attestation?.x5c,
		};

		hooks.change?.(p);
		p.cose = encodeCBOR(p.coseKey);
		this.credentials.push({ id: b64(p.id), keys, alg,
		    user: options.user.id, counter: p.counter });
		const answer = this.#created(p, attestation);
		hooks.answer?.(answer);
		return answer;
	}

	#created(p, attestation)
	{
		const text = p.text ??
		    clientData(p.type, p.challenge, p.origin);
		const authData = authDataOf(p);
		const signed = Buffer.concat([authData, sha256(text)]);
		const object = encodeCBOR(new Map([
			['fmt', p.fmt],
			['attStmt', statementOf(p, attestation, signed)],
			['authData', new Uint8Array(authData)],
		]));

		return {
			id: b64(p.id),
			rawId: b64(p.id),
			type: 'public-key',
			authenticatorAttachment: 'cross-platform',
			response: {
				clientDataJSON: b64(text),
				attestationObject: b64(object),
				authenticatorData: b64(authData),
				publicKey: b64(p.keys.publicKey.export(
				    { type: 'spki', format: 'der' })),
				publicKeyAlgorithm: p.alg,
				transports: ['usb'],
			},
			clientExtensionResults: { credProps: { rk: true } },
		};
	}

	async get(options, origin, hooks = {})
	{
		const own = this.credentials.at(-1);
		const p = {
			origin,
			type: 'webauthn.get',
			challenge: options.challenge,
			rpId: options.rpId,
			flags: UP | UV,
			counter: ++own.counter,
		};

		hooks.change?.(p);
		const text = p.text ??
		    clientData(p.type, p.challenge, p.origin);
		const authData = authDataOf(p);
		const answer = {
			id: own.id,
			rawId: own.id,
			type: 'public-key',
			authenticatorAttachment: 'cross-platform',
			response: {
				clientDataJSON: b64(text),
				authenticatorData: b64(authData),
				signature: b64(sign(KINDS[own.alg].hash,
				    Buffer.concat([authData, sha256(text)]),
				    own.keys.privateKey)),
				userHandle: own.user,
			},
			clientExtensionResults: {},
		};
		hooks.answer?.(answer);
		return answer;
	}
}
