#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Unapproved AAGUID refused: one model is on the list, and has to prove itself.
. "$(dirname "$0")/lib.sh"
key approved yubikey-5-nfc 123456
key other titan-v2 123456
site '{ "roots": ["roots.pem"],
	"aaguids": ["2fc0579f-8113-47ea-b116-bb5a8db9202a"] }'

accepts register alice approved
accepts signin alice approved
refuses aaguid-not-approved register bob other
refuses attestation-required register bob approved --set attestation=none
refuses attestation-required register bob approved --set attestation=self
# it says what is approved, and its certificate another model
refuses invalid register bob approved --fault att.leaf-aaguid
says 'id-fido-gen-ce-aaguid'
# nobody vouches for that one
refuses invalid register bob stranger --profile yubikey-5-nfc --set uv=on
says 'could not be chained to any specified trust anchor'
