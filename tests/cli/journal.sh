#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the journal is told under systemd: the messages as libsystemd sends them,
# to somebody who listens where journald does, in a mount namespace. (TAP)
. "$(dirname "$0")/lib"

if ! unshare -rm mount -t tmpfs none /run 2>/dev/null; then
	echo "1..0 # SKIP no mount namespaces here"
	exit 0
fi

options='{"rp": {"id": "example.com", "name": "E"}, "challenge": "AAAA",
    "user": {"id": "AQID", "name": "a", "displayName": "A"},
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}]}'

# journal ARGUMENT...: what is told while a credential is made, in $T/out
journal()
{
	# shellcheck disable=SC2016
	unshare -rm sh -c 'mount -t tmpfs none /run && exec "$@"' - \
	    python3 "$here/tests/cli/journal.py" "$T/err" "$SEALKEY" webauthn \
	    create --origin https://example.com "$@" >"$T/out" <<<"$options"
}

# member NAME: of the messages about makeCredential
member()
{
	jq -r "select(.SEALKEY_OPERATION == \"makeCredential\").$1" "$T/out"
}

check "a registration of a service" journal --state "$T/key"
check "is one message" [ "$(member SEALKEY_OPERATION | wc -l)" = 1 ]
check "of sealkey" [ "$(member SYSLOG_IDENTIFIER)" = sealkey ]
check "which says for whom" [ "$(member SEALKEY_RP_ID)" = example.com ]
check "and how it ended" [ "$(member SEALKEY_RESULT)" = OK ]
check "and all that the log has" [ "$(member MESSAGE | jq -r .rpId)" = \
    example.com ]
check "as the log has it" [ "$(member MESSAGE | jq -S .)" = \
    "$("$SEALKEY" audit --state "$T/key" --json --operation makeCredential |
    jq -S .)" ]

plan
