/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli: the relying party for pipes, without a browser.
 *
 *	node cli.mjs register-options --db site.json --alg ES256 |
 *	    sealkey webauthn create --origin https://example.com |
 *	    node cli.mjs register-verify --db site.json --roots roots.pem
 *
 * Standard output: options, or a JSON account of what was verified (--text:
 * the same for people). Exit status: 0 verified, 1 refused with one line on
 * standard error, 2 wrong use.
 */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from './runtime.mjs';

const { ALGS, LIBRARY, readRoots, Refused, RelyingParty } =
    await load('./rp.mjs');
const { describeAsked, describeVerified } = await load('./account.mjs');

const USAGE = `usage: cli.mjs COMMAND [options]

  register-options  print PublicKeyCredentialCreationOptionsJSON
  register-verify   verify a RegistrationResponseJSON from standard input
  login-options     print PublicKeyCredentialRequestOptionsJSON
  login-verify      verify an AuthenticationResponseJSON from standard input
  show              say in words what the options on standard input ask for
  about             name the library that verifies, and what it runs on

  --db FILE                 where the site keeps what it knows (needed)
  --origin URL, --rp-id ID  the site; https://example.com, remembered in FILE
  --alg ALG                 -7 or ES256 and so on; again for further ones
  --attestation HOW         none, indirect, direct (default) or enterprise
  --resident-key HOW        required (default), preferred or discouraged
  --user-verification HOW   required (default), preferred or discouraged
  --user NAME               whose account; alice
  --exclude                 refuse keys that hold a credential here
  --no-allow                empty allow list: any discoverable credential
  --extensions JSON         further extension inputs
  --count N                 print N options, one per line
  --roots FILE.pem          trust anchors for attestation
  --require-attestation     refuse what has no chain to a trust anchor
  --format FORMAT           refuse attestation of another one
  --batch                   read one response per line
  --text                    for people instead of JSON`;

const OPTIONS = {
	'db': { type: 'string' },
	'origin': { type: 'string' },
	'rp-id': { type: 'string' },
	'alg': { type: 'string', multiple: true, default: ['-7'] },
	'attestation': { type: 'string', default: 'direct' },
	'resident-key': { type: 'string', default: 'required' },
	'user-verification': { type: 'string', default: 'required' },
	'user': { type: 'string' },
	'exclude': { type: 'boolean', default: false },
	'no-allow': { type: 'boolean', default: false },
	'extensions': { type: 'string' },
	'count': { type: 'string', default: '1' },
	'roots': { type: 'string' },
	'require-attestation': { type: 'boolean', default: false },
	'format': { type: 'string' },
	'batch': { type: 'boolean', default: false },
	'text': { type: 'boolean', default: false },
	'help': { type: 'boolean', default: false },
};

class WrongUse extends Error {}

/* parseArgs takes the -7 in "--alg -7" for an option of its own. */
function joinNegative(args)
{
	const joined = [];

	for (const arg of args)
		if (joined.at(-1) === '--alg')
			joined.push(`${joined.pop()}=${arg}`);
		else
			joined.push(arg);
	return joined;
}

function algNumber(text)
{
	const known = Object.keys(ALGS)
	    .find(n => n === text || ALGS[n].name === text);

	if (!known)
		throw new WrongUse(`--alg ${text} is not known`);
	return Number(known);
}

const readInput = () => readFileSync(0, 'utf8');

function parse(text)
{
	try {
		return JSON.parse(text);
	} catch {
		throw new Refused('the response is not JSON');
	}
}

async function printOptions(make, count)
{
	for (let i = 0; i < count; i++)
		console.log(JSON.stringify(await make()));
}

async function printVerified(verify, args)
{
	const text = readInput();
	const lines = args.batch ? text.trimEnd().split('\n') : [text];
	let refused = 0;

	for (const line of lines) {
		try {
			const account = await verify(parse(line));
			console.log(args.text ? describeVerified(account) :
			    JSON.stringify(account));
		} catch (err) {
			if (!(err instanceof Refused))
				throw err;
			console.error(`refused: ${err.message}`);
			refused++;
		}
	}
	return refused ? 1 : 0;
}

const COMMANDS = {
	'register-options': (rp, args) => printOptions(() =>
	    rp.registrationOptions({
		algs: args.alg.map(algNumber),
		attestation: args.attestation,
		residentKey: args['resident-key'],
		userVerification: args['user-verification'],
		exclude: args.exclude,
		userName: args.user,
		extensions: args.extensions && JSON.parse(args.extensions),
	    }), Number(args.count)),
	'register-verify': (rp, args) =>
	    printVerified(answer => rp.verifyRegistration(answer), args),
	'login-options': (rp, args) => printOptions(() =>
	    rp.authenticationOptions({
		allow: !args['no-allow'],
		userName: args.user,
		extensions: args.extensions && JSON.parse(args.extensions),
	    }), Number(args.count)),
	'login-verify': (rp, args) =>
	    printVerified(answer => rp.verifyAuthentication(answer), args),
};

function parseCommandLine()
{
	let parsed;

	try {
		parsed = parseArgs({ args: joinNegative(process.argv.slice(2)),
		    options: OPTIONS, allowPositionals: true });
	} catch (err) {
		throw new WrongUse(err.message);
	}

	const { values: args, positionals } = parsed;
	if (args.help)
		return { command: 'help', args };
	if (positionals.length !== 1)
		throw new WrongUse('one command is needed');
	return { command: positionals[0], args };
}

async function main()
{
	const { command, args } = parseCommandLine();

	if (command === 'help') {
		console.log(USAGE);
		return 0;
	}
	if (command === 'show') {
		console.log(describeAsked(JSON.parse(readInput())));
		return 0;
	}
	if (command === 'about') {
		console.log(`${LIBRARY}, Node.js ${process.version}`);
		return 0;
	}
	if (!Object.hasOwn(COMMANDS, command))
		throw new WrongUse(`${command} is not a command`);
	if (!args.db)
		throw new WrongUse('--db FILE is needed');

	const rp = new RelyingParty({
		db: args.db,
		roots: args.roots ? readRoots(args.roots) : [],
		requireAttestation: args['require-attestation'],
		format: args.format,
		origin: args.origin,
		rpID: args['rp-id'],
	});
	return await COMMANDS[command](rp, args) ?? 0;
}

try {
	process.exitCode = await main();
} catch (err) {
	console.error(`cli.mjs: ${err.message}`);
	process.exitCode = err instanceof Refused ? 1 : 2;
}
