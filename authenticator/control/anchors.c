/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/control/anchors.h"

#include <errno.h>
#include <stdlib.h>

#include "authenticator/fault/armed.h"
#include "authenticator/mds/text.h"
#include "authenticator/names.h"

/* Of what settings know, in no particular order. */
static json_t *
describe_algorithms(struct device *d)
{
	static const int algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256,
		COSE_ES384, COSE_ES512, COSE_ES256K, COSE_PS256, COSE_ED448,
		COSE_ML_DSA_44, COSE_ML_DSA_65, COSE_ML_DSA_87, COSE_RS1 };
	struct keys *keys = device_provider(d);
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (keys->ops->has_alg(keys, algs[i]))
			(void)json_array_append_new(list,
			    json_integer(algs[i]));
	return list;
}

static bool
has_ak(struct device *d)
{
	static const int algs[] = { COSE_ES256, COSE_RS256, COSE_RS1 };
	char msg[DEVICE_MESSAGE_LEN];
	struct ak *ak;

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		if (ak_read(device_store(d), algs[i], &ak, msg, sizeof(msg))
		    != 0)
			continue;
		ak_free(ak);
		return true;
	}
	return false;
}

json_t *
describe_anchors(struct device *d)
{
	char u2f[ATTESTATION_KEY_ID_LEN + 1], aaguid[37];
	uint8_t model[16];
	char *pem = NULL;
	json_t *json;

	if (attestation_roots_read(device_store(d), &pem) != 0)
		return NULL;
	if (attestation_u2f_id(device_store(d), u2f) != 0) {
		free(pem);
		return NULL;
	}
	device_aaguid_of(d, model);
	aaguid_write(model, aaguid);
	json = json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:b, s:I}",
	    "pem", pem,
	    "aaguid", aaguid,
	    "u2fKeyIdentifier", u2f,
	    "algorithms", describe_algorithms(d),
	    "hardware", device_hardware(d),
	    "tpm", has_ak(d),
	    "faultsAllowed", !fault_set_forbidden(device_faults(d)),
	    "capacity", (json_int_t)store_capacity(device_store(d)));
	free(pem);
	return json;
}

static json_t *
describe_crl(struct device *d, enum attestation_ca which, int64_t now_s)
{
	uint8_t *der;
	json_t *json;
	size_t len;
	int r;

	r = attestation_crl(device_store(d), which, now_s, &der, &len);
	if (r == -ENOKEY)
		return json_null();
	if (r != 0)
		return NULL;
	json = mds_base64(span(der, len));
	free(der);
	return json;
}

json_t *
describe_crls(struct device *d, int64_t now_s)
{
	return json_pack("{s:o, s:o}",
	    "root", describe_crl(d, ATTESTATION_CA_ROOT, now_s),
	    "intermediate", describe_crl(d, ATTESTATION_CA_INTERMEDIATE,
	    now_s));
}
