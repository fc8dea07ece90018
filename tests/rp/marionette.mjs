/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marionette: the least of a WebDriver server for Firefox.
 *
 * geckodriver is in none of Debian's packages. What it does is small: it starts
 * Firefox and passes commands to the port that Firefox itself opens for
 * automation (Marionette). So does this, for the commands that a sign-in needs;
 * others are an unknown command. One session at a time.
 *
 * usage: marionette.mjs PORT	(127.0.0.1; says "ready" on standard output)
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STARTS_WITHIN_MS = 120000;

/* Method and path below /session/ID, and what Marionette calls it. :id goes
 * into the parameters. */
const COMMANDS = [
	['GET', 'timeouts', 'WebDriver:GetTimeouts'],
	['POST', 'timeouts', 'WebDriver:SetTimeouts'],
	['GET', 'url', 'WebDriver:GetCurrentURL'],
	['POST', 'url', 'WebDriver:Navigate'],
	['POST', 'refresh', 'WebDriver:Refresh'],
	['GET', 'title', 'WebDriver:GetTitle'],
	['GET', 'source', 'WebDriver:GetPageSource'],
	['GET', 'window', 'WebDriver:GetWindowHandle'],
	['POST', 'execute/sync', 'WebDriver:ExecuteScript'],
	['POST', 'execute/async', 'WebDriver:ExecuteAsyncScript'],
	['POST', 'element', 'WebDriver:FindElement'],
	['POST', 'elements', 'WebDriver:FindElements'],
	['GET', 'element/:id/text', 'WebDriver:GetElementText'],
	['POST', 'element/:id/click', 'WebDriver:ElementClick'],
	['POST', 'element/:id/clear', 'WebDriver:ElementClear'],
	['POST', 'element/:id/value', 'WebDriver:ElementSendKeys'],
	['DELETE', '', 'WebDriver:DeleteSession'],
];

const STATUS = { 'no such element': 404, 'unknown command': 404,
    'invalid session id': 404, 'stale element reference': 404,
    'invalid argument': 400 };

const sleep = ms => new Promise(wake => setTimeout(wake, ms));
const failure = (error, message) => Object.assign(new Error(message), { error });

/* Messages are LENGTH:JSON; requests [0, id, name, parameters], replies
 * [1, id, error, result]. */
class Marionette {
	#socket;
	#waiting = new Map();
	#buffer = Buffer.alloc(0);
	#id = 0;

	constructor(socket)
	{
		this.#socket = socket;
		socket.on('data', data => this.#read(data));
		socket.on('error', () => {});
		socket.on('close', () => this.#fail());
	}

	#fail()
	{
		for (const { reject } of this.#waiting.values())
			reject(failure('unknown error', 'Firefox is gone'));
		this.#waiting.clear();
	}

	#read(data)
	{
		this.#buffer = Buffer.concat([this.#buffer, data]);
		for (;;) {
			const colon = this.#buffer.indexOf(':');
			const end = colon + 1 + Number(
			    this.#buffer.subarray(0, Math.max(colon, 0)));
			if (colon === -1 || this.#buffer.length < end)
				return;
			this.#take(JSON.parse(
			    this.#buffer.subarray(colon + 1, end)));
			this.#buffer = this.#buffer.subarray(end);
		}
	}

	/* The first message is no reply: Firefox says who it is. */
	#take(message)
	{
		if (!Array.isArray(message))
			return;
		const [, id, error, result] = message;
		const { resolve, reject } = this.#waiting.get(id);

		this.#waiting.delete(id);
		if (error)
			reject(failure(error.error, error.message));
		else
			resolve(result);
	}

	send(name, parameters)
	{
		const id = ++this.#id;
		const text = Buffer.from(
		    JSON.stringify([0, id, name, parameters]));

		this.#socket.write(Buffer.concat(
		    [Buffer.from(`${text.length}:`), text]));
		return new Promise((resolve, reject) =>
		    this.#waiting.set(id, { resolve, reject }));
	}
}

async function dial(port, child)
{
	for (const end = Date.now() + STARTS_WITHIN_MS; Date.now() < end;) {
		const socket = connect(port, '127.0.0.1');
		const ok = await new Promise(done => {
			socket.once('connect', () => done(true));
			socket.once('error', () => done(false));
		});

		if (ok)
			return new Marionette(socket);
		if (child.exitCode !== null)
			break;
		await sleep(200);
	}
	throw failure('session not created', 'Firefox does not answer');
}

/* Much of what geckodriver tells Firefox by itself: no first steps with the
 * user, and nobody asked on the network. */
const PREFS = {
	'browser.aboutwelcome.enabled': false,
	'browser.newtabpage.enabled': false,
	'browser.shell.checkDefaultBrowser': false,
	'browser.startup.page': 0,
	'datareporting.policy.dataSubmissionEnabled': false,
	'network.captive-portal-service.enabled': false,
	'network.connectivity-service.enabled': false,
	'services.settings.server': 'data:,',
};

class Session {
	/* options as in moz:firefoxOptions */
	async start(port, { args = [], prefs = {}, binary = 'firefox-esr' } = {})
	{
		const all = { ...PREFS, 'marionette.port': port, ...prefs };

		this.profile = mkdtempSync(join(tmpdir(), 'marionette.'));
		writeFileSync(join(this.profile, 'user.js'),
		    Object.entries(all).map(([name, value]) =>
		    `user_pref(${JSON.stringify(name)}, ` +
		    `${JSON.stringify(value)});\n`).join(''));
		this.child = spawn(binary, ['--marionette', '--no-remote',
		    '--profile', this.profile, ...args],
		    { stdio: ['ignore', 'ignore', 'inherit'] });
		this.child.on('error', () => {});
		this.firefox = await dial(port, this.child);
		const made = await this.firefox.send('WebDriver:NewSession',
		    { capabilities: { alwaysMatch: {} } });
		this.id = made.sessionId;
		return made;
	}

	end()
	{
		this.child.kill('SIGKILL');
		rmSync(this.profile, { recursive: true, force: true,
		    maxRetries: 5 });
	}
}

let session = null;

async function newSession({ capabilities = {} }, port)
{
	const wanted = { ...capabilities.alwaysMatch,
	    ...capabilities.firstMatch?.[0] };

	if (session)
		throw failure('session not created', 'there is one already');
	if (Object.keys(wanted).some(name => name.startsWith('webauthn:')))
		throw failure('invalid argument', 'an unknown capability');
	session = new Session();
	try {
		return await session.start(port,
		    wanted['moz:firefoxOptions']);
	} catch (err) {
		session.end();
		session = null;
		throw err;
	}
}

function find(method, path)
{
	for (const [m, pattern, name] of COMMANDS) {
		const match = path.match(new RegExp(
		    `^${pattern.replace(':id', '([^/]+)')}$`));

		if (m === method && match)
			return { name, id: match[1] };
	}
	throw failure('unknown command', `${method} ${path}`);
}

async function answer(method, url, body, port)
{
	const [, first, id, ...rest] = url.split('/');

	if (method === 'GET' && url === '/status')
		return { ready: session === null, message: '' };
	if (first !== 'session')
		throw failure('unknown command', url);
	if (id === undefined && method === 'POST')
		return newSession(body, port);
	if (id !== session?.id)
		throw failure('invalid session id', id);

	const command = find(method, rest.join('/'));
	const result = await session.firefox.send(command.name,
	    command.id ? { ...body, id: command.id } : body);
	if (method === 'DELETE') {
		session.end();
		session = null;
		return null;
	}
	return result && 'value' in result ? result.value : result;
}

async function handle(request, response, port)
{
	const chunks = [];
	let status = 200;
	let value;

	for await (const chunk of request)
		chunks.push(chunk);
	try {
		const text = Buffer.concat(chunks).toString();
		value = await answer(request.method, request.url,
		    text ? JSON.parse(text) : {}, port);
	} catch (err) {
		value = { error: err.error ?? 'unknown error',
		    message: err.message, stacktrace: '' };
		status = STATUS[value.error] ?? 500;
	}
	response.writeHead(status, { 'Content-Type':
	    'application/json; charset=utf-8', 'Cache-Control': 'no-cache' });
	response.end(JSON.stringify({ value }));
}

const port = Number(process.argv[2]);
createServer((request, response) => handle(request, response, port + 1))
    .listen(port, '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => {
	session?.end();
	process.exit(0);
});
