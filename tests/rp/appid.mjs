/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appid: a site that moved from U2F to WebAuthn (WebAuthn Level 3, 10.1.1).
 *
 *	node appid.mjs options APPID HANDLE
 *	node appid.mjs verify APPID HANDLE KEY ORIGIN < answer
 *
 * HANDLE and KEY are what a U2F registration gave, as hex. Exit status as
 * cli.mjs has it.
 */

import { readFileSync } from 'node:fs';
import { load } from './runtime.mjs';

const { verifyAuthenticationResponse } =
    await load('@simplewebauthn/server');

const CHALLENGE = 'c2VhbGtleSBhcHBpZCB0ZXN0';
const [command, appid, handle, key, origin] = process.argv.slice(2);
const id = Buffer.from(handle, 'hex').toString('base64url');

/* COSE_Key of ES256 from a point: 04, x, y */
function coseKey(point)
{
	return Buffer.concat([
		Buffer.from('a5010203262001215820', 'hex'),
		point.subarray(1, 33),
		Buffer.from('225820', 'hex'),
		point.subarray(33, 65),
	]);
}

async function verify()
{
	const answer = JSON.parse(readFileSync(0, 'utf8'));
	const result = await verifyAuthenticationResponse({
		response: answer,
		expectedChallenge: CHALLENGE,
		expectedOrigin: origin,
		expectedRPID: answer.clientExtensionResults.appid ? appid :
		    new URL(origin).hostname,
		requireUserVerification: false,
		credential: {
			id,
			publicKey: coseKey(Buffer.from(key, 'hex')),
			counter: 0,
		},
	});

	console.log(JSON.stringify({ verified: result.verified,
	    rpId: result.authenticationInfo.rpID }));
	return result.verified ? 0 : 1;
}

if (command === 'options') {
	console.log(JSON.stringify({
		challenge: CHALLENGE,
		allowCredentials: [{ type: 'public-key', id }],
		extensions: { appid },
	}));
} else {
	try {
		process.exitCode = await verify();
	} catch (err) {
		console.error(`refused: ${err.message}`);
		process.exitCode = 1;
	}
}
