/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest: does the relying party refuse what it must? (TAP)
 *
 * A relying party that accepts anything would make every test that uses it
 * worthless. Each case breaks one thing of an answer that is otherwise
 * right, and names a part of the reason that must be given.
 */

import { load } from './runtime.mjs';

const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
const { tmpdir } = await import('node:os');
const { join } = await import('node:path');
const { readRoots, Refused, RelyingParty } = await load('./rp.mjs');
const { newAttestation, Token } = await load('./token.mjs');
const { ATTRIBUTES } = await load('./tpm_token.mjs');
const { judgeByFido2Lib, judgeByTools } = await load('./tpm_judges.mjs');

const ORIGIN = 'https://example.com';
const UP = 0x01, UV = 0x04;

let count = 0;
let failures = 0;

function report(passed, name, detail)
{
	count++;
	failures += passed ? 0 : 1;
	console.log(`${passed ? 'ok' : 'not ok'} ${count} - ${name}`);
	if (!passed)
		console.log(`# ${detail}`);
}

async function accepts(name, check)
{
	try {
		const wrong = await check();
		report(!wrong, name, wrong);
	} catch (err) {
		report(false, name, err.stack);
	}
}

async function refuses(name, reason, check)
{
	try {
		const account = await check();
		report(false, name, `was accepted: ${JSON.stringify(account)}`);
	} catch (err) {
		report(err instanceof Refused && reason.test(err.message), name,
		    err instanceof Refused ? err.message : err.stack);
	}
}

const attestation = await newAttestation();
const other = await newAttestation();

/* A site with one token; it trusts `attestation` unless told otherwise. */
function newSite(settings = {})
{
	return {
		rp: new RelyingParty(
		    { roots: [attestation.root], ...settings }),
		token: new Token(),
	};
}

async function register(hooks = {}, { site = newSite(), by = attestation,
    options = {} } = {})
{
	const asked = await site.rp.registrationOptions(options);

	return site.rp.verifyRegistration(
	    await site.token.create(asked, ORIGIN, by, hooks));
}

async function signIn(hooks = {}, site = newSite(), options = {})
{
	if (site.token.credentials.length === 0)
		await register({}, { site });
	const asked = await site.rp.authenticationOptions(options);

	return site.rp.verifyAuthentication(
	    await site.token.get(asked, ORIGIN, hooks));
}

/* --- what must be accepted ---------------------------------------------- */

for (const alg of [-7, -8, -257])
	await accepts(`alg ${alg} registers and signs in`, async () => {
		const site = newSite();
		const made = await register({},
		    { site, options: { algs: [alg] } });
		const used = await signIn({}, site, { allow: false });

		return !(made.fmt === 'packed' &&
		    made.attestation === 'basic' &&
		    made.chain.length === 3 && /CN=Root/.test(made.chain[2]) &&
		    used.counter === made.counter + 1 && used.discoverable) &&
		    JSON.stringify([made, used]);
	});

await accepts('self attestation', async () =>
	(await register({}, { by: null })).attestation !== 'self' &&
	    'not self');
await accepts('no attestation', async () =>
	(await register({}, { by: 'none' })).fmt !== 'none' && 'not none');
await accepts('sign-in with an allow list', async () =>
	(await signIn()).discoverable && 'no allow list');
await accepts('the store comes back from its file', async () => {
	const dir = mkdtempSync(join(tmpdir(), 'rp-'));
	const db = join(dir, 'site.json');

	try {
		const site = newSite({ db });
		await register({}, { site });
		site.rp = newSite({ db }).rp;
		await signIn({}, site);
		return false;
	} finally {
		rmSync(dir, { recursive: true });
	}
});

/* --- registrations that must be refused --------------------------------- */

const flip = (text, at) => {
	const bytes = Buffer.from(text, 'base64url');
	bytes[at < 0 ? bytes.length + at : at] ^= 1;
	return bytes.toString('base64url');
};

const changed = change => register({ change });
const answered = answer => register({ answer });

await refuses('wrong origin', /origin/,
    () => changed(p => { p.origin = 'https://example.org'; }));
await refuses('wrong RP ID', /RP ID/,
    () => changed(p => { p.rpId = 'example.org'; }));
await refuses('wrong type', /type/,
    () => changed(p => { p.type = 'webauthn.get'; }));
await refuses('unknown challenge', /challenge was never sent/,
    () => changed(p => { p.challenge = 'AAAA'; }));
await refuses('challenge named like a property', /challenge was never sent/,
    () => changed(p => { p.challenge = '__proto__'; }));
await refuses('no user verification', /verif/,
    () => changed(p => { p.flags &= ~UV; }));
await refuses('no user presence', /presence/,
    () => changed(p => { p.flags &= ~UP; }));
await refuses('client data in another order', /5\.8\.1\.1/,
    () => changed(p => { p.text = JSON.stringify({ challenge: p.challenge,
	origin: p.origin, type: p.type, crossOrigin: false }); }));
await refuses('another algorithm than asked for', /Unexpected public key alg/,
    () => changed(p => { p.coseKey.set(3, -35); }));
await refuses('RS256 on an EC key', /key type does not fit/, () => register(
    { change: p => { p.coseKey.set(3, -257); },
      answer: a => { a.response.publicKeyAlgorithm = -257; } },
    { options: { algs: [-7, -257] } }));
await refuses('a point that is not on the curve', /credential key/,
    () => changed(p => { p.coseKey.get(-3)[31] ^= 1; }));
await refuses('another AAGUID than in the certificate', /AAGUID/i,
    () => changed(p => { p.aaguid = Buffer.alloc(16, 7); }));
await refuses('tampered credential key', /signature is wrong/,
    () => answered(({ response }) => {
	response.attestationObject = flip(response.attestationObject, -40);
    }));
await refuses('tampered client data', /signature is wrong/,
    () => answered(({ response }) => {
	response.clientDataJSON = Buffer.from(
	    Buffer.from(response.clientDataJSON, 'base64url')
	    .toString().replace('}', ',"x":1}')).toString('base64url');
    }));
await refuses('id differs from the authenticator data', /credential ID of/,
    () => answered(a => { a.id = a.rawId = flip(a.id, 0); }));
await refuses('publicKey member differs', /publicKey differs/,
    () => answered(a => {
	a.response.publicKey = flip(a.response.publicKey, -1);
    }));
await refuses('authenticatorData member differs', /authenticatorData/,
    () => answered(a => {
	a.response.authenticatorData = flip(a.response.authenticatorData, 36);
    }));
await refuses('no discoverable credential though required', /discoverable/,
    () => answered(a => { a.clientExtensionResults.credProps.rk = false; }));
await refuses('a response of null', /cannot be read/,
    () => newSite().rp.verifyRegistration(null));

/* --- statements of a TPM -------------------------------------------------- */

async function byTpm(hooks = {}, tpm = {}, options = {})
{
	const by = await newAttestation({ tpm });

	return register(hooks,
	    { by, site: newSite({ roots: [by.root] }), options });
}

for (const alg of [-7, -257])
	await accepts(`alg ${alg}, certified by a TPM`, async () => {
		const made = await byTpm({}, {}, { algs: [alg] });

		return !(made.fmt === 'tpm' && made.attestation === 'attca' &&
		    made.chain.length === 3 &&
		    made.chain[0] ===
		    'TPM of id:49424D00, Test, version id:00010002') &&
		    JSON.stringify(made);
	});
await refuses('a key that may leave its TPM', /may leave it/, () => byTpm(
    { change: p => { p.tpm = { attributes: ATTRIBUTES & ~0x02 }; } }));
await refuses('a key that was brought to its TPM', /may leave it/, () => byTpm(
    { change: p => { p.tpm = { attributes: ATTRIBUTES & ~0x20 }; } }));
await refuses('what a TPM said of something else', /extra/i, () => byTpm(
    { change: p => { p.tpm = { extraData: Buffer.alloc(32) }; } }));
await refuses('a TPM by nobody', /manufacturer/i,
    () => byTpm({}, { manufacturer: 'id:00001014' }));
await refuses('a certificate for another purpose', /extended key|2\.23\.133/i,
    () => byTpm({}, { purpose: '1.3.6.1.5.5.7.3.2' }));
await refuses('a TPM of another root', /trust anchor|chain/i,
    async () => register({}, { by: await newAttestation({ tpm: {} }) }));

await refuses('another format than the site wants', /tpm is required/,
    () => register({}, { site: newSite({ format: 'tpm' }) }));

/* --- other judges of such statements ------------------------------------- */

async function madeByTpm(alg, tpm = {}, hooks = {})
{
	const by = await newAttestation({ tpm: {} });
	const { rp, token } = newSite({ roots: [by.root] });

	return token.create(await rp.registrationOptions({ algs: [alg] }),
	    ORIGIN, by, { change: p => { p.tpm = tpm; }, ...hooks });
}

/* Another bit in that byte of a member of the statement, which has one byte
 * of length before it */
const flipped = (name, at) => ({ answer: ({ response }) => {
	const object = Buffer.from(response.attestationObject, 'base64url');

	object[object.indexOf(name) + name.length + 2 + at] ^= 1;
	response.attestationObject = object.toString('base64url');
} });

for (const alg of [-7, -257])
	await accepts(`alg ${alg}, as tpm2-tools see it`, async () => {
		const { credential, ak } = judgeByTools(await madeByTpm(alg));

		return credential !== { '-7': 'ec', '-257': 'rsa' }[alg] ||
		    ak !== 'ec';
	});
await accepts('an RSA key, as fido2-lib sees it', async () => {
	const { format } = await judgeByFido2Lib(await madeByTpm(-257));

	return format !== 'tpm' && format;
});
await refuses('fido2-lib: what a TPM said of something else', /fido2-lib/,
    async () => judgeByFido2Lib(await madeByTpm(-257,
    { extraData: Buffer.alloc(32) })));
await refuses('tools: a key that may leave its TPM', /may leave/,
    async () => judgeByTools(await madeByTpm(-7,
    { attributes: ATTRIBUTES & ~0x02 })));
await refuses('tools: what a TPM said of something else', /extraData/,
    async () => judgeByTools(await madeByTpm(-7,
    { extraData: Buffer.alloc(32) })));
await refuses('tools: no TPMT_SIGNATURE', /TPMT_SIGNATURE/,
    async () => judgeByTools(await madeByTpm(-7), { strict: true }));
await refuses('tools: an altered signature', /openssl/,
    async () => judgeByTools(await madeByTpm(-7, {},
    flipped('sig', 12))));
await refuses('tools: an altered clock', /openssl/,
    async () => judgeByTools(await madeByTpm(-7, {},
    flipped('certInfo', 80))));
await refuses('tools: another key\'s public area', /not pubArea|tpm2_print/,
    async () => judgeByTools(await madeByTpm(-7, {},
    flipped('pubArea', 30))));

/* --- certificate chains that must be refused ----------------------------- */

const certified = leaf => async () =>
	register({}, await (async () => {
		const by = await newAttestation(leaf);
		return { by, site: newSite({ roots: [by.root] }) };
	})());

await refuses('a chain to another root', /trust anchor|chain/,
    () => register({}, { by: other }));
await refuses('a chain when there are no trust anchors', /no trust anchors/,
    () => register({}, { site: newSite({ roots: [] }) }));
await refuses('leaf without its intermediate', /trust anchor|chain/,
    () => changed(p => { p.x5c = p.x5c.slice(0, 1); }));
await refuses('the trust anchor inside the chain', /duplicate/,
    () => changed(p => { p.x5c = [...p.x5c, attestation.rootDer]; }));
await refuses('wrong organisational unit', /OU/, certified(
    { subject: 'CN=Leaf, OU=Something, O=Test, C=SE' }));
await refuses('leaf that is an authority', /CA/, certified({ ca: true }));
await refuses('leaf that has expired', /not good after/, certified(
    { life: [-9, -1] }));
await refuses('no attestation though required', /attestation is required/,
    () => register({}, { by: 'none',
	site: newSite({ requireAttestation: true }) }));
await refuses('self attestation though a chain is required',
    /attestation is required/, () => register({}, { by: null,
	site: newSite({ requireAttestation: true }) }));

/* --- repetition ---------------------------------------------------------- */

await refuses('the same registration twice', /answered before/, async () => {
	const { rp, token } = newSite();
	const answer = await token.create(await rp.registrationOptions(),
	    ORIGIN, attestation);

	await rp.verifyRegistration(answer);
	return rp.verifyRegistration(answer);
});
await refuses('a credential ID that is taken', /registered already/,
    async () => {
	const site = newSite();
	const change = p => { p.id = Buffer.alloc(32, 1); };

	await register({ change }, { site });
	return register({ change }, { site });
    });
await refuses('a refused answer uses up its challenge', /answered before/,
    async () => {
	const { rp, token } = newSite();
	const answer = await token.create(await rp.registrationOptions(),
	    ORIGIN, attestation);
	const bad = structuredClone(answer);

	bad.response.attestationObject =
	    flip(bad.response.attestationObject, -1);
	await rp.verifyRegistration(bad).catch(() => {});
	return rp.verifyRegistration(answer);
    });

/* --- sign-ins that must be refused --------------------------------------- */

const usedWith = change => signIn({ change });

await refuses('sign-in from a wrong origin', /origin/,
    () => usedWith(p => { p.origin = 'https://example.org'; }));
await refuses('sign-in for a wrong RP ID', /RP ID/,
    () => usedWith(p => { p.rpId = 'example.org'; }));
await refuses('sign-in without user verification', /verif/,
    () => usedWith(p => { p.flags &= ~UV; }));
await refuses('sign-in with a registration\'s type', /type/,
    () => usedWith(p => { p.type = 'webauthn.create'; }));
await refuses('a counter that stays', /[cC]ounter/,
    () => usedWith(p => { p.counter = 1; }));
await refuses('a counter that went back to nothing', /[cC]ounter/,
    () => usedWith(p => { p.counter = 0; }));
await refuses('a tampered signature', /signature is wrong/,
    () => signIn({ answer: a => {
	a.response.signature = flip(a.response.signature, -1);
    } }));
await refuses('tampered authenticator data at sign-in', /signature is wrong/,
    () => signIn({ answer: a => {
	a.response.authenticatorData = flip(a.response.authenticatorData, 33);
    } }));
await refuses('a credential nobody registered', /not registered/,
    () => signIn({ answer: a => { a.id = a.rawId = 'AAAA'; } }));
await refuses('a credential named like a property', /not registered/,
    () => signIn({ answer: a => { a.id = a.rawId = '__proto__'; } }));
await refuses('another user\'s handle', /user handle/,
    () => signIn({ answer: a => { a.response.userHandle = 'AAAA'; } }));
await refuses('empty allow list and no user handle', /user handle/,
    () => signIn({ answer: a => { delete a.response.userHandle; } },
    newSite(), { allow: false }));
await refuses('a credential that was not allowed', /among those allowed/,
    async () => {
	const site = newSite();

	await register({}, { site, options: { userName: 'alice' } });
	await register({}, { site, options: { userName: 'bob' } });
	return signIn({}, site, { userName: 'alice' });
    });
await refuses('the same sign-in twice', /answered before/, async () => {
	const site = newSite();

	await register({}, { site });
	const answer = await site.token.get(
	    await site.rp.authenticationOptions(), ORIGIN);
	await site.rp.verifyAuthentication(answer);
	return site.rp.verifyAuthentication(answer);
});
await refuses('a registration\'s challenge at sign-in', /challenge was/,
    async () => {
	const site = newSite();

	await register({}, { site });
	const { challenge, rp } = await site.rp.registrationOptions();
	return site.rp.verifyAuthentication(await site.token.get(
	    { challenge, rpId: rp.id }, ORIGIN));
    });

/* --- files that must be refused ------------------------------------------ */

for (const [name, text] of [['an empty file', ''], ['a truncated store', '{"'],
    ]) {
	const dir = mkdtempSync(join(tmpdir(), 'rp-'));
	const db = join(dir, 'site.json');
	let message = 'was accepted';

	writeFileSync(db, text);
	try {
		new RelyingParty({ db });
	} catch (err) {
		({ message } = err);
	}
	report(message.startsWith(db), `${name} is not taken for a store`,
	    message);
	try {
		message = 'was accepted';
		readRoots(db);
	} catch (err) {
		({ message } = err);
	}
	report(/no certificate/.test(message), `${name} holds no trust anchor`,
	    message);
	rmSync(dir, { recursive: true });
}

/* --- the server, with a browser of our own ------------------------------ */

const { spawn } = await import('node:child_process');

/*
 * Run the server as the tests do; browse(post, page) visits it. With steps, as
 * JSON lines, it does those.
 */
async function serve(root, browse, steps)
{
	const dir = mkdtempSync(join(tmpdir(), 'rp-'));
	const roots = join(dir, 'roots.pem');

	writeFileSync(roots, root);
	const child = spawn(process.execPath, [
		new URL('server.mjs', import.meta.url).pathname,
		'--roots', roots, '--require-attestation', '--once',
		'--timeout', '20', ...steps === undefined ? [] : ['--steps'],
	], { stdio: ['pipe', 'pipe', 'pipe'] });
	child.stdin.end(steps);
	let out = '';
	child.stdout.on('data', data => { out += data; });
	const ended = new Promise(resolve => child.on('close', resolve));
	const [line] = await new Promise(resolve =>
	    child.stderr.once('data', data => resolve(`${data}`.split('\n'))));
	const origin = line.match(/http:\/\/localhost:\d+/)[0];
	const at = path => origin.replace('localhost', '127.0.0.1') + path;

	await browse(origin, async (path, body) => (await fetch(at(path),
	    { method: 'POST', body: JSON.stringify(body) })).json(), at);
	const code = await ended;
	rmSync(dir, { recursive: true });
	return { code,
	    accounts: out.trim().split('\n').map(l => JSON.parse(l)) };
}

await accepts('the server verifies both ceremonies', async () => {
	const token = new Token();
	const { code, accounts } = await serve(attestation.root,
	    async (origin, post) => {
		await post('/next');
		await post('/register/verify', { answer: await token.create(
		    await post('/register/options'), origin, attestation) });
		await post('/next');
		await post('/login/verify', { answer: await token.get(
		    await post('/login/options'), origin) });
		await post('/next');
	    });

	return !(code === 0 && accounts.length === 2 &&
	    accounts[0].verified && accounts[0].ceremony === 'register' &&
	    accounts[1].verified && accounts[1].ceremony === 'login' &&
	    accounts[1].discoverable) && JSON.stringify([code, accounts]);
});
await accepts('the server does what its standard input says', async () => {
	const steps = [
		{ ceremony: 'register', userVerification: 'discouraged',
		    residentKey: 'discouraged' },
		{ ceremony: 'login', allow: true, userVerification: 'preferred',
		    extensions: { prf: {} } },
	];
	const asked = [];
	const { code, accounts } = await serve(attestation.root,
	    async (origin, post) => {
		const token = new Token();
		const unverified = { change: p => { p.flags &= ~UV; } };

		asked.push(await post('/next'));
		const create = await post('/register/options');
		await post('/register/verify', { answer: await token.create(
		    create, origin, attestation, unverified) });
		asked.push(await post('/next'));
		const get = await post('/login/options');
		await post('/login/verify', { answer:
		    await token.get(get, origin, unverified) });
		asked.push(create.authenticatorSelection.userVerification,
		    get.allowCredentials.length, get.extensions,
		    await post('/next'));
	    }, steps.map(step => JSON.stringify(step)).join('\n'));

	return !(code === 0 && accounts.length === 2 &&
	    accounts.every(a => a.verified && !a.userVerified) &&
	    JSON.stringify(asked) === JSON.stringify([...steps,
	    'discouraged', 1, { prf: {} }, null])) &&
	    JSON.stringify([code, accounts, asked]);
});
await accepts('the server refuses another root', async () => {
	const { code, accounts } = await serve(other.root,
	    async (origin, post) => post('/register/verify', {
		answer: await new Token().create(
		    await post('/register/options'), origin, attestation),
	    }));

	return !(code === 1 && !accounts[0].verified) &&
	    JSON.stringify([code, accounts]);
});
await accepts('the server hears of the browser\'s errors', async () => {
	const { code, accounts } = await serve(attestation.root,
	    (origin, post) => post('/register/verify',
	    { error: 'NotAllowedError: no' }));

	return !(code === 1 && /NotAllowedError/.test(accounts[0].error)) &&
	    JSON.stringify([code, accounts]);
});
await accepts('the server bears nonsense', async () => {
	const { code } = await serve(attestation.root,
	    async (origin, post, at) => {
		const body = '[';
		const statuses = [
			(await fetch(at('/register/verify'),
			    { method: 'POST', body })).status,
			(await fetch(at('/../rp.mjs'))).status,
		];
		const page = await (await fetch(at('/'))).text();
		const refused = await post('/register/verify', null);

		if (`${statuses}` !== '400,404' || refused.verified ||
		    !page.includes('navigator.credentials.create'))
			throw new Error(`${statuses} ${refused} ${page}`);
	    });

	return code !== 1 && `exit status ${code}`;
});

console.log(`1..${count}`);
process.exitCode = failures ? 1 : 0;
