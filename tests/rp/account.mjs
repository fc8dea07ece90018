/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account: what was asked and what came of it, for people to read.
 * At most 79 columns, every value on lines of its own.
 */

import { ALGS } from './rp.mjs';

const WIDTH = 79;
const LABEL_WIDTH = 14;

/* "    label     value", the value wrapped at commas and spaces */
function row(label, value)
{
	const lines = [];
	let line = '';

	for (const word of String(value).split(' ')) {
		const room = WIDTH - 4 - LABEL_WIDTH;
		if (line && line.length + 1 + word.length > room) {
			lines.push(line);
			line = word;
		} else {
			line += line ? ` ${word}` : word;
		}
	}
	lines.push(line);
	return lines.map((text, i) => '    ' +
	    (i ? '' : label).padEnd(LABEL_WIDTH) + text).join('\n');
}

const bytesIn = b64 => Buffer.from(b64, 'base64url').length;
const shorten = id => id.length > 24 ? `${id.slice(0, 21)}...` : id;
const yes = flag => flag ? 'yes' : 'no';

function registrationAsked(o)
{
	const algs = o.pubKeyCredParams
	    .map(({ alg }) => ALGS[alg]?.name ?? alg);
	const { residentKey, userVerification } = o.authenticatorSelection;

	return [
		row('asked for', `a new credential at ${o.rp.id} for ` +
		    `"${o.user.name}", ${algs.join(' or ')}`),
		row('', `challenge of ${bytesIn(o.challenge)} bytes, ` +
		    `attestation ${o.attestation}, ` +
		    `discoverable ${residentKey}, ` +
		    `user verification ${userVerification}`),
	];
}

function loginAsked(o)
{
	const n = o.allowCredentials?.length ?? 0;

	return [
		row('asked for', `a signature for ${o.rpId} by ` +
		    (n ? `one of ${n} credentials` :
		    'any credential (empty allow list)')),
		row('', `challenge of ${bytesIn(o.challenge)} bytes, ` +
		    `user verification ${o.userVerification}`),
	];
}

/* The options, as they were sent */
export const describeAsked = options =>
	(options.rp ? registrationAsked(options) : loginAsked(options))
	    .join('\n');

function attestationRows(a)
{
	const how = { basic: 'with a certificate chain',
	    attca: 'certified by a TPM, with a certificate chain',
	    self: 'signed by the credential itself', none: 'no statement' };
	const rows = [
		row('AAGUID', a.aaguid),
		row('format', `${a.fmt}, ${how[a.attestation]}`),
	];

	a.chain.forEach((subject, i) => rows.push(row(
	    i === 0 ? 'chain' : '',
	    i === a.chain.length - 1 ? `${subject} (trust anchor)` : subject)));
	return rows;
}

/* An account of rp.mjs of something that was verified */
export function describeVerified(a)
{
	const rows = [
		row('credential', `${shorten(a.credentialId)}, ` +
		    `${bytesIn(a.credentialId)} bytes, ${a.alg}, ` +
		    `user "${a.user}"`),
	];

	if (a.ceremony === 'register')
		rows.push(...attestationRows(a));
	rows.push(row('user verified', yes(a.userVerified)));
	rows.push(row('counter', a.ceremony === 'login' ?
	    `${a.counter}, was ${a.previousCounter}` : a.counter));
	rows.push(row('verified', `yes, by ${a.verifier}`));
	return rows.join('\n');
}
