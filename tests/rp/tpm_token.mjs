/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_token: "tpm" attestation statements as a TPM would make them, from
 * software keys, for token.mjs (WebAuthn Level 3, 8.3; TPM 2.0 Part 2, 10.12
 * and 12.2). A relying party cannot tell: that these keys are in a TPM is what
 * the certificate's issuer vouches for.
 */

import { createHash, sign } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const TPM_GENERATED = 0xff544347, ATTEST_CERTIFY = 0x8017;
const RSA = 0x0001, SHA256 = 0x000b, NULL = 0x0010, ECC = 0x0023;
const P256 = 0x0003;

/* fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, sign */
export const ATTRIBUTES = 0x00040472;

const sha256 = data => createHash('sha256').update(data).digest();
const bin = text => Buffer.from(text, 'base64url');

function uint(bytes, ...values)
{
	const out = Buffer.alloc(bytes * values.length);

	values.forEach((v, i) => out.writeUIntBE(v, i * bytes, bytes));
	return out;
}

/* A TPM2B: 16 bits of size before it */
const sized = data => Buffer.concat([uint(2, data.length), data]);

/* TPMT_PUBLIC; every scheme is NULL, as relying parties want it */
function pubAreaOf(jwk, attributes)
{
	const [type, ...details] = jwk.kty === 'RSA' ?
	    [RSA, uint(2, NULL, NULL, 2048), uint(4, 0), sized(bin(jwk.n))] :
	    [ECC, uint(2, NULL, NULL, P256, NULL), sized(bin(jwk.x)),
		sized(bin(jwk.y))];

	return Buffer.concat([uint(2, type, SHA256), uint(4, attributes),
	    sized(Buffer.alloc(0)), ...details]);
}

/* TPMS_ATTEST of a TPM2_Certify */
function certInfoOf(name, extraData)
{
	return Buffer.concat([uint(4, TPM_GENERATED), uint(2, ATTEST_CERTIFY),
	    sized(Buffer.alloc(34, 1)), sized(extraData),
	    Buffer.alloc(16), uint(1, 1), Buffer.alloc(8),
	    sized(name), sized(Buffer.alloc(34, 2))]);
}

/*
 * p: the parts of token.mjs; those of p.tpm may have been set to break one
 * thing: attributes, pubArea, extraData. attestation: who certifies.
 */
export function tpmStatement(p, attestation, signed)
{
	const jwk = p.keys.publicKey.export({ format: 'jwk' });
	const pubArea = p.tpm?.pubArea ??
	    pubAreaOf(jwk, p.tpm?.attributes ?? ATTRIBUTES);
	const name = Buffer.concat([uint(2, SHA256), sha256(pubArea)]);
	const certInfo = certInfoOf(name,
	    p.tpm?.extraData ?? sha256(signed));

	return new Map([
		['alg', -7],
		['sig', new Uint8Array(
		    sign('sha256', certInfo, attestation.key))],
		['ver', '2.0'],
		['x5c', p.x5c],
		['pubArea', new Uint8Array(pubArea)],
		['certInfo', new Uint8Array(certInfo)],
	]);
}

/* What the leaf says of the TPM: manufacturer, model, version */
const tpmName = manufacturer => new x509.Name([
	{ '2.23.133.2.1': [manufacturer] },
	{ '2.23.133.2.2': ['Test'] },
	{ '2.23.133.2.3': ['id:00010002'] },
]);

/* Extensions of the leaf; manufacturer and purpose to break */
export const tpmExtensions = ({ manufacturer = 'id:49424D00',
    purpose = '2.23.133.8.3' }) => [
	new x509.BasicConstraintsExtension(false, undefined, true),
	new x509.SubjectAlternativeNameExtension(
	    [{ type: 'dn', value: tpmName(manufacturer).toString() }], true),
	new x509.ExtendedKeyUsageExtension([purpose]),
];
