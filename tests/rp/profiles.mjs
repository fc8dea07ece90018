/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profiles: every model that sealkey brings along, as a relying party meets it
 * (TAP). What getInfo says is compared with the file, line by line; a
 * registration, verified by @simplewebauthn/server, has the model's AAGUID,
 * format and flags; the credential signs in.
 *
 *	node profiles.mjs SEALKEY WORK [NAME]...
 *
 * SEALKEY is the program, WORK a folder to put state directories into.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { load } from './runtime.mjs';

const { ALGS, readRoots, RelyingParty } = await load('./rp.mjs');
const { writeFileSync } = await import('node:fs');

const ORIGIN = 'https://example.com';
const ZERO = '00000000-0000-0000-0000-000000000000';
const FLAGS = { BE: 0x08, BS: 0x10 };

const [sealkey, work, ...wanted] = process.argv.slice(2);
let count = 0;
let failures = 0;

function check(name, problem)
{
	count++;
	if (!problem) {
		console.log(`ok ${count} - ${name}`);
		return;
	}
	failures++;
	console.log(`not ok ${count} - ${name}`);
	console.log(`# ${String(problem).replaceAll('\n', '\n# ')}`);
}

const differs = (what, got, expected) => isDeepStrictEqual(got, expected) ?
	null : `${what}: ${JSON.stringify(got)}, not ${JSON.stringify(expected)}`;

const firstOf = problems => problems.find(problem => problem);

/* --- a model and its key ------------------------------------------------ */

const list = text => text.split(',');

class Model {
	constructor(profile)
	{
		this.name = profile.name;
		this.aaguid = profile.aaguid;
		this.settings = profile.settings;
		this.state = `${work}/${profile.name}`;
		this.kind = profile.settings.attestation ?? 'packed';
		this.u2f = profile.settings.versions === 'U2F_V2';
		this.platform = this.on('plat');
		/* a finger has to be enrolled first: tests/cli/profile.sh */
		this.bio = this.on('bioEnroll');
		/* tpm attestation is of keys in a TPM; others are faster */
		this.env = { ...process.env,
			SEALKEY_TPM: this.kind === 'tpm' ? 'embedded' : 'none' };
	}

	on(name)
	{
		return this.settings[name] === 'on';
	}

	get verifies()
	{
		return this.on('uv');
	}

	get alg()
	{
		return Number(Object.keys(ALGS).find(id => ALGS[id].name ===
		    list(this.settings.algorithms)[0]));
	}

	run(args, input)
	{
		return execFileSync(sealkey, args, { input, env: this.env,
			encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
	}

	webauthn(verb, options)
	{
		return JSON.parse(this.run(['webauthn', verb, '--origin',
			ORIGIN, '--state', this.state, '--profile',
			this.name], JSON.stringify(options)));
	}
}

/* --- getInfo ------------------------------------------------------------ */

const EXTENSIONS = ['credBlob', 'credProtect', 'hmac-secret',
	'hmac-secret-mc', 'largeBlob', 'largeBlobKey', 'minPinLength',
	'pinComplexityPolicy', 'thirdPartyPayment', 'uvm'];
const OPTIONS = ['plat', 'rk', 'ep', 'credMgmt', 'perCredMgmtRO',
	'authnrCfg', 'uvAcfg', 'bioEnroll', 'uvBioEnroll', 'clientPin',
	'largeBlobs', 'pinUvAuthToken', 'setMinPINLength',
	'makeCredUvNotRqd', 'credentialMgmtPreview',
	'userVerificationMgmtPreview', 'noMcGaPermissionsWithClientPin'];
/* there, but not until somebody has set it up */
const LATER = ['ep', 'bioEnroll', 'clientPin',
	'userVerificationMgmtPreview'];
const NUMBERS = ['firmwareVersion', 'maxMsgSize', 'maxCredentialCountInList',
	'maxCredBlobLength', 'maxSerializedLargeBlobArray', 'minPINLength',
	'maxPINLength', 'maxRPIDsForSetMinPINLength', 'uvModality',
	'preferredPlatformUvAttempts'];

/* what the kernel queues over uhid */
const LIMITS = { maxMsgSize: 1827 };
/* which this site does not ask for */
const OTHERS = { '-47': { name: 'ES256K' } };

function expectedOptions(model)
{
	const expected = { up: true, plat: false };

	for (const name of OPTIONS)
		if (model.on(name))
			expected[name] = !LATER.includes(name);
		else if (model.settings[name] === 'enabled')
			expected[name] = true;
	if (model.on('uv') || model.bio)
		expected.uv = !model.bio;
	if (['on', 'off'].includes(model.settings.alwaysUv))
		expected.alwaysUv = model.on('alwaysUv');
	/* CTAP 2.3, 6.4: it says so while alwaysUv is on */
	if (model.on('alwaysUv') && expected.makeCredUvNotRqd)
		expected.makeCredUvNotRqd = false;
	return expected;
}

const algorithmsOf = info => info.algorithms?.map(({ alg }) =>
	(ALGS[alg] ?? OTHERS[alg])?.name);

/* Left out where the TPM signs with another one: mds.md says why. */
const expectedAlgorithms = model =>
	model.settings.tpmShape === 'windows-hello' ? undefined :
	    list(model.settings.algorithms);

const sorted = object => Object.fromEntries(Object.entries(object).sort());

function compareInfo(model, info)
{
	const { settings } = model;
	const versions = list(settings.versions)
	    .filter(v => v !== 'U2F_V2' || !model.on('alwaysUv'));
	const extensions = EXTENSIONS.filter(name => model.on(name));

	return firstOf([
		differs('aaguid', info.aaguid,
		    model.aaguid.replaceAll('-', '')),
		differs('versions', info.versions, versions),
		differs('extensions', [...info.extensions ?? []].sort(),
		    extensions),
		differs('options', sorted(info.options),
		    sorted(expectedOptions(model))),
		differs('transports', [...info.transports].sort(),
		    list(settings.transports).sort()),
		differs('algorithms', algorithmsOf(info),
		    expectedAlgorithms(model)),
		...NUMBERS.filter(name => settings[name] !== undefined)
		    .map(name => differs(name, info[name],
			Math.min(Number(settings[name]),
			    LIMITS[name] ?? Infinity))),
		model.on('remainingDiscoverableCredentials') &&
		    settings.maxDiscoverableCredentials &&
		    differs('capacity',
			String(info.remainingDiscoverableCredentials),
			settings.maxDiscoverableCredentials),
		settings.pinUvAuthProtocols && differs('pinUvAuthProtocols',
		    info.pinUvAuthProtocols.join(),
		    settings.pinUvAuthProtocols),
	]);
}

function statement(model)
{
	return JSON.parse(model.run(['mds', 'statement', '--profile',
		model.name, '--state', model.state]));
}

/* --- registration and sign-in ------------------------------------------- */

const FORMATS = { self: 'packed' };

async function register(model, site)
{
	const options = await site.registrationOptions({ algs: [model.alg],
		residentKey: model.on('rk') && (model.verifies ||
		    !model.on('clientPin')) ? 'required' : 'discouraged',
		userVerification: model.verifies ? 'required' :
		    'discouraged' });

	options.authenticatorSelection.authenticatorAttachment =
	    model.platform ? 'platform' : 'cross-platform';
	const answer = model.webauthn('create', options);
	const data = Buffer.from(answer.response.authenticatorData,
	    'base64url');

	return { answer, flags: data[32],
		account: await site.verifyRegistration(answer) };
}

function compareRegistration(model, { answer, flags, account })
{
	const attached = model.platform ? 'platform' : 'cross-platform';
	const format = model.u2f ? 'fido-u2f' :
	    FORMATS[model.kind] ?? model.kind;
	const types = { none: 'none', self: 'self', tpm: 'attca',
		apple: 'anonca' };

	return firstOf([
		differs('format', account.fmt, format),
		differs('trust', account.attestation,
		    types[model.kind] ?? 'basic'),
		differs('AAGUID', account.aaguid,
		    model.u2f ? ZERO : model.aaguid),
		differs('BE', (flags & FLAGS.BE) !== 0,
		    model.on('backupEligible')),
		differs('BS', (flags & FLAGS.BS) !== 0,
		    model.on('backupState')),
		differs('verified', account.userVerified, model.verifies),
		differs('attachment', answer.authenticatorAttachment,
		    attached),
		differs('transports', [...answer.response.transports].sort(),
		    list(model.settings.transports).sort()),
		account.chain.some(subject => !/TEST|TPM of/.test(subject)) &&
		    `a subject does not say TEST: ${account.chain}`,
	]);
}

async function signIn(model, site)
{
	const options = await site.authenticationOptions({
		userVerification: model.verifies ? 'required' :
		    'discouraged' });

	return site.verifyAuthentication(model.webauthn('get', options));
}

/* --- the tests ---------------------------------------------------------- */

async function attempt(name, test)
{
	try {
		check(name, await test());
	} catch (err) {
		check(name, err.stderr || err.stack);
	}
}

/* A reader that knows no finger yet verifies nobody. */
function refusesUntilEnrolled(model, options)
{
	const run = spawnSync(sealkey, ['webauthn', 'create', '--origin',
		ORIGIN, '--state', model.state], { env: model.env,
		input: JSON.stringify(options), encoding: 'utf8' });

	return run.status === 1 && /user verified/.test(run.stderr) ? null :
	    run.stderr;
}

async function testCeremonies(model)
{
	const roots = `${model.state}.pem`;
	let site, first;

	writeFileSync(roots, model.run(['attestation', 'roots', '--state',
		model.state]));
	site = new RelyingParty({ roots: readRoots(roots) });
	if (model.bio) {
		const options = await site.registrationOptions({
			algs: [model.alg], residentKey: 'discouraged',
			userVerification: 'discouraged' });

		await attempt(`${model.name}: wants a finger first`, () =>
		    refusesUntilEnrolled(model, options));
		return;
	}
	await attempt(`${model.name}: registers`, async () => {
		first = await register(model, site);
		return compareRegistration(model, first);
	});
	await attempt(`${model.name}: signs in`, async () => {
		const { counter, previousCounter } =
		    await signIn(model, site);

		if (model.settings.signatureCounter === 'zero')
			return differs('counter', counter, 0);
		return counter > previousCounter ? null :
		    `the counter went from ${previousCounter} to ${counter}`;
	});
}

async function testModel(profile)
{
	const model = new Model(profile);

	await attempt(`${model.name}: is what its file says`, () => {
		const said = statement(model);

		/* the metadata of such a key have no getInfo */
		return model.u2f ? differs('protocol', said.protocolFamily,
		    'u2f') : compareInfo(model, said.authenticatorGetInfo);
	});
	await testCeremonies(model);
}

const profiles = JSON.parse(execFileSync(sealkey,
	['profile', 'list', '--json'], { encoding: 'utf8' }))
    .filter(({ name }) => wanted.length === 0 || wanted.includes(name));

for (const profile of profiles)
	await testModel(profile);
check('there are 20 models at least', wanted.length === 0 &&
    profiles.length < 20 ? profiles.length : null);
console.log(`1..${count}`);
process.exit(failures > 0 ? 1 : 0);
