// SPDX-License-Identifier: Apache-2.0
// LAUNCH='{"executablePath": "/usr/bin/chromium"}' takes another Chromium.
import { defineConfig } from '@playwright/test';

const baseURL = 'http://localhost:3000';

export default defineConfig({
	workers: 1,			// there is one key
	timeout: 180_000,		// after an error Chromium waits for a click
	expect: { timeout: 60_000 },
	use: {
		baseURL,
		channel: 'chromium',	// not the old headless shell
		launchOptions: JSON.parse(process.env.LAUNCH ?? '{}'),
	},
	webServer: {
		command: 'node ../rp/server.mjs',
		env: { PORT: '3000' },
		url: baseURL,
	},
});
