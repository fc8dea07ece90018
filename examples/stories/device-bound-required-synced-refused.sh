#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Device-bound required, synced refused: also one that becomes synced later.
. "$(dirname "$0")/lib.sh"
key usb yubikey-5-nfc 123456
site '{ "deviceBound": true }'

accepts register alice usb
says '"deviceType":"singleDevice"'
accepts signin alice usb
refuses not-device-bound register bob phone --profile icloud-keychain
refuses not-device-bound register bob phone --profile google-password-manager
refuses not-device-bound register bob manager --set backupEligible=on # not yet synced
refuses not-device-bound signin alice usb --fault auth.be-flip
accepts signin alice usb
# others may
desk PUT policy '{ "deviceBound": false }'
accepts register bob phone --profile icloud-keychain
says '"deviceType":"multiDevice"'
