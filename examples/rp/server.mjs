// SPDX-License-Identifier: Apache-2.0
/*
 * A small relying party, such as an enterprise has: accounts with several keys,
 * and a policy of which keys are good enough. It plays your own server in the
 * examples; it keeps nothing on disk and listens to this machine only.
 *
 *	npm install && node server.mjs [POLICY.json]
 *
 * prints "listening on http://localhost:PORT" (PORT from the environment).
 * Requests and replies are JSON. Whatever is refused is 403 with
 * {"verified": false, "reason": ..., "message": ...}; policy.mjs has the
 * reasons that are the policy's.
 *
 *	POST /register/options	{"user", "code"}	options for create()
 *	POST /register/verify	the response
 *	POST /signin/options	{"user"}, or {}		options for get()
 *	POST /signin/verify	the response		sets a cookie
 *	GET  /me		the account that is signed in
 *
 * The first key of an account may be anybody's, further ones need the account
 * to be signed in, or a code from the help desk. What the help desk does needs
 * no password here, yours certainly does:
 *
 *	GET    /admin/accounts
 *	PUT    /admin/accounts/NAME		{"disabled", "group"}
 *	DELETE /admin/accounts/NAME
 *	POST   /admin/accounts/NAME/code	{"code"}, good for one key
 *	DELETE /admin/accounts/NAME/keys/ID
 *	GET    /admin/accounts/NAME/accepted	as signalAllAcceptedCredentials()
 *						takes it
 *	PUT    /admin/policy			members of the policy, replaced
 *	POST   /admin/metadata			the BLOB, fetched again
 */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import * as webauthn from '@simplewebauthn/server';
import { Policy, Refused, refuseUnless } from './policy.mjs';

const PAGE = readFileSync(new URL('page.html', import.meta.url));
const CHALLENGE_LIFE_MS = 5 * 60 * 1000;
const BODY_MAX = 256 * 1024;	/* bytes */
const rpID = 'localhost';
const rpName = 'Example';

const path = process.argv[2];
const policy = new Policy(path ? JSON.parse(readFileSync(path)) : {});
const accounts = new Map();	/* by name */
const asked = new Map();	/* by challenge: what was asked for */
const sessions = new Map();	/* by cookie: name of the account */
let origin;

const random = bytes => randomBytes(bytes).toString('base64url');
const keyOf = id => [...accounts.values()].flatMap(account => account.keys)
    .find(key => key.id === id);

/* --- accounts ----------------------------------------------------------- */

function accountOf(name)
{
	refuseUnless(typeof name === 'string' && /^[\w.-]{1,64}$/.test(name),
	    'no-such-account', 'that is no name of an account');
	if (!accounts.has(name)) {
		refuseUnless(policy.knows(name), 'no-such-account',
		    `there is no account ${name}`);
		accounts.set(name, { name, id: random(16), keys: [],
			group: policy.groupOf(name), disabled: false });
	}
	const account = accounts.get(name);

	refuseUnless(!account.disabled, 'account-disabled',
	    `the account ${name} is disabled`);
	return account;
}

/* What anybody may know of an account who may know of it */
function describe({ name, group, disabled, keys })
{
	const { min } = policy.rulesOf(group).keys;

	return { user: name, group, disabled,
		keysWanted: Math.max(0, min - keys.length),
		keys: keys.map(({ publicKey, user, ...rest }) => rest) };
}

/* --- registration and sign-in ------------------------------------------- */

function remember(options, what)
{
	for (const [challenge, { until }] of asked)
		if (until < Date.now())
			asked.delete(challenge);
	asked.set(options.challenge,
	    { ...what, until: Date.now() + CHALLENGE_LIFE_MS });
	return options;
}

/* What was asked with the challenge of a response: once. */
function recall(response, ceremony)
{
	let challenge;

	try {
		({ challenge } = JSON.parse(Buffer.from(
		    response.response.clientDataJSON, 'base64url')));
	} catch {
		throw new Refused('invalid', 'that is no response');
	}
	const what = asked.get(challenge);
	asked.delete(challenge);
	refuseUnless(what?.ceremony === ceremony && what.until > Date.now(),
	    'challenge', 'the challenge is not one that waits for an answer');
	return { ...what, challenge };
}

async function registerOptions({ user, code }, session)
{
	const account = accountOf(user);
	const rules = policy.rulesOf(account.group);

	refuseUnless(account.keys.length === 0 || session === user ||
	    (code && code === account.code), 'not-signed-in',
	    'another key needs you to be signed in, or a code');
	refuseUnless(account.keys.length < rules.keys.max, 'too-many-keys',
	    `there are ${rules.keys.max} keys already`);
	return remember(await webauthn.generateRegistrationOptions({
		rpID, rpName, userName: user,
		userID: Buffer.from(account.id, 'base64url'),
		attestationType: rules.attested ? 'direct' : 'none',
		excludeCredentials: account.keys,
		authenticatorSelection: { residentKey: 'required',
			userVerification: 'required' },
	}), { ceremony: 'register', user });
}

async function register(response)
{
	const { user, challenge } = recall(response, 'register');
	const account = accountOf(user);
	const { verified, registrationInfo: info } =
	    await webauthn.verifyRegistrationResponse({ response,
		expectedChallenge: challenge, expectedOrigin: origin,
		expectedRPID: rpID, requireUserVerification: true });
	refuseUnless(verified, 'invalid', 'the attestation is wrong');

	const key = { ...info.credential, user, aaguid: info.aaguid,
		attested: policy.isAttested(info),
		deviceType: info.credentialDeviceType, locked: false };
	policy.judge(key, account.group);
	refuseUnless(!keyOf(key.id), 'registered-already',
	    'this key is registered already');
	account.keys.push(key);
	delete account.code;
	return { verified: true, ...describe(account) };
}

async function signInOptions({ user })
{
	return remember(await webauthn.generateAuthenticationOptions({
		rpID, userVerification: 'required',
		allowCredentials: user === undefined ? [] :
		    accountOf(user).keys,
	}), { ceremony: 'signin', user });
}

/*
 * Two keys that count for themselves are a key and its copy. As nobody knows
 * which of them is in the wrong hands, neither signs in from now on.
 */
function count(key, counter)
{
	key.locked ||= (counter > 0 || key.counter > 0) &&
	    counter <= key.counter;
	refuseUnless(!key.locked, 'cloned',
	    'there is a copy of this key; ask the help desk for a new one');
	key.counter = counter;
}

async function signIn(response)
{
	const { user, challenge } = recall(response, 'signin');
	const key = keyOf(response.id);

	refuseUnless(key && [undefined, key.user].includes(user),
	    'unknown-credential', 'that key is not registered here');
	const account = accountOf(key.user);
	refuseUnless([undefined, account.id]
	    .includes(response.response.userHandle), 'unknown-credential',
	    'that key is somebody else\'s');
	/* counters are judged below */
	const { verified, authenticationInfo: info } =
	    await webauthn.verifyAuthenticationResponse({ response,
		expectedChallenge: challenge, expectedOrigin: origin,
		expectedRPID: rpID, credential: { ...key, counter: 0 } });
	refuseUnless(verified, 'invalid', 'the signature is wrong');
	refuseUnless(info.credentialDeviceType === key.deviceType,
	    'not-device-bound', 'the key is another kind of key now');
	policy.judge(key, account.group);
	count(key, info.newCounter);

	const cookie = random(32);
	sessions.set(cookie, account.name);
	return { verified: true, ...describe(account), cookie };
}

/* --- the help desk ------------------------------------------------------ */

function change(account, { disabled, group })
{
	if (typeof disabled === 'boolean')
		account.disabled = disabled;
	if (typeof group === 'string')
		account.group = group;
	if (account.disabled)
		for (const [cookie, name] of sessions)
			if (name === account.name)
				sessions.delete(cookie);
	return describe(account);
}

function forget(account, id)
{
	refuseUnless(account.keys.some(key => key.id === id),
	    'unknown-credential', 'the account has no such key');
	account.keys = account.keys.filter(key => key.id !== id);
	return describe(account);
}

function code(account)
{
	account.code = random(12);
	return { code: account.code };
}

const accepted = ({ id, keys }) => ({ rpId: rpID, userId: id,
	allAcceptedCredentialIds: keys.map(key => key.id) });

const DESK = {
	'GET accounts': () => ({ accounts: [...accounts.values()]
	    .map(describe) }),
	'PUT policy': body => policy.replace(body),
	'POST metadata': () => policy.fetchMetadata(),
};

const DESK_ACCOUNT = {
	'PUT': change,
	'DELETE': ({ name }) => ({ deleted: accounts.delete(name) }),
	'POST code': code,
	'DELETE keys': (account, body, id) => forget(account, id),
	'GET accepted': accepted,
};

function helpDesk(method, [what, name, more, id], body)
{
	const account = accounts.get(name);
	const task = name === undefined ? DESK[`${method} ${what}`] :
	    DESK_ACCOUNT[more === undefined ? method : `${method} ${more}`];

	refuseUnless(task, 'unknown-command', 'there is no such thing');
	if (name === undefined)
		return task(body);
	refuseUnless(account, 'no-such-account', `there is no account ${name}`);
	return task(account, body, id);
}

/* --- HTTP --------------------------------------------------------------- */

async function bodyOf(request)
{
	const chunks = [];
	let size = 0;

	for await (const chunk of request) {
		size += chunk.length;
		refuseUnless(size <= BODY_MAX, 'invalid', 'that is too long');
		chunks.push(chunk);
	}
	if (size === 0)
		return {};
	/* which a page of another site cannot send */
	refuseUnless(/^application\/json\b/.test(
	    request.headers['content-type']), 'invalid', 'that is not JSON');
	const body = JSON.parse(Buffer.concat(chunks));
	refuseUnless(body !== null && typeof body === 'object', 'invalid',
	    'that is no object');
	return body;
}

async function answer(request)
{
	const [first, ...rest] = request.url.slice(1).split('/')
	    .map(decodeURIComponent);
	const session = sessions.get(
	    /\bsession=([\w-]+)/.exec(request.headers.cookie)?.[1]);
	const body = await bodyOf(request);

	if (first === 'admin')
		return helpDesk(request.method, rest, body);
	switch (`${request.method} ${request.url}`) {
	case 'POST /register/options':
		return registerOptions(body, session);
	case 'POST /register/verify':
		return register(body);
	case 'POST /signin/options':
		return signInOptions(body);
	case 'POST /signin/verify':
		return signIn(body);
	case 'GET /me':
		refuseUnless(session, 'not-signed-in', 'nobody is signed in');
		return describe(accountOf(session));
	}
	throw new Refused('unknown-command', 'there is no such thing');
}

/* The library's errors are about the response: the client's fault, not ours. */
function refusal(err)
{
	const { reason = 'invalid', message } = err;

	return { verified: false, reason, message };
}

const server = createServer(async (request, response) => {
	let status = 200, said;

	if (request.method === 'GET' && request.url === '/') {
		response.setHeader('Content-Type', 'text/html; charset=utf-8');
		response.end(PAGE);
		return;
	}
	try {
		said = await answer(request);
	} catch (err) {
		status = 403;
		said = refusal(err);
	}
	const { cookie, ...reply } = said;
	response.writeHead(status, { 'Content-Type': 'application/json',
		...cookie && { 'Set-Cookie': `session=${cookie}; Path=/; ` +
		    'HttpOnly; SameSite=Strict' } });
	response.end(`${JSON.stringify(reply)}\n`);
});

await policy.fetchMetadata();
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
	origin = `http://localhost:${server.address().port}`;
	console.log(`listening on ${origin}`);
});
