// SPDX-License-Identifier: Apache-2.0
// A relying party that checks nothing: "sealkey rp-audit" says so of every
// fault. Start from here for one in another language or with another library.
import { createInterface } from 'node:readline';
import { randomBytes } from 'node:crypto';
const rpId = new URL(process.env.ORIGIN).hostname, keys = new Map();	// by user
const challenge = () => randomBytes(32).toString('base64url');

function options({ type, user, want }) {
	const known = (keys.get(user.id) ?? []).map(id => ({ type: 'public-key', id }));
	if (type === 'get')
		return { challenge: challenge(), rpId, userVerification: 'required',
		    allowCredentials: want.allowCredentials === 'user' ? known : [] };
	return { challenge: challenge(), rp: { id: rpId, name: rpId }, user, attestation: want.attestation,
	    pubKeyCredParams: want.algorithms.map(alg => ({ type: 'public-key', alg })), excludeCredentials: known,
	    authenticatorSelection: { residentKey: want.residentKey, userVerification: 'required' } };
}

function verify({ type, user, response }) {
	if (type === 'create' && typeof response.id === 'string')
		keys.set(user.id, [...keys.get(user.id) ?? [], response.id]);
	return { verified: true };
}

for await (const line of createInterface({ input: process.stdin })) {
	const request = JSON.parse(line);
	console.log(JSON.stringify(request.request === 'options' ? options(request) : verify(request)));
}
