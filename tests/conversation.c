/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conversation.h"

#include <string.h>

#define WHEN_SET	0x100	/* else when it is not */

/* RSA is too slow for a fuzzer. */
#define ALGORITHMS	"algorithms=ES256,EdDSA"

static const struct {
	int		 bit;
	const char	*setting;
} kinds[] = {
	{ KEY_NO_UV | WHEN_SET, "uv=off" },
	{ KEY_NO_PIN | WHEN_SET, "clientPin=off" },
	{ KEY_ALWAYS_UV | WHEN_SET, "alwaysUv=on" },
	{ KEY_CHOOSES, "accountChoice=host" },
	{ KEY_SELF | WHEN_SET, "attestation=self" },
	{ KEY_BIO | WHEN_SET, "bioEnroll=on" },
	{ KEY_NO_U2F | WHEN_SET, "versions=FIDO_2_0,FIDO_2_1,FIDO_2_3" },
	{ KEY_LARGE_BLOB | WHEN_SET, "largeBlob=on" },
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

void
conversation_setup(int key, struct sim_setup *out)
{
	size_t n = 0;

	memset(out, 0, sizeof(*out));
	out->set[n++] = ALGORITHMS;
	out->pin_in_keys = (key & KEY_NO_UV) != 0;
	for (size_t i = 0; i < KINDS; i++) {
		bool set = (key & kinds[i].bit & 0xff) != 0;

		if (set == ((kinds[i].bit & WHEN_SET) != 0))
			out->set[n++] = kinds[i].setting;
	}
}

int
conversation_key(const char *const *settings)
{
	int key = KEY_CHOOSES;
	size_t i;

	for (; *settings != NULL; settings++) {
		for (i = 0; i < KINDS; i++)
			if (strcmp(*settings, kinds[i].setting) == 0)
				break;
		if (i == KINDS)
			return -1;
		key ^= kinds[i].bit & 0xff;
	}
	return key;
}
