#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A firmware update changed the AAGUID: what is registered goes on working, new
# registrations are refused until somebody approves the new one.
. "$(dirname "$0")/lib.sh"
old=fa2b99dc-9e39-4257-8f92-4a30d23c4118
new=2fc0579f-8113-47ea-b116-bb5a8db9202a
key mine yubikey-5-nfc-fw51 123456
site '{ "roots": ["roots.pem"], "aaguids": ["'$old'"] }'

accepts register alice mine
says "$old"
sealkey profile set yubikey-5-nfc --state mine
accepts signin alice mine
refuses aaguid-not-approved register bob mine
desk PUT policy '{ "aaguids": ["'$old'", "'$new'"] }'
accepts register bob mine
says "$new"
accepts signin bob mine
accepts signin alice mine
