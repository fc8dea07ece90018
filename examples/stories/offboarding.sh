#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Offboarding: the key of who has left still has the credential, and no use.
. "$(dirname "$0")/lib.sh"
site '{}'

accepts register alice mine
accepts signin alice mine
desk PUT accounts/alice '{ "disabled": true }'
refuses account-disabled signin "" mine
refuses account-disabled signin alice mine
refuses account-disabled register alice another
reply=$(sealkey credentials list --state mine)
says localhost						# it is still there
reply=$(curl -s -b jar "$origin/me")
says '"reason":"not-signed-in"'				# sessions ended, too
desk PUT accounts/alice '{ "disabled": false }'
accepts signin "" mine
