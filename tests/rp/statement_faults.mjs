/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement_faults: each fault of an attestation statement breaks what it
 * says, and nothing else (TAP). A key registers with each of them, and
 * format_judges, which knows nothing of faults, finds that one thing. Faults
 * of the key that signs break no statement.
 *
 * SEALKEY names the program; build/sealkey.
 */

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from './runtime.mjs';

const { readRoots } = await load('./rp.mjs');
const { judge } = await load('./format_judges.mjs');

const SEALKEY = process.env.SEALKEY ?? 'build/sealkey';
const ORIGIN = 'https://example.com';

/* Format to be judged as, and what is to be found; [] is nothing. */
const FAULTS = {
	'att.sig-bad': ['packed', 'the signature is wrong'],
	'att.sig-empty': ['packed', 'the signature is wrong'],
	'att.sig-raw-rs': ['packed', 'the signature is wrong'],
	'att.sig-wrong-key': ['packed', 'the signature is wrong'],
	'att.sig-authdata-only': ['packed', 'the signature is wrong'],
	'att.alg-mismatch-basic': ['packed', 'alg -257 is not that of'],
	'att.alg-mismatch-self': ['self', 'alg is not the credential\'s',
	    'alg -257 is not that of'],
	'att.alg-missing': ['packed', 'other members: sig,x5c',
	    'alg undefined is not'],
	'att.alg-unknown': ['packed', 'alg -70000 is not'],
	'att.untrusted-root': ['packed', 'does not end below the root'],
	'att.self-signed-root-in-x5c':
	    ['packed', 'does not end below the root'],
	'att.leaf-self-signed': ['packed', 'does not end below the root'],
	'att.anchor-in-x5c': ['packed'],
	'att.missing-intermediate': ['packed', 'does not end below the root'],
	'att.x5c-empty': ['packed', 'x5c is missing'],
	'att.x5c-garbage': ['packed', 'asn1|ASN1|PEM|wrong tag'],
	'att.x5c-order': ['packed', 'chain is broken', 'is a CA\'s',
	    'not end below', 'no extension'],
	'att.leaf-expired': ['packed', 'a certificate has expired'],
	'att.leaf-notyet': ['packed', 'a certificate has expired'],
	'att.leaf-revoked': ['packed', 'the serial is revoked'],
	'att.crl-ssrf': ['packed', 'does not end below the root'],
	'att.leaf-bad-signature': ['packed', 'the chain is broken'],
	'att.leaf-ou': ['packed', 'OU is another'],
	'att.leaf-o': ['packed', 'the subject is incomplete'],
	'att.leaf-cn': ['packed', 'the subject is incomplete'],
	'att.leaf-c': ['packed', 'the subject is incomplete'],
	'att.leaf-c-unknown': ['packed', 'the country is none'],
	'att.leaf-v1': ['packed', 'the version is not 3'],
	'att.leaf-ca-true': ['packed', 'is a CA\'s'],
	'att.leaf-no-bc': ['packed', 'no basic constraints'],
	'att.leaf-aaguid-critical': ['packed', '1.1.4 is critical'],
	'att.leaf-aaguid': ['packed', 'has another AAGUID'],
	'att.self-when-basic-required': ['self'],
	'att.none-when-direct': ['none'],
	'att.fmt-none-with-stmt': ['none', 'other members: test'],
	'att.stmt-empty': ['packed', 'other members', 'x5c is missing'],
	'att.stmt-extra-key': ['packed', 'other members: alg,sig,x5c,test'],
	'att.fmt-unknown': ['packed', 'the format is sealkey-test'],
	'att.fmt-u2f-aaguid': ['fido-u2f', 'there is an AAGUID'],
	'att.u2f-two-certs': ['fido-u2f', 'more than one certificate'],
	'att.fmt-compound': ['compound'],
	'att.compound-one': ['compound', 'there are not two statements'],
	'att.compound-second-bad': ['compound', 'the signature is wrong'],
	'att.fmt-android-key': ['android-key'],
	'att.android-challenge': ['android-key', 'the challenge is another'],
	'att.android-key-other': ['android-key',
	    'is not the credential\'s', 'the signature is wrong'],
	'att.android-all-apps': ['android-key', 'all applications'],
	'att.android-origin': ['android-key', 'the origin is not'],
	'att.android-purpose': ['android-key', 'the purpose is not'],
	'att.android-software': ['android-key'],
	'att.apple-nonce': ['apple', 'the nonce is another'],
	'att.apple-key-other': ['apple', 'is not the credential\'s'],
	'att.safetynet-nonce': ['android-safetynet', 'the nonce is another'],
	'att.safetynet-cts': ['android-safetynet', 'the phone is not fine'],
	'att.safetynet-old': ['android-safetynet', 'the response is old'],
	'att.safetynet-host': ['android-safetynet', 'of another host'],
	'tpm.magic': ['tpm', 'magic is another'],
	'tpm.type-quote': ['tpm', 'the type is another'],
	'tpm.extradata': ['tpm', 'extraData is another'],
	'tpm.name': ['tpm', 'the name is not that of pubArea'],
	'tpm.namealg-mismatch': ['tpm', 'the name is not that of pubArea'],
	'tpm.certinfo-trailing': ['tpm', 'left over behind certInfo'],
	'tpm.clock-unsafe': ['tpm', 'the clock is not safe'],
	'tpm.pubarea-attrs': ['tpm', 'the key may leave its TPM'],
	'tpm.pubarea-key': ['tpm', 'that was certified is another'],
	'tpm.pubarea-trailing': ['tpm', 'left over behind pubArea'],
	'tpm.pubarea-scheme': ['tpm', 'scheme is not NULL'],
	'tpm.ver': ['tpm', 'ver is another'],
	'tpm.alg-rs1': ['tpm', 'SHA-1'],
	'tpm.alg-vs-aik': ['tpm', 'alg -257 is not that of'],
	'tpm.sig-tpmt': ['tpm', 'the signature is wrong'],
	'tpm.sig-bad': ['tpm', 'the signature is wrong'],
	'tpm.x5c-missing': ['tpm', 'other members', 'x5c is missing'],
	'tpm.untrusted-root': ['tpm', 'does not end below the root'],
	'tpm.aik-not-restricted': ['tpm'],
	'tpm.aik-subject': ['tpm', 'the AIK has a subject'],
	'tpm.aik-san-missing': ['tpm', 'the AIK names no TPM'],
	'tpm.aik-san-noncritical': ['tpm', 'is not critical'],
	'tpm.aik-san-manufacturer': ['tpm', 'the manufacturer is unknown'],
	'tpm.aik-san-model-missing': ['tpm', 'of the TPM is incomplete'],
	'tpm.aik-eku-missing': ['tpm', 'the AIK is not for this'],
	'tpm.aik-eku-other': ['tpm', 'the AIK is not for this'],
	'tpm.aik-eku-second': ['tpm', 'the purpose is not the first'],
	'tpm.aik-ca-true': ['tpm', 'is a CA\'s'],
	'tpm.aik-no-bc': ['tpm', 'no basic constraints'],
	'tpm.aik-aaguid-ext': ['tpm', 'the AIK has another AAGUID'],
};

const options = JSON.stringify({
	rp: { id: 'example.com', name: 'test' },
	user: { id: 'dXNlcg', name: 'alice', displayName: 'Alice' },
	challenge: 'c2VhbGtleSBzZWFsa2V5IHNlYWxrZXkh',
	pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
	attestation: 'direct',
});

const dir = mkdtempSync(join(tmpdir(), 'sealkey-faults-'));
const state = join(dir, 'key');
const run = (args, input) => execFileSync(SEALKEY, args, { input,
	encoding: 'utf8', env: { ...process.env, SEALKEY_TPM: 'none' },
	stdio: ['pipe', 'pipe', 'pipe'] });
const create = (...args) => JSON.parse(run(['webauthn', 'create', '--origin',
	ORIGIN, '--state', state, ...args], options));

let count = 0, failures = 0;

function report(name, why)
{
	count++;
	failures += why ? 1 : 0;
	console.log(`${why ? 'not ok' : 'ok'} ${count} - ${name}`);
	if (why)
		console.log(`# ${why}`);
}

function compare(found, wanted)
{
	const fits = found.length === wanted.length &&
	    found.every((line, i) => new RegExp(wanted[i]).test(line));

	return fits ? null : `found: ${found.join('; ') || 'nothing'}`;
}

/* With these the key signs and is certified as it is: every statement is as it
 * should be, and what is wrong with the key is all there is to find. */
const KEYS = ['key.weak-rsa', 'key.rsa-e3', 'key.rsa-e1'];
const KINDS = ['packed', 'self', 'android-key', 'apple', 'compound'];

function tryFault(name, [format, ...wanted], roots, ...args)
{
	try {
		const made = create('--fault', name, ...args);
		report([name, ...args].join(' '), compare(judge(made, { format, roots }).findings,
		    wanted));
	} catch (err) {
		report(name, String(err.stderr ?? err.stack)
		    .replaceAll('\n', ' '));
	}
}

/* No row without a test. */
function listed()
{
	const names = run(['fault', 'list']).split('\n')
	    .map(line => line.split(' ')[0])
	    .filter(name => /^(att|tpm)\./.test(name));
	const missing = names.filter(name => !FAULTS[name]);

	return missing.length || names.length !== Object.keys(FAULTS).length ?
	    `not here: ${missing.join()}` : null;
}

try {
	create();
	writeFileSync(join(dir, 'roots.pem'),
	    run(['attestation', 'roots', '--state', state]));
	const roots = readRoots(join(dir, 'roots.pem'))
	    .map(pem => new X509Certificate(pem));

	report('every one is here', listed());
	for (const [name, row] of Object.entries(FAULTS))
		tryFault(name, row, roots);
	for (const kind of KINDS)
		for (const name of KEYS)
			tryFault(name, [kind], roots,
			    '--set', `attestation=${kind}`);
	report('afterwards it is honest',
	    compare(judge(create(), { format: 'packed', roots }).findings, []));
} finally {
	rmSync(dir, { recursive: true });
}
console.log(`1..${count}`);
process.exitCode = failures > 0 ? 1 : 0;
