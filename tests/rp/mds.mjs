/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mds: what @simplewebauthn/server's MetadataService makes of the metadata
 * that sealkey publishes. (TAP)
 *
 * Keys of several models register with a site that knows nothing of them but
 * what `sealkey mds serve` says, in both shapes and with both algorithms; then
 * every fault of metadata is tried. What this version of the library lets
 * through is written down (ACCEPTED), so that a change of it is seen.
 *
 * SEALKEY names the program; build/sealkey.
 */

import { load } from './runtime.mjs';

const { spawn, spawnSync } = await import('node:child_process');
const { once } = await import('node:events');
const { mkdtempSync, renameSync, rmSync, writeFileSync } =
    await import('node:fs');
const { tmpdir } = await import('node:os');
const { join } = await import('node:path');
const { createInterface } = await import('node:readline');
const { MetadataService, SettingsService, verifyRegistrationResponse } =
    await load('@simplewebauthn/server');

const SEALKEY = process.env.SEALKEY ?? 'build/sealkey';
const ORIGIN = 'https://example.com';
const CHALLENGE = Buffer.alloc(32, 7).toString('base64url');
const OURS = '93a46401-ecad-4593-9b67-4eacf8a0a8c0';
const MODELS = ['sealkey', 'yubikey-5-nfc', 'yubikey-5-nfc-fw57', 'titan-v2',
    'security-key-nfc', 'solokey'];

/*
 * What a site gets away with that leaves all to this version: it does not
 * look at these, and so accepts the key all the same.
 */
const ACCEPTED = new Set(['mds.status-revoked', 'mds.status-retired',
    'mds.status-update-available', 'mds.status-not-fido-certified',
    'mds.status-future', 'mds.status-sunset', 'mds.status-none',
    'mds.aaguid-other', 'mds.getinfo-aaguid', 'mds.duplicate-entry',
    'mds.statement-missing', 'mds.schema', 'mds.protocol-family',
    'mds.root-missing', 'mds.rollback',
    'mds.number-missing']);

const work = mkdtempSync(join(tmpdir(), 'sealkey-mds-'));
const state = join(work, 'key');
const children = new Set();
process.on('exit', () => {
	for (const child of children)
		child.kill('SIGKILL');
	rmSync(work, { recursive: true, force: true });
});

let count = 0;
let failures = 0;

function report(passed, name, detail)
{
	count++;
	failures += passed ? 0 : 1;
	console.log(`${passed ? 'ok' : 'not ok'} ${count} - ${name}`);
	if (!passed)
		console.log(`# ${String(detail).replaceAll('\n', '\n# ')}`);
}

/* --- sealkey ------------------------------------------------------------ */

function sealkey(args, input, tpm = 'none')
{
	const done = spawnSync(SEALKEY, args, { input, encoding: 'utf8',
	    env: { ...process.env, SEALKEY_TPM: tpm } });

	if (done.status !== 0)
		throw new Error(`sealkey ${args.join(' ')}: ${done.stderr}`);
	return done.stdout;
}

const options = JSON.stringify({
	rp: { id: 'example.com', name: 'Example' },
	user: { id: 'QQ', name: 'a', displayName: 'A' },
	challenge: CHALLENGE,
	pubKeyCredParams: [-7, -8, -257].map(alg =>
	    ({ type: 'public-key', alg })),
	attestation: 'direct',
	authenticatorSelection: { userVerification: 'discouraged' },
});

/* The registration of a new key of that kind. */
const register = (...kind) => JSON.parse(sealkey(['webauthn', 'create',
    '--origin', ORIGIN, '--state', state, ...kind], options));

/* Serves until stop(); url is where. */
async function serve(...args)
{
	const child = spawn(SEALKEY, ['mds', 'serve', '--state', state,
	    ...args], { stdio: ['ignore', 'ignore', 'pipe'],
	    env: { ...process.env, SEALKEY_TPM: 'none' } });
	children.add(child);
	const lines = createInterface({ input: child.stderr });
	const log = [];
	const url = await new Promise((resolve, reject) => {
		lines.on('line', line => {
			log.push(line);
			const ready = line.match(/ready: .* (http:\S+)\/blob/);
			if (ready)
				resolve(ready[1]);
		});
		child.on('exit', () => reject(new Error(log.join('\n'))));
	});

	return { url, log, stop: async () => {
		child.removeAllListeners('exit');
		const gone = once(child, 'exit');
		child.kill();
		children.delete(child);
		return (await gone)[0];
	} };
}

// Its answer may be here before what it says about it.
async function logged(server, what)
{
	for (let i = 0; i < 400; i++) {
		if (server.log.some(line => what.test(line)))
			return true;
		await new Promise(resolve => setTimeout(resolve, 25));
	}
	return false;
}

/* --- the site ----------------------------------------------------------- */

async function trust(url, root)
{
	const errors = [];

	SettingsService.setRootCertificates(
	    { identifier: 'mds', certificates: [root] });
	await MetadataService.initialize({ mdsServers: [url],
	    verificationMode: 'strict', logger: {
		debug() {}, info() {}, warn() {},
		error: (...what) => errors.push(what.join(' ')),
	} });
	return errors;
}

async function verify(response)
{
	const said = await verifyRegistrationResponse({ response,
	    expectedChallenge: CHALLENGE, expectedOrigin: ORIGIN,
	    expectedRPID: 'example.com', requireUserVerification: false,
	    supportedAlgorithmIDs: [-7, -8, -257] });

	if (!said.verified)
		throw new Error('it does not verify');
	return said.registrationInfo;
}

async function accepts(name, response, check = () => true)
{
	try {
		const info = await verify(response);
		report(check(info), name, JSON.stringify(info));
	} catch (err) {
		report(false, name, err.stack);
	}
}

async function refuses(name, reason, response)
{
	try {
		await verify(response);
		report(false, name, 'was accepted');
	} catch (err) {
		report(reason.test(err.message), name, err.stack);
	}
}

/* --- what must be verified ---------------------------------------------- */

async function testModels(format, alg)
{
	const server = await serve('--format', format, '--alg', alg,
	    ...MODELS.flatMap(model => ['--profile', model]));
	const root = await (await fetch(`${server.url}/root.pem`)).text();
	const errors = await trust(`${server.url}/blob.jwt`, root);

	report(errors.length === 0, `${format}, ${alg}: the BLOB is loaded`,
	    errors);
	for (const model of MODELS)
		await accepts(`${format}, ${alg}: ${model} is verified`,
		    register('--profile', model), info =>
		    info.fmt === 'packed');
	await refuses(`${format}, ${alg}: a model that is not there is not`,
	    /No metadata statement/, register('--profile', 'nitrokey-3'));
	report(await server.stop() === 0, `${format}, ${alg}: the server ends`,
	    server.log.join('\n'));
}

/* Keys of others, which say that they are of a model that is known. */
async function testTrust()
{
	const server = await serve('--profile', 'sealkey');
	const root = await (await fetch(`${server.url}/root.pem`)).text();
	const other = join(work, 'other');
	const another = sealkey(['mds', 'root', '--state', other]);

	await trust(server.url, root);
	await refuses('a key under another attestation root is not verified',
	    /could not be chained/, JSON.parse(sealkey(['webauthn', 'create',
	    '--origin', ORIGIN, '--state', other], options)));
	report((await trust(server.url, another)).some(line =>
	    /certificate path/.test(line)),
	    'the BLOB is not loaded under another metadata root', '');
	await server.stop();
}

/* A platform's key, whose TPM certifies with an algorithm of its own. */
async function testTpm()
{
	const there = ['--state', join(work, 'tpm')];
	const model = [...there, '--profile', 'windows-hello'];
	const response = JSON.parse(sealkey(['webauthn', 'create', '--origin',
	    ORIGIN, ...model], options, 'embedded'));

	await trust('data:,' + sealkey(['mds', 'blob', ...model]),
	    sealkey(['mds', 'root', ...there]));
	await accepts('windows-hello is verified, by its TPM', response,
	    info => info.fmt === 'tpm');
}

/* --- what happens to a model -------------------------------------------- */

const number = async url => JSON.parse(Buffer.from((await (await
    fetch(url)).text()).split('.')[1], 'base64url')).no;

async function testStatuses()
{
	const file = join(work, 'statuses.json');
	const write = reports => {
		writeFileSync(`${file}.new`, JSON.stringify(reports));
		renameSync(`${file}.new`, file);
	};

	write({});
	const server = await serve('--profile', 'sealkey', '--status-file',
	    file);
	const url = `${server.url}/blob.jwt`;
	const root = await (await fetch(`${server.url}/root.pem`)).text();
	const response = register('--profile', 'sealkey');
	const before = await number(url);

	await trust(url, root);
	await accepts('a model without bad news is verified', response);
	report(await number(url) === before,
	    'the same BLOB has the same number', await number(url));
	write({ [OURS]: [{ status: 'USER_KEY_REMOTE_COMPROMISE',
	    effectiveDate: '2026-01-01' }] });
	report(await number(url) === before + 1,
	    'bad news are in the next one', await number(url));
	await trust(url, root);
	await refuses('a model with bad news is not verified', /compromised/,
	    response);
	write([]);
	report((await fetch(url)).status === 500,
	    'a file that is wrong stops the BLOB', '');
	report(await logged(server, /status reports are/),
	    'the log says why', server.log.join('\n'));
	write({});
	report(await number(url) === before + 2,
	    'news that are taken back are news', await number(url));
	await server.stop();
}

/* --- revocation --------------------------------------------------------- */

async function testRevocation()
{
	const server = await serve('--profile', 'sealkey');
	const root = await (await fetch(`${server.url}/root.pem`)).text();
	const crl = ['--set',
	    `attestationCrl=${server.url}/crl/attestation.crl`];

	await trust(server.url, root);
	await accepts('a certificate that is not on its CRL is verified',
	    register('--profile', 'sealkey', ...crl));
	await refuses('one that is, is not', /revocation status/, register(
	    '--profile', 'sealkey', ...crl, '--fault', 'att.leaf-revoked'));
	await server.stop();
}

/* --- faults ------------------------------------------------------------- */

/* A BLOB that is fetched from nowhere. */
const blobUrl = args => 'data:application/jose,' + sealkey(['mds', 'blob',
    '--state', state, '--profile', 'sealkey', ...args]);

async function testFaults()
{
	const response = register('--profile', 'sealkey');
	const root = sealkey(['mds', 'root', '--state', state]);
	const server = await serve('--profile', 'sealkey');
	const crl = ['--crl', `${server.url}/crl/metadata.crl`];
	const names = JSON.parse(sealkey(['fault', 'list', '--json',
	    '--stage', 'metadata'])).map(row => row.name ?? row);

	report(names.length >= 30, `there are ${names.length} faults`, names);
	await trust(blobUrl(crl), root);
	await accepts('without a fault it is verified', response);
	for (const name of names) {
		await trust(blobUrl(['--fault', name, ...crl]), root);
		if (ACCEPTED.has(name))
			await accepts(`${name} is not noticed`, response);
		else
			await refuses(`${name} is noticed`, /./, response);
	}
	await server.stop();
}

await testModels('3.1.1', 'ES256');
await testModels('3.0', 'RS256');
await testTrust();
await testTpm();
await testStatuses();
await testRevocation();
await testFaults();
console.log(`1..${count}`);
process.exitCode = failures > 0 ? 1 : 0;
