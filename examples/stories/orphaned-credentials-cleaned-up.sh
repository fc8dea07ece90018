#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Orphaned credentials cleaned up: the key offers an account that is gone, until
# everything that the site does not list any more is deleted from the key.
. "$(dirname "$0")/lib.sh"
site '{}'

accepts register alice mine
accepts register bob mine
desk DELETE accounts/bob
refuses unknown-credential signin "" mine	# the key picks the newest

desk GET accounts/alice/accepted
accepted=$(echo "$reply" | jq -r '.allAcceptedCredentialIds[]')
for id in $(sealkey credentials list --state mine --json |
    jq -r '.[] | select(.rp.id == "localhost").id'); do
	case $accepted in
	*"$id"*) ;;
	*) sealkey credentials delete --state mine -- "$id" ;;
	esac
done
accepts signin "" mine
says '"user":"alice"'
