#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Metadata says REVOKED: keys of that model neither register nor sign in.
. "$(dirname "$0")/lib.sh"
aaguid=2fc0579f-8113-47ea-b116-bb5a8db9202a
key mine yubikey-5-nfc 123456
echo '{}' >status.json
mkfifo ready
sealkey mds serve --state mine --profile yubikey-5-nfc --profile titan-v2 \
    --status-file status.json --listen 127.0.0.1:0 2>ready & pids=$!
mds=$(sed -n 's|.* \(http:[^ ]*\)/blob.jwt.*|\1|p; q' ready)
sealkey mds root --state mine >mds.pem
site '{ "metadata": { "blob": "'$mds'/blob.jwt", "root": "mds.pem" } }'

accepts register alice mine
accepts signin alice mine
refuses invalid register bob mine --profile solokey
says 'No metadata statement found'
sealkey profile set yubikey-5-nfc --state mine
echo '{ "'$aaguid'": [{ "status": "REVOKED", "effectiveDate": "2026-01-01" }] }' >new
mv new status.json
desk POST metadata
refuses metadata-status signin alice mine
refuses metadata-status register bob mine
accepts register bob mine --profile titan-v2
