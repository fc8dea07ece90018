#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Attestation required for privileged users, and not for others.
. "$(dirname "$0")/lib.sh"
key attests
key silent
site '{ "roots": ["roots.pem"], "accounts": { "alice": "admins", "bob": "staff" },
	"groups": { "admins": { "attestation": "required" } } }'

refuses attestation-required register alice silent --set attestation=none
refuses attestation-required register alice silent --set attestation=self
accepts register alice attests
says '"attested":true'
accepts register bob silent --set attestation=none
accepts signin bob silent
# who becomes an administrator needs a key that says what it is
desk PUT accounts/bob '{ "group": "admins" }'
refuses attestation-required signin bob silent
refuses no-such-account register mallory attests
