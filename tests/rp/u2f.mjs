/* SPDX-License-Identifier: Apache-2.0 */
/*
 * u2f: what a browser makes of a U2F registration (CTAP 2.3, 10.2; WebAuthn
 * Level 3, 8.6), for keys that nobody asks in another way.
 *
 *	node u2f.mjs client-data ORIGIN < options
 *	node u2f.mjs answer CLIENTDATA RPID < registration
 *
 * The first prints clientDataJSON, whose SHA-256 is the challenge. The second
 * reads what "rawhost u2f" printed: public key, key handle, certificate and
 * signature; and prints a RegistrationResponseJSON.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [command, ...args] = process.argv.slice(2);
const hex = text => Buffer.from(text, 'hex');
const b64 = bytes => bytes.toString('base64url');

/* CBOR of up to 64 KiB: major type and length, then what it is about. */
function head(type, n)
{
	if (n < 24)
		return Buffer.from([type << 5 | n]);
	if (n < 256)
		return Buffer.from([type << 5 | 24, n]);
	return Buffer.from([type << 5 | 25, n >> 8, n & 255]);
}
const bytes = b => Buffer.concat([head(2, b.length), b]);
const text = t => Buffer.concat([head(3, t.length), Buffer.from(t)]);

/* DER: how long the SEQUENCE at the beginning is, whose length has 2 bytes. */
function sequenceLength(der)
{
	if (der[0] !== 0x30 || der[1] !== 0x82)
		throw new Error('the certificate is not one');
	return 4 + der.readUInt16BE(2);
}

/* As if up were all that the key could say. */
function authDataOf(rpId, handle, point)
{
	return Buffer.concat([
		createHash('sha256').update(rpId).digest(),
		Buffer.from([0x41, 0, 0, 0, 0]),
		Buffer.alloc(16),
		Buffer.from([0, handle.length]), handle,
		hex('a5010203262001215820'), point.subarray(1, 33),
		hex('225820'), point.subarray(33, 65),
	]);
}

function objectOf(authData, rest)
{
	const end = sequenceLength(rest);

	return Buffer.concat([
		head(5, 3),
		text('fmt'), text('fido-u2f'),
		text('attStmt'), head(5, 2),
		text('sig'), bytes(rest.subarray(end)),
		text('x5c'), head(4, 1), bytes(rest.subarray(0, end)),
		text('authData'), bytes(authData),
	]);
}

function printClientData(origin)
{
	const { challenge } = JSON.parse(readFileSync(0, 'utf8'));

	process.stdout.write(JSON.stringify({ type: 'webauthn.create',
	    challenge, origin, crossOrigin: false }));
}

function printAnswer(clientData, rpId)
{
	const [point, handle, rest] = readFileSync(0, 'utf8').split('\n')
	    .map(hex);
	const authData = authDataOf(rpId, handle, point);

	console.log(JSON.stringify({
		id: b64(handle),
		rawId: b64(handle),
		type: 'public-key',
		response: {
			clientDataJSON: b64(readFileSync(clientData)),
			attestationObject: b64(objectOf(authData, rest)),
			authenticatorData: b64(authData),
			transports: ['usb'],
			publicKeyAlgorithm: -7,
		},
		clientExtensionResults: {},
	}));
}

if (command === 'client-data')
	printClientData(...args);
else
	printAnswer(...args);
