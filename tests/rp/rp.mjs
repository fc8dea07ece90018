/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rp: a strict relying party on top of @simplewebauthn/server.
 *
 * It asks for what a careful site asks for and believes nothing: user
 * verification is required unless it was told otherwise, every challenge is
 * good for one answer, counters must rise, attestation chains end in the trust
 * anchors it was given. What the library is known to let through is checked
 * here as well, marked "own check" below, because this program is what tells
 * us that a key is right.
 *
 * Owns: the store, which is a JSON file or, without a path, memory. One
 * process at a time.
 * Errors: an answer that is refused throws Refused with one line; anything
 * else that is thrown is a mistake in this program or its use.
 */

import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import {
	generateAuthenticationOptions, generateRegistrationOptions,
	SettingsService, verifyAuthenticationResponse,
	verifyRegistrationResponse,
} from '@simplewebauthn/server';
import {
	decodeAttestationObject, decodeCredentialPublicKey, isoBase64URL,
	parseAuthenticatorData,
} from '@simplewebauthn/server/helpers';

const CHALLENGE_LIFE_MS = 10 * 60 * 1000;

/* IANA COSE registry: algorithms, key types and curves we can ask for */
export const ALGS = {
	'-7': { name: 'ES256', jwk: { kty: 'EC', crv: 'P-256' } },
	'-8': { name: 'EdDSA', jwk: { kty: 'OKP', crv: 'Ed25519' } },
	'-35': { name: 'ES384', jwk: { kty: 'EC', crv: 'P-384' } },
	'-36': { name: 'ES512', jwk: { kty: 'EC', crv: 'P-521' } },
	'-37': { name: 'PS256', jwk: { kty: 'RSA' } },
	'-257': { name: 'RS256', jwk: { kty: 'RSA' } },
};
const COSE_KTY = { 1: 'OKP', 2: 'EC', 3: 'RSA' };
const COSE_CRV = { 1: 'P-256', 2: 'P-384', 3: 'P-521', 6: 'Ed25519' };

export const LIBRARY = (() => {
	const file = new URL('node_modules/@simplewebauthn/server/package.json',
	    import.meta.url);
	const { name, version } = JSON.parse(readFileSync(file));
	return `${name} ${version}`;
})();

export class Refused extends Error {}

function require(condition, why)
{
	if (!condition)
		throw new Refused(why);
}

/* Do these base64url characters stand for exactly these bytes? */
const encodes = (text, bytes) =>
	text === Buffer.from(bytes).toString('base64url');

/* --- trust anchors ------------------------------------------------------ */

/* Certificates out of a PEM file, as PEM. */
export function readRoots(path)
{
	const re = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
	const roots = readFileSync(path, 'utf8').match(re) ?? [];

	if (roots.length === 0)
		throw new Error(`${path} holds no certificate`);
	return roots;
}

/*
 * TPM manufacturer (1), model (2) or version (3), attributes 2.23.133.2.N of
 * the name in a certificate (TCG EK profile, 3.2.9): a string follows the OID.
 */
function tpmAttribute(cert, n)
{
	const oid = Buffer.from([0x06, 5, 0x67, 0x81, 5, 2, n]);
	const at = cert.raw.indexOf(oid) + oid.length;

	require(at >= oid.length, 'certificate has neither subject nor TPM');
	return cert.raw.toString('utf8', at + 2, at + 2 + cert.raw[at + 1]);
}

/* What a certificate of a TPM's key says instead of a subject */
function tpmOf(cert)
{
	const [manufacturer, model, version] =
	    [1, 2, 3].map(n => tpmAttribute(cert, n));

	return `TPM of ${manufacturer}, ${model}, version ${version}`;
}

/* Subject on one line, most significant part last: "CN=..., O=..., C=.." */
const subjectOf = cert => cert.subject ?
	cert.subject.split('\n').reverse().join(', ') : tpmOf(cert);

/* Subjects from the leaf up to and including the anchor. */
function chainSubjects(x5c, roots)
{
	const certs = x5c.map(der => new X509Certificate(der));
	const top = certs.at(-1);
	const anchor = roots.map(pem => new X509Certificate(pem))
	    .find(root => top.checkIssued(root) && top.verify(root.publicKey));

	if (anchor)
		certs.push(anchor);
	return certs.map(subjectOf);
}

/* --- the store ---------------------------------------------------------- */

class Store {
	#path;

	constructor(path)
	{
		this.#path = path;
		this.data =
		    { site: {}, users: {}, pending: {}, credentials: {} };
		if (!path)
			return;
		try {
			this.data = JSON.parse(readFileSync(path, 'utf8'));
		} catch (err) {
			if (err.code !== 'ENOENT')
				throw new Error(`${path}: ${err.message}`);
		}
	}

	save()
	{
		if (!this.#path)
			return;
		writeFileSync(`${this.#path}.new`,
		    JSON.stringify(this.data, null, '\t') + '\n');
		renameSync(`${this.#path}.new`, this.#path);
	}
}

/* --- own checks --------------------------------------------------------- */

/*
 * Own check: the client wrote clientDataJSON by the rules of WebAuthn 5.8.1.1,
 * on which verifiers that do not parse JSON depend.
 */
function checkClientData(answer, type, challenge, origin)
{
	const text = Buffer.from(answer.response.clientDataJSON, 'base64url')
	    .toString('utf8');
	const prefix = `{"type":"${type}","challenge":"${challenge}",` +
	    `"origin":"${origin}","crossOrigin":false`;

	require(text.startsWith(prefix) &&
	    /^[,}]/.test(text.slice(prefix.length)),
	    'clientDataJSON is not serialised as WebAuthn 5.8.1.1 says');
}

/* A COSE key as OpenSSL sees it; throws unless it is fit for its algorithm. */
function publicKeyOf(cose)
{
	const key = decodeCredentialPublicKey(cose);
	const alg = ALGS[key.get(3)];
	const b64 = label => Buffer.from(key.get(label)).toString('base64url');
	const kty = COSE_KTY[key.get(1)];

	require(alg && kty === alg.jwk.kty, 'key type does not fit its alg');
	if (kty === 'RSA')
		return createPublicKey({ format: 'jwk',
		    key: { kty, n: b64(-1), e: b64(-2) } });

	const jwk = { kty, crv: COSE_CRV[key.get(-1)], x: b64(-2) };
	require(jwk.crv === alg.jwk.crv, 'curve does not fit its alg');
	if (kty === 'EC')
		jwk.y = b64(-3);
	return createPublicKey({ format: 'jwk', key: jwk });
}

/* Own check: the convenience members say what the attestation object says. */
function checkRegistrationJSON(answer, authData, parsed)
{
	const { response } = answer;
	const cose = parsed.credentialPublicKey;
	const alg = decodeCredentialPublicKey(cose).get(3);

	require(encodes(answer.id, parsed.credentialID),
	    'id is not the credential ID of the authenticator data');
	require(response.publicKeyAlgorithm === alg,
	    'publicKeyAlgorithm is not the alg of the credential key');
	require(Array.isArray(response.transports), 'transports is not a list');
	require(encodes(response.authenticatorData, authData),
	    'authenticatorData differs from the attestation object');

	let spki;
	try {
		spki = publicKeyOf(cose)
		    .export({ type: 'spki', format: 'der' });
	} catch (err) {
		throw new Refused(`credential key: ${err.message}`);
	}
	require(response.publicKey === undefined ||
	    encodes(response.publicKey, spki),
	    'publicKey differs from the attestation object');
	return alg;
}

/* TPM 2.0 Part 2, 8.3: fixedTPM, fixedParent, sensitiveDataOrigin */
const TPM_BOUND = 0x32;

/*
 * Own check: the library believes a key to be a TPM's that was made elsewhere,
 * or that may leave. The attributes come after two numbers of 16 bits.
 */
function checkTpmKey(statement)
{
	const pubArea = Buffer.from(statement.get('pubArea'));

	require((pubArea.readUInt32BE(4) & TPM_BOUND) === TPM_BOUND,
	    'the key was not made in the TPM, or may leave it');
}

const ANCHORED = ['packed', 'tpm', 'fido-u2f', 'android-key', 'apple',
	'android-safetynet'];

/* The certificates of a statement; android-safetynet has them in its JWS. */
function certificatesOf(fmt, statement)
{
	if (fmt !== 'android-safetynet')
		return statement.get('x5c');
	const jws = Buffer.from(statement.get('response')).toString();

	return JSON.parse(Buffer.from(jws.split('.')[0], 'base64url')).x5c
	    .map(text => Buffer.from(text, 'base64'));
}

/* Types whose chain ends in a trust anchor (WebAuthn 6.5.4) */
const CHAINED = ['basic', 'attca', 'anonca'];
const TYPES = { tpm: 'attca', apple: 'anonca' };

/* Own check: "packed" without a chain is signed under the key's own alg. */
function attestationType(fmt, statement, alg)
{
	if (fmt === 'none')
		return 'none';
	if (fmt === 'tpm')
		checkTpmKey(statement);
	if (certificatesOf(fmt, statement)?.length > 0)
		return TYPES[fmt] ?? 'basic';
	require(statement.get('alg') === alg,
	    'self attestation alg differs from the credential key');
	return 'self';
}

const descriptor = ({ id, transports }) => ({ id, transports });

/* --- the relying party -------------------------------------------------- */

export class RelyingParty {
	#store;
	#roots;
	#requireAttestation;
	#format;

	/*
	 * db                  path of the JSON file; none: memory
	 * roots               PEM trust anchors; none: no chain can be checked,
	 *                     and answers that carry one are refused
	 * requireAttestation  refuse what has no chain to a trust anchor
	 * format              refuse attestation of another one
	 * origin, rpID        the site, as stored or https://example.com
	 */
	constructor({ db, roots = [], requireAttestation = false, format,
	    origin, rpID })
	{
		this.#store = new Store(db);
		this.#roots = roots;
		this.#requireAttestation = requireAttestation;
		this.#format = format;
		/* of android-key, the text is compared, not the certificate */
		for (const identifier of ANCHORED)
			SettingsService.setRootCertificates({ identifier,
			    certificates: roots.map(pem => `${pem}\n`) });

		const { site } = this.#store.data;
		site.origin = origin ?? site.origin ?? 'https://example.com';
		if (origin && !rpID)
			site.rpID = undefined;
		site.rpID = rpID ?? site.rpID ?? new URL(site.origin).hostname;
	}

	get site()
	{
		return this.#store.data.site;
	}

	#expect(options, ceremony, details)
	{
		const { pending } = this.#store.data;
		const now = Date.now();

		for (const [challenge, { expires }] of Object.entries(pending))
			if (expires <= now)
				delete pending[challenge];
		pending[options.challenge] =
		    { ceremony, expires: now + CHALLENGE_LIFE_MS, ...details };
		this.#store.save();
		return options;
	}

	/* What was asked with this challenge; asking twice finds nothing. */
	#take(answer, ceremony)
	{
		const { pending } = this.#store.data;
		let challenge;

		try {
			({ challenge } = JSON.parse(Buffer.from(
			    answer.response.clientDataJSON, 'base64url')));
		} catch {
			throw new Refused('clientDataJSON cannot be read');
		}
		require(Object.hasOwn(pending, challenge) &&
		    pending[challenge].ceremony === ceremony,
		    'challenge was never sent, or was answered before');

		const asked = { challenge, ...pending[challenge] };
		delete pending[challenge];
		this.#store.save();
		require(asked.expires > Date.now(), 'challenge has expired');
		return asked;
	}

	async registrationOptions({ algs = [-7], attestation = 'direct',
	    residentKey = 'required', userVerification = 'required',
	    exclude = false, userName = 'alice', extensions } = {})
	{
		const { users, credentials } = this.#store.data;
		const options = await generateRegistrationOptions({
			rpName: 'sealkey test site',
			rpID: this.site.rpID,
			userName,
			userDisplayName: userName,
			userID: users[userName] &&
			    isoBase64URL.toBuffer(users[userName]),
			attestationType: attestation,
			supportedAlgorithmIDs: algs,
			authenticatorSelection:
			    { residentKey, userVerification },
			excludeCredentials: exclude ?
			    Object.values(credentials).map(descriptor) : [],
			extensions,
		});

		users[userName] = options.user.id;
		return this.#expect(options, 'register',
		    { userName, algs, residentKey, userVerification,
		    userId: options.user.id });
	}

	async verifyRegistration(answer)
	{
		const asked = this.#take(answer, 'register');
		const { origin, rpID } = this.site;
		const result = await refusing(verifyRegistrationResponse({
			response: answer,
			expectedChallenge: asked.challenge,
			expectedOrigin: origin,
			expectedRPID: rpID,
			requireUserVerification:
			    asked.userVerification === 'required',
			supportedAlgorithmIDs: asked.algs,
		}));
		require(result.verified, 'attestation signature is wrong');

		checkClientData(answer, 'webauthn.create', asked.challenge,
		    origin);
		return this.#register(answer, asked, result.registrationInfo);
	}

	#register(answer, asked, info)
	{
		const { credentials } = this.#store.data;
		const object = decodeAttestationObject(info.attestationObject);
		const authData = object.get('authData');
		const statement = object.get('attStmt');
		const parsed = parseAuthenticatorData(authData);
		const alg = checkRegistrationJSON(answer, authData, parsed);
		const attestation = attestationType(info.fmt, statement, alg);
		const chained = CHAINED.includes(attestation);
		const chain = chained ?
		    chainSubjects(certificatesOf(info.fmt, statement),
			this.#roots) : [];
		const { credential } = info;

		/* The library takes "no anchors" for "any chain will do". */
		require(!chained || this.#roots.length > 0,
		    'attestation has a chain, but there are no trust anchors');
		require(chained || !this.#requireAttestation,
		    `attestation is required, the answer has ${attestation}`);
		require([undefined, info.fmt].includes(this.#format),
		    `attestation ${this.#format} is required, not ${info.fmt}`);
		require(!Object.hasOwn(credentials, credential.id),
		    'credential ID is registered already');
		require(asked.residentKey !== 'required' ||
		    answer.clientExtensionResults?.credProps?.rk !== false,
		    'a discoverable credential was required and not made');

		credentials[credential.id] = {
			id: credential.id,
			publicKey:
			    isoBase64URL.fromBuffer(credential.publicKey),
			counter: credential.counter,
			transports: credential.transports,
			userId: asked.userId,
			userName: asked.userName,
			alg,
		};
		this.#store.save();
		return {
			ceremony: 'register',
			verified: true,
			verifier: LIBRARY,
			rpId: info.rpID,
			origin: info.origin,
			user: asked.userName,
			fmt: info.fmt,
			attestation,
			aaguid: info.aaguid,
			alg: ALGS[alg].name,
			credentialId: credential.id,
			userVerified: info.userVerified,
			deviceType: info.credentialDeviceType,
			backedUp: info.credentialBackedUp,
			counter: credential.counter,
			transports: credential.transports,
			chain,
			extensions: answer.clientExtensionResults,
		};
	}

	async authenticationOptions({ allow = true, userName,
	    userVerification = 'required', extensions } = {})
	{
		const known = Object.values(this.#store.data.credentials)
		    .filter(c => !userName || c.userName === userName);
		const allowed = allow ? known.map(descriptor) : [];
		const options = await generateAuthenticationOptions({
			rpID: this.site.rpID,
			userVerification,
			allowCredentials: allowed,
			extensions,
		});

		return this.#expect(options, 'login',
		    { allowed: allowed.map(({ id }) => id), userVerification });
	}

	async verifyAuthentication(answer)
	{
		const asked = this.#take(answer, 'login');
		const { credentials } = this.#store.data;
		const { origin, rpID } = this.site;

		require(Object.hasOwn(credentials, answer.id),
		    'credential is not registered');
		const stored = credentials[answer.id];
		const result = await refusing(verifyAuthenticationResponse({
			response: answer,
			expectedChallenge: asked.challenge,
			expectedOrigin: origin,
			expectedRPID: rpID,
			requireUserVerification:
			    asked.userVerification === 'required',
			credential: {
				...stored,
				publicKey:
				    isoBase64URL.toBuffer(stored.publicKey),
			},
		}));
		require(result.verified, 'signature is wrong');

		checkClientData(answer, 'webauthn.get', asked.challenge,
		    origin);
		return this.#signIn(answer, asked, stored,
		    result.authenticationInfo);
	}

	#signIn(answer, asked, stored, info)
	{
		const discoverable = asked.allowed.length === 0;
		const { userHandle } = answer.response;

		/* Own checks: WebAuthn 7.2 steps 5 and 6, left to the caller */
		require(discoverable || asked.allowed.includes(stored.id),
		    'credential was not among those allowed');
		require(userHandle === stored.userId ||
		    (!discoverable && userHandle === undefined),
		    'user handle is not that of the credential\'s owner');

		const previousCounter = stored.counter;
		stored.counter = info.newCounter;
		this.#store.save();
		return {
			ceremony: 'login',
			verified: true,
			verifier: LIBRARY,
			rpId: info.rpID,
			origin: info.origin,
			user: stored.userName,
			discoverable,
			alg: ALGS[stored.alg].name,
			credentialId: stored.id,
			userVerified: info.userVerified,
			deviceType: info.credentialDeviceType,
			backedUp: info.credentialBackedUp,
			previousCounter,
			counter: info.newCounter,
			extensions: answer.clientExtensionResults,
		};
	}
}

/* The library throws plain errors with long texts: one line with its causes. */
async function refusing(promise)
{
	try {
		return await promise;
	} catch (err) {
		const lines = new Set();
		for (let e = err; e; e = e.cause)
			lines.add(String(e.message).split('\n')[0]);
		throw new Refused([...lines].join(': '));
	}
}
