#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A phishing origin gets no assertion: it passes on the options of the real site
# to its victim, whose browser and key do not answer them.
. "$(dirname "$0")/lib.sh"
site '{}'

phish() { # ORIGIN OPTIONS
	reply=$(echo "$2" | sealkey webauthn get --origin "$1" --state mine 2>&1) &&
	    fail "an assertion was made for $1"
	echo "$1: $reply"
}
accepts register alice mine
post signin/options '{ "user": "alice" }'
options=$reply
phish https://localhost.example "$options"
says 'SecurityError'			# that is no page of localhost
phish https://login.example "$(echo "$options" | jq '.rpId = "login.example"')"
says 'NotAllowedError'			# the key knows no such site
# even if a browser let it pass, the site would notice
refuses invalid signin alice mine --fault auth.origin
says 'Unexpected authentication response origin'
refuses invalid signin alice mine --fault auth.origin-lookalike
refuses invalid signin alice mine --fault auth.rpidhash
says 'Unexpected RP ID hash'
accepts signin alice mine
