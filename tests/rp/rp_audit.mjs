/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rp_audit: relying parties that misbehave, and questions about a report.
 *
 *	rp_audit.mjs crash|hang|nonsense|chatter|exit	for rp-audit --rp
 *	rp_audit.mjs narrow
 *	rp_audit.mjs serve FILE		the lax one over HTTP, its URL into FILE
 *	rp_audit.mjs silent		one that never answers; says its URL,
 *					and when it has been asked
 *	rp_audit.mjs ask REPORT EXPRESSION	of r; false is exit status 1
 *
 * The first five behave as long as the check is about an honest key. The
 * narrow one knows the formats packed and none, and notices att.sig-bad alone.
 */
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

const LAX = new URL('../../examples/adapters/lax.mjs', import.meta.url);

/* The lax adapter as a function. */
function startLax()
{
	const child = spawn(process.execPath, [LAX.pathname],
	    { stdio: ['pipe', 'pipe', 'inherit'] });
	const waiting = [];

	createInterface({ input: child.stdout }).on('line', line =>
	    waiting.shift()(line));
	return { child, ask: line => new Promise(resolve => {
		waiting.push(resolve);
		child.stdin.write(`${line}\n`);
	}) };
}

const MISBEHAVIOUR = {
	crash: () => process.kill(process.pid, 'SIGSEGV'),
	exit: () => process.exit(3),
	hang: () => new Promise(() => setInterval(() => {}, 1000)),
	nonsense: () => 'Error: not a line of JSON',
	chatter: answer => `${answer}\n${answer}`,
};

async function misbehave(how)
{
	const { child, ask } = startLax();

	for await (const line of createInterface({ input: process.stdin })) {
		const answer = await ask(line);
		const honest = JSON.parse(line).case.startsWith('honest.');

		console.log(honest ? answer : await MISBEHAVIOUR[how](answer));
	}
	child.stdin.end();
}

/* "fmt" and its text as CBOR has them; good for what keys send. */
function formatOf(response)
{
	const cbor = Buffer.from(response.attestationObject, 'base64url');
	const at = cbor.indexOf('cfmt') + 4;

	return cbor.toString('latin1', at + 1, at + 1 + (cbor[at] & 0x1f));
}

async function narrow()
{
	const { child, ask } = startLax();

	for await (const line of createInterface({ input: process.stdin })) {
		const { request, type, case: name, response } =
		    JSON.parse(line);
		const answer = await ask(line);

		if (request !== 'verify' || type !== 'create')
			console.log(answer);
		else if (!['packed', 'none'].includes(
		    formatOf(response.response)))
			console.log('{"verified":false,"error":"no such format"}');
		else if (name === 'att.sig-bad')
			console.log('{"verified":false,"error":"signature"}');
		else
			console.log(answer);
	}
	child.stdin.end();
}

/* A fault in authenticator data is HTTP 500, one in CBOR is HTTP 400. */
function serve(file)
{
	const { ask } = startLax();
	const server = createServer(async (request, response) => {
		let body = '';

		for await (const part of request)
			body += part;
		const { case: name, request: what } = JSON.parse(body);
		if (what === 'verify' && name.startsWith('reg.'))
			response.statusCode = 500;
		if (what === 'verify' && name.startsWith('cbor.'))
			response.statusCode = 400;
		response.setHeader('content-type', 'application/json');
		response.end(response.statusCode === 400 ?
		    '{"error":"no such CBOR"}' : await ask(body));
	});

	server.listen(0, '127.0.0.1', () => {
		writeFileSync(`${file}.new`,
		    `http://127.0.0.1:${server.address().port}/`);
		renameSync(`${file}.new`, file);
	});
}

function silent()
{
	const server = createServer(() => console.log('asked'));

	server.listen(0, '127.0.0.1', () =>
	    console.log(`http://127.0.0.1:${server.address().port}/`));
}

function ask(report, expression)
{
	const r = JSON.parse(readFileSync(report));
	const row = name => r.checks.find(c => c.name === name) ?? {};
	const all = (level, ...outcomes) => r.checks.filter(c =>
	    c.level === level).every(c => outcomes.includes(c.outcome) ||
	    (console.error(c), false));
	const value = new Function('r', 'row', 'all', 'readFileSync',
	    `return (${expression});`)(r, row, all, readFileSync);

	if (!value)
		console.error(`not so: ${expression}`);
	process.exit(value ? 0 : 1);
}

const [verb, ...args] = process.argv.slice(2);
if (verb === 'ask')
	ask(...args);
else if (verb === 'serve')
	serve(...args);
else if (verb === 'silent')
	silent();
else if (verb === 'narrow')
	narrow();
else
	misbehave(verb);
