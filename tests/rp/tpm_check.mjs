/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_check: what tpm2-tools, openssl and, if asked, fido2-lib make of
 * registrations with "tpm" attestation: RegistrationResponseJSON on standard
 * input, one a line, or one over many lines. Sign-ins among them are passed
 * over.
 *
 *	sealkey webauthn create --attestation tpm ... | node tpm_check.mjs
 *
 *	--strict	sig is a TPMT_SIGNATURE
 *	--fido2-lib	ask fido2-lib as well (RSA credentials only)
 *
 * Standard output: a line of JSON for each. Exit status: 0 all are good,
 * 1 one is not, or there is none; one line on standard error; 2 wrong use.
 */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from './runtime.mjs';

const { Refused } = await load('./rp.mjs');
const { judgeByFido2Lib, judgeByTools } = await load('./tpm_judges.mjs');

function answers(text)
{
	try {
		return [JSON.parse(text)];
	} catch {
		return text.trim().split('\n').map(line => JSON.parse(line));
	}
}

function readUse()
{
	try {
		return parseArgs({ options: {
			'strict': { type: 'boolean', default: false },
			'fido2-lib': { type: 'boolean', default: false },
		} }).values;
	} catch (err) {
		console.error(`tpm_check: ${err.message}`);
		return process.exit(2);
	}
}

const args = readUse();
try {
	const made = answers(readFileSync(0, 'utf8'))
	    .filter(answer => answer.response?.attestationObject);

	if (made.length === 0)
		throw new Refused('there is no registration');
	for (const answer of made) {
		const said = judgeByTools(answer, { strict: args.strict });

		if (args['fido2-lib'])
			said.fido2lib = await judgeByFido2Lib(answer);
		console.log(JSON.stringify(said));
	}
} catch (err) {
	if (!(err instanceof Refused) && !(err instanceof SyntaxError))
		throw err;
	console.error(`refused: ${err.message}`);
	process.exitCode = 1;
}
