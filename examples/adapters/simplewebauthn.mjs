// SPDX-License-Identifier: Apache-2.0
// A strict relying party on @simplewebauthn/server, for "sealkey rp-audit":
// sealkey rp-audit --origin https://example.com --rp 'node simplewebauthn.mjs'
import { createInterface } from 'node:readline';
import * as webauthn from '@simplewebauthn/server';
const origin = process.env.ORIGIN, rpID = new URL(origin).hostname, users = new Map(), keys = new Map();
const check = (ok, why) => { if (!ok) throw new Error(why); };
const trust = (formats, certificates) => formats.forEach(identifier =>
	webauthn.SettingsService.setRootCertificates({ identifier, certificates }));
async function options({ type, user: { id, name }, want }) {
	const u = users.get(id) ?? { keys: [], algorithms: want.algorithms };
	const o = type === 'create' ? await webauthn.generateRegistrationOptions({ rpID, rpName: rpID, userName: name,
		userID: Buffer.from(id, 'base64url'), attestationType: want.attestation, supportedAlgorithmIDs: u.algorithms,
		excludeCredentials: u.keys, authenticatorSelection: { residentKey: want.residentKey, userVerification: 'required' } }) :
	    await webauthn.generateAuthenticationOptions({ rpID, userVerification: 'required',
		allowCredentials: want.allowCredentials === 'user' ? u.keys : [] });
	return users.set(id, { ...u, challenge: o.challenge, named: want.allowCredentials === 'user' }) && o;
}
async function verify({ type, user, response, trustAnchors, metadata }) {
	const u = users.get(user.id), key = keys.get(response.id), expected = { response, expectedChallenge: u.challenge,
		expectedOrigin: origin, expectedRPID: rpID, supportedAlgorithmIDs: u.algorithms };
	users.set(user.id, { ...u, challenge: 'used' });
	trust(['packed', 'tpm', 'fido-u2f', 'android-key', 'android-safetynet', 'apple'], trustAnchors);
	trust(['mds'], metadata ? [metadata.root] : []);
	await webauthn.MetadataService.initialize({ mdsServers: metadata ? [`data:,${metadata.blob}`] : [],
		verificationMode: metadata ? 'strict' : 'permissive' });
	if (type === 'create') {
		const { verified, registrationInfo: info } = await webauthn.verifyRegistrationResponse(expected);
		check(verified && !keys.has(info.credential.id), 'not verified, or registered already');
		keys.set(info.credential.id, { ...info.credential, user: user.id }) && u.keys.push(info.credential);
		return { verified };
	}
	check(key?.user === user.id && (response.response.userHandle ?? (u.named && user.id)) === user.id, 'somebody else');
	const { verified, authenticationInfo } = await webauthn.verifyAuthenticationResponse({ ...expected, credential: key });
	key.counter = authenticationInfo.newCounter;
	return { verified };
}
const answer = asked => (asked.request === 'options' ? options : verify)(asked).catch(e => ({ verified: false, error: e.message }));
for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await answer(JSON.parse(line))));
