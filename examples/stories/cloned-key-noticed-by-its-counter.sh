#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A cloned key is noticed by its counter: whoever comes second gives it away.
. "$(dirname "$0")/lib.sh"
site '{}'

accepts register alice mine
accepts signin alice mine
cp -r mine clone			# a software key can be copied
accepts signin alice clone		# the thief is first
refuses cloned signin alice mine	# and is noticed when its owner comes
refuses cloned signin alice clone	# neither is believed any more
# passkeys that are synced do not count: nothing can be seen of them there
accepts register bob phone --profile icloud-keychain
cp -r phone tablet
accepts signin bob phone
accepts signin bob tablet
accepts signin bob phone
