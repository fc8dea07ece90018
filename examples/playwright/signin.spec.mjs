// SPDX-License-Identifier: Apache-2.0
// Stock headless Chromium and a key that is plugged in: sealkey run --state key
// (see ../ci); no virtual authenticator, no dialog.
import { expect, test } from '@playwright/test';

const status = page => expect(page.getByRole('status'));

async function press(page, button, user)
{
	await page.getByLabel('User').fill(user);
	await page.getByRole('button', { name: button }).click();
}

test('a key registers and signs in', async ({ page }) => {
	await page.goto('/');
	await press(page, 'Register a key', 'alice');
	await status(page).toHaveText('Registered as alice');
	await press(page, 'Sign in', '');	// nobody types a name
	await status(page).toHaveText('Signed in as alice');
});
