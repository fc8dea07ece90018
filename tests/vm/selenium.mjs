/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selenium: Selenium's own bindings for virtual authenticators, with a browser
 * behind "sealkey webdriver" that knows none.
 *
 * usage: selenium.mjs firefox|chromium PROTOCOL PROXY SITE
 *
 * Ceremonies go to descriptor 3, and what the relying party (server.mjs
 * --steps) made of them comes from descriptor 4. Prints "ok NAME" for each
 * thing that is so, and ends at the first that is not, with status 1 and the
 * reason on standard error.
 */

import assert from 'node:assert/strict';
import { readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../rp/rp.mjs', import.meta.url));
const { Builder, Capabilities } = require('selenium-webdriver');
const { VirtualAuthenticatorOptions } =
    require('selenium-webdriver/lib/virtual_authenticator');

/* What cases/chromium.sh tells it, for the same reasons; Firefox is told by
 * marionette.mjs. */
const BROWSERS = {
	firefox: { browserName: 'firefox', 'moz:firefoxOptions': {
		args: ['--headless'],
	} },
	chromium: { browserName: 'chrome', 'goog:chromeOptions': {
		binary: '/usr/bin/chromium',
		args: ['--headless', '--no-sandbox', '--disable-quic',
		    '--use-angle=swiftshader', '--no-first-run',
		    '--disable-background-networking',
		    '--disable-component-update', '--disable-sync'],
	} },
};

const [name, protocol, proxy, site] = process.argv.slice(2);

/* Waits for the account, without anything else: nobody is to hang at exit for
 * a reader that waits for one more. */
function step(given)
{
	const byte = Buffer.alloc(1);
	const line = [];

	writeSync(3, `${JSON.stringify(given)}\n`);
	while (readSync(4, byte) === 1 && byte[0] !== 0x0a)
		line.push(byte[0]);
	return JSON.parse(Buffer.from(line));
}

function verified(given)
{
	const account = step(given);

	assert.equal(account.verified, true, JSON.stringify(account));
	return account;
}

const ok = what => console.log(`ok ${what}`);

const driver = await new Builder().usingServer(proxy)
    .withCapabilities(new Capabilities(BROWSERS[name])).build();
ok('a session is made');
await driver.get(site);
ok('the page is open');

const options = new VirtualAuthenticatorOptions();
options.setProtocol(protocol);
options.setHasResidentKey(true);
options.setHasUserVerification(true);
options.setIsUserVerified(true);
await driver.addVirtualAuthenticator(options);
assert.match(driver.virtualAuthenticatorId(), /^[0-9A-Za-z._~-]{1,48}$/);
ok('an authenticator is added');
assert.deepEqual(await driver.getCredentials(), []);
ok('it has no credential');

const made = verified({ ceremony: 'register', attestation: 'none' });
assert.equal(made.userVerified, true);
ok('it registers, and its user is verified');
const [kept, ...more] = await driver.getCredentials();
assert.equal(more.length, 0);
assert.equal(kept.rpId(), 'localhost');
assert.equal(kept.isResidentCredential(), true);
assert.ok(kept.userHandle().length > 0);
ok('the credential is there, with its site and user');

assert.equal(verified({ ceremony: 'login' }).discoverable, true);
ok('it signs in without a list');
const [used] = await driver.getCredentials();
assert.ok(used.signCount() > kept.signCount());
assert.deepEqual(used.id(), kept.id());
ok('the credential counted');

await driver.removeCredential(Buffer.from(used.id()).toString('base64url'));
assert.deepEqual(await driver.getCredentials(), []);
ok('the credential is removed');
await driver.addCredential(used);
verified({ ceremony: 'login', allow: true });
ok('it comes back with its private key, and signs in');
const [last] = await driver.getCredentials();
await driver.removeAllCredentials();
assert.deepEqual(await driver.getCredentials(), []);
ok('all credentials are removed');
await driver.addCredential(last);	/* a counter that fell is a copy's */

/* Chromium tells its user what went wrong, and waits for a click. */
if (name !== 'chromium') {
	await driver.setUserVerified(false);
	const refused = step({ ceremony: 'login', allow: true });
	assert.equal(refused.verified, false);
	assert.match(refused.error, /^browser: NotAllowedError/);
	ok('a user who is not verified gets NotAllowedError');
	await driver.setUserVerified(true);
}
verified({ ceremony: 'login', allow: true });
ok('at last it signs in again');

await driver.removeVirtualAuthenticator();
ok('the authenticator is removed');
await driver.addVirtualAuthenticator(options);
await driver.quit();
ok('the session ends, and its authenticator with it');
process.exit(0);
