/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: the relying party for browsers, on http://localhost:PORT/ .
 *
 * The page registers a discoverable credential and signs in with an empty
 * allow list, with user verification and direct attestation; browsers and the
 * key need nobody at the keyboard for that. With --steps it does instead what
 * standard input says, one JSON object a line, each when it is read:
 *
 *	{"ceremony":"register","attestation":"none","userName":"kim"}
 *	{"ceremony":"login","allow":true,"extensions":{"prf":{...}}}
 *
 * The other members are those of registrationOptions() and
 * authenticationOptions() in rp.mjs. Standard output: one JSON account per
 * ceremony, refused ones too. With --answers, what the browser answered is kept
 * for others to judge. Listens on the loopback interface only.
 *
 * Exit status: with --once 0 when all ceremonies were verified, 1 when one
 * was refused or the time was up; 2 wrong use.
 */

import { createServer } from 'node:http';
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { load } from './runtime.mjs';

const { readRoots, Refused, RelyingParty } = await load('./rp.mjs');

const USAGE = `usage: server.mjs --roots FILE.pem [options]

  --port P                  port on localhost; 0, the default, picks one
  --roots FILE.pem          trust anchors for attestation
  --require-attestation     refuse what has no chain to a trust anchor
  --attestation HOW         none, indirect, direct (default) or enterprise
  --steps                   ceremonies as JSON lines on standard input
  --answers FILE            keeps each answer there, a JSON line
  --once                    end after the last ceremony, or one refused
  --timeout S               with --once, wait this long; 120 seconds`;

const OPTIONS = {
	'port': { type: 'string', default: '0' },
	'roots': { type: 'string' },
	'require-attestation': { type: 'boolean', default: false },
	'attestation': { type: 'string', default: 'direct' },
	'steps': { type: 'boolean', default: false },
	'answers': { type: 'string' },
	'once': { type: 'boolean', default: false },
	'timeout': { type: 'string', default: '120' },
	'help': { type: 'boolean', default: false },
};

const BODY_MAX = 1024 * 1024;	/* bytes; an answer has a few thousand */

async function readBody(request)
{
	const chunks = [];
	let size = 0;

	for await (const chunk of request) {
		size += chunk.length;
		if (size > BODY_MAX)
			throw new Refused('request is too long');
		chunks.push(chunk);
	}
	try {
		return JSON.parse(Buffer.concat(chunks));
	} catch {
		throw new Refused('request is not JSON');
	}
}

/* An account in any case: what the browser or the relying party said no to */
async function judge(ceremony, verify, given)
{
	try {
		if (given?.error)
			throw new Refused(`browser: ${given.error}`);
		return { ...await verify(given?.answer), ms: given.ms };
	} catch (err) {
		if (!(err instanceof Refused))
			console.error(err);
		return { ceremony, verified: false, error: err.message };
	}
}

async function *stepsFrom(input)
{
	for await (const line of createInterface({ input }))
		yield JSON.parse(line);
}

class Site {
	#rp;
	#attestation;
	#answers;
	#given;
	#steps;
	#step = {};
	#verified;
	#done;

	/*
	 * answers: where answers are kept, if anywhere.
	 * given: iterator of steps, if the page is not to do the two of its own.
	 * done(verified) is called after a refusal or the last step.
	 */
	constructor(rp, { attestation, answers }, given, done)
	{
		this.#rp = rp;
		this.#attestation = attestation;
		this.#answers = answers;
		this.#given = given;
		this.#steps = given ?? this.#both();
		this.#done = done;
	}

	*#both()
	{
		yield { ceremony: 'register' };
		if (this.#verified)
			yield { ceremony: 'login' };
	}

	#page()
	{
		this.#steps = this.#given ?? this.#both();
		return readFileSync(new URL('page.html', import.meta.url));
	}

	/* The next step, when there is one; null after the last. */
	async #next()
	{
		const { value } = await this.#steps.next();

		this.#step = value ?? {};
		return value ?? null;
	}

	#options(ceremony)
	{
		if (ceremony === 'login')
			return this.#rp.authenticationOptions(
			    { allow: false, ...this.#step });
		return this.#rp.registrationOptions({
			algs: [-7, -8, -257],
			attestation: this.#attestation,
			...this.#step,
		});
	}

	async #verify(ceremony, given)
	{
		if (this.#answers && given?.answer)
			appendFileSync(this.#answers,
			    JSON.stringify(given.answer) + '\n');
		const account = await judge(ceremony,
		    answer => ceremony === 'login' ?
		    this.#rp.verifyAuthentication(answer) :
		    this.#rp.verifyRegistration(answer), given);

		console.log(JSON.stringify(account));
		this.#verified = account.verified;
		return account;
	}

	async #post(path, request)
	{
		const [ceremony, what] = path.split('/');

		if (path === 'next')
			return this.#next();
		return what === 'options' ? this.#options(ceremony) :
		    this.#verify(ceremony, await readBody(request));
	}

	async handle(request, response)
	{
		const route = `${request.method} ${request.url}`;
		const post = route.match(
		    /^POST \/(next|(?:register|login)\/(?:options|verify))$/);

		if (route === 'GET /') {
			response.setHeader('Content-Type',
			    'text/html; charset=utf-8');
			response.end(this.#page());
			return;
		}
		if (!post) {
			response.writeHead(404).end('not found\n');
			return;
		}

		const result = await this.#post(post[1], request);
		response.setHeader('Content-Type', 'application/json');
		response.end(JSON.stringify(result), () => {
			if (result === null)
				this.#done(true);
			else if (result.verified === false)
				this.#done(false);
		});
	}
}

function parseCommandLine()
{
	try {
		return parseArgs({ options: OPTIONS }).values;
	} catch (err) {
		console.error(`server.mjs: ${err.message}`);
		process.exit(2);
	}
}

function listen(site, port)
{
	const server = createServer((request, response) =>
	    site.handle(request, response).catch(err => {
		if (!(err instanceof Refused))
			console.error(err);
		response.writeHead(400).end();
	    }));

	server.on('error', err => {
		console.error(`server.mjs: ${err.message}`);
		process.exit(2);
	});
	server.listen(port, '127.0.0.1', () => console.error(
	    `listening on http://localhost:${server.address().port}/`));
	return server;
}

function main()
{
	const args = parseCommandLine();

	if (args.help) {
		console.log(USAGE);
		return;
	}

	const port = Number(args.port);
	const rp = new RelyingParty({
		roots: args.roots ? readRoots(args.roots) : [],
		requireAttestation: args['require-attestation'],
		origin: 'http://localhost',
	});
	const steps = args.steps ? stepsFrom(process.stdin) : undefined;
	const site = new Site(rp, args, steps, verified => {
		if (args.once)
			process.exit(verified ? 0 : 1);
	});
	const server = listen(site, port);
	server.on('listening', () => {
		rp.site.origin = `http://localhost:${server.address().port}`;
	});
	if (args.once)
		setTimeout(() => {
			console.error('server.mjs: time is up');
			process.exit(1);
		}, Number(args.timeout) * 1000);
}

main();
