// SPDX-License-Identifier: Apache-2.0
/*
 * Which keys are good enough, and for whom. A policy is JSON:
 *
 *	{ "attestation": "required", "aaguids": ["2fc0579f-..."],
 *	  "deviceBound": true, "keys": { "min": 2, "max": 5 },
 *	  "groups": { "admins": { ... the same, for these ... } },
 *	  "accounts": { "alice": "admins" },
 *	  "roots": ["roots.pem"],
 *	  "metadata": { "blob": "http://...", "root": "mds.pem" } }
 *
 * attestation	"none", which is the default, or "required": by a certificate
 *		that leads to one of roots, or to one that the metadata have
 * aaguids	only these models, which implies that they attest it
 * deviceBound	no passkeys that are synced
 * keys		how many of them each account has
 * accounts	only these, and the group of each; else all who come
 * metadata	only models that are listed there, and none with one of the
 *		statuses in metadata.refuse
 *
 * It is asked when a key registers and whenever it signs in, since both the
 * metadata and the group of an account may have changed in between.
 */

import { readFileSync } from 'node:fs';
import { MetadataService, SettingsService } from '@simplewebauthn/server';
import { decodeAttestationObject } from '@simplewebauthn/server/helpers';

const FORMATS = ['packed', 'tpm', 'fido-u2f', 'android-key',
	'android-safetynet', 'apple'];
const COMPROMISED = ['REVOKED', 'USER_VERIFICATION_BYPASS',
	'ATTESTATION_KEY_COMPROMISE', 'USER_KEY_REMOTE_COMPROMISE',
	'USER_KEY_PHYSICAL_COMPROMISE'];
const DEFAULTS = { attestation: 'none', deviceBound: false };
const KEYS = { min: 1, max: 10 };

export class Refused extends Error {
	constructor(reason, message)
	{
		super(message);
		this.reason = reason;
	}
}

export function refuseUnless(condition, reason, message)
{
	if (!condition)
		throw new Refused(reason, message);
}

const certificatesIn = path => readFileSync(path, 'utf8').match(
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];

/* Of those whose time has come, the report that came last */
function statusOf({ statusReports })
{
	const today = new Date().toISOString().slice(0, 10);

	return statusReports.filter(report => (report.effectiveDate ?? '') <=
	    today).at(-1)?.status;
}

export class Policy {
	#rules;
	#statuses;	/* by AAGUID, if there are metadata */

	constructor(rules)
	{
		this.replace(rules);
	}

	replace(members)
	{
		this.#rules = { ...this.#rules, ...members };
		for (const identifier of FORMATS)
			SettingsService.setRootCertificates({ identifier,
			    certificates: (this.#rules.roots ?? [])
				.flatMap(certificatesIn) });
		return this.#rules;
	}

	knows(name)
	{
		const { accounts } = this.#rules;

		return !accounts || Object.hasOwn(accounts, name);
	}

	groupOf(name)
	{
		return this.#rules.accounts?.[name] ?? 'staff';
	}

	rulesOf(group)
	{
		const own = this.#rules.groups?.[group];
		const rules = { ...DEFAULTS, ...this.#rules, ...own };

		return { ...rules, keys: { ...KEYS, ...rules.keys },
			attested: rules.attestation === 'required' ||
			    Boolean(rules.aaguids || rules.metadata) };
	}

	/*
	 * The library has verified what is there: here it has to be there. It
	 * takes any chain where it has no anchor.
	 */
	isAttested({ fmt, attestationObject })
	{
		const statement = decodeAttestationObject(attestationObject)
		    .get('attStmt');
		const anchors = SettingsService.getRootCertificates(
		    { identifier: fmt }) ?? [];

		return (statement.get('x5c')?.length > 0 ||
		    fmt === 'android-safetynet') && (anchors.length > 0 ||
		    this.#statuses !== undefined);
	}

	/* Throws Refused unless a key is good enough for a group. */
	judge({ aaguid, attested, deviceType }, group)
	{
		const rules = this.rulesOf(group);

		refuseUnless(attested || !rules.attested,
		    'attestation-required', 'the key has to prove its model');
		refuseUnless(!rules.aaguids || rules.aaguids.includes(aaguid),
		    'aaguid-not-approved', `${aaguid} is not on the list`);
		refuseUnless(deviceType === 'singleDevice' ||
		    !rules.deviceBound, 'not-device-bound',
		    'the passkey is synced, or could be');
		if (!rules.metadata)
			return;
		const status = this.#statuses?.get(aaguid);
		refuseUnless(status, 'not-in-metadata',
		    `nothing is known of ${aaguid}`);
		refuseUnless(!(rules.metadata.refuse ?? COMPROMISED)
		    .includes(status), 'metadata-status', `the model: ${status}`);
	}

	/* The library verifies the BLOB, and keeps the statuses to itself. */
	async fetchMetadata()
	{
		const { metadata } = this.#rules;

		if (!metadata)
			return {};
		const blob = await (await fetch(metadata.blob)).text();

		SettingsService.setRootCertificates({ identifier: 'mds',
			certificates: certificatesIn(metadata.root) });
		await MetadataService.initialize({ verificationMode: 'strict',
			mdsServers: [`data:application/jose,${blob}`] });
		const { no, nextUpdate, entries } = JSON.parse(
		    Buffer.from(blob.split('.')[1], 'base64url'));
		this.#statuses = new Map(entries.filter(e => e.aaguid)
		    .map(entry => [entry.aaguid, statusOf(entry)]));
		return { no, nextUpdate, models: this.#statuses.size };
	}
}
