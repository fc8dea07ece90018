#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lost key, recovery, re-enrolment: the help desk removes the key that is lost
# and gives out a code, which is good for one new key.
. "$(dirname "$0")/lib.sh"
site '{}'

accepts register alice lost
id=$(echo "$reply" | jq -r '.keys[0].id')
refuses not-signed-in register alice found
desk DELETE "accounts/alice/keys/$id"
desk POST accounts/alice/code
right=$(echo "$reply" | jq -r .code)
accepts register alice found
desk POST accounts/alice/code
right=$(echo "$reply" | jq -r .code)
code=wrong
refuses not-signed-in register alice spare
code=$right
accepts register alice spare
refuses not-signed-in register alice third	# the code was good once
code=
accepts signin alice found
refuses unknown-credential signin "" lost	# whoever found it
refuses NotAllowedError signin alice lost
