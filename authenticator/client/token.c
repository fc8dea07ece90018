/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/token.h"

void
token_free(struct token *t)
{
	if (t != NULL)
		t->ops->free(t);
}
