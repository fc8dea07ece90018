/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format_check: what format_judges says of one registration
 * (RegistrationResponseJSON on standard input).
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

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from './runtime.mjs';

const { Refused, readRoots } = await load('./rp.mjs');
const { askFido2Lib, judge } = await load('./format_judges.mjs');

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

const args = readUse();
try {
	const answer = JSON.parse(readFileSync(0, 'utf8'));
	const said = judge(answer, { ...args, roots: readRoots(args.roots)
	    .map(pem => new X509Certificate(pem)) });

	if (said.findings.length > 0)
		throw new Refused(said.findings[0]);
	if (args['fido2-lib'])
		said.fido2lib = await askFido2Lib(answer);
	console.log(JSON.stringify(said));
} catch (err) {
	if (!(err instanceof Refused) && !(err instanceof SyntaxError))
		throw err;
	console.error(`refused: ${err.message}`);
	process.exitCode = 1;
}
