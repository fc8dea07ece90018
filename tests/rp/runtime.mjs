/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: a Node.js that is new enough for the relying party.
 *
 * @simplewebauthn/server wants Node.js 20; Debian 12 has 18. The programs here
 * can be started with either: under the older one they start themselves again
 * under the one that ./setup fetched, with the same arguments, standard
 * streams and exit status, and pass signals on.
 *
 * Must itself run on Node.js 18. Run as a program it prints the path of a
 * suitable Node.js, or says that there is none with exit status 1.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_MAJOR = 20;
const HERE = dirname(fileURLToPath(import.meta.url));
const FETCHED = join(HERE, 'node/node_modules',
    `node-linux-${process.arch}`, 'bin/node');

const newEnough = () =>
	Number(process.versions.node.split('.')[0]) >= OLDEST_MAJOR;

function fail(line)
{
	console.error(`${line}; run tests/rp/setup`);
	process.exit(1);
}

/* Never comes back: the process ends as its successor ends. */
function startAgain()
{
	const child = spawn(FETCHED, process.argv.slice(1),
	    { stdio: 'inherit' });

	for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'])
		process.on(name, () => child.kill(name));
	child.on('error', err => fail(`cannot run ${FETCHED}: ${err.message}`));
	child.on('exit', (code, signal) =>
	    process.exit(code ?? 128 + constants.signals[signal]));
	return new Promise(() => {});
}

/*
 * Import a module of this folder under a suitable Node.js. A module that
 * cannot be loaded because setup never ran is a user's mistake, not a crash.
 */
export async function load(module)
{
	if (!newEnough()) {
		if (!existsSync(FETCHED))
			fail('Node.js 20 or later is needed');
		await startAgain();
	}
	try {
		return await import(module);
	} catch (err) {
		if (err.code !== 'ERR_MODULE_NOT_FOUND')
			throw err;
		fail('packages of the relying party are missing');
	}
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	if (!newEnough() && !existsSync(FETCHED))
		fail('Node.js 20 or later is needed');
	console.log(newEnough() ? process.execPath : FETCHED);
}
