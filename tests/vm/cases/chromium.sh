#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Headless Chromium registers and signs in over uhid, at the relying party of
# tests/rp, which trusts the key's test root and nothing else. Nobody is there
# to press, type or choose anything.
#
# Time limit: 360 s

. "$VM_REPO/tests/vm/guest.sh"

roots()
{
	"$sealkey" attestation roots --state "$work/state" >"$work/roots.pem"
}

# Starts the relying party; sets site to its address and site_pid.
start_site()
{
	local tries
	node "$VM_REPO/tests/rp/server.mjs" --roots "$work/roots.pem" \
	    --require-attestation --once --timeout 300 \
	    >"$logs/ceremonies" 2>"$logs/site" {tap}>&- &
	site_pid=$!
	for tries in {1..150}; do
		site=$(sed -n 's/^listening on //p' "$logs/site")
		[ -n "$site" ] && return
		[ -e "/proc/$site_pid" ] || break
		sleep 0.2
	done
	give_up "the relying party does not start: $(tail "$logs/site")"
}

# --no-sandbox because Chromium's sandbox does not run for root; the rest
# keeps it from looking for a display and for the network. An in-process GPU
# shows pages in half the time, and crashes when the security key's dialog
# closes.
start_browser()
{
	chromium --headless --no-sandbox --disable-gpu --disable-quic \
	    --no-first-run --disable-background-networking \
	    --disable-component-update --disable-sync \
	    --user-data-dir="$work/profile" --enable-logging=stderr \
	    --vmodule='*device_event_log*=1' "$site" \
	    </dev/null >"$logs/chromium" 2>&1 {tap}>&- &
	browser_pid=$!
}

# Waits for the relying party, or for the browser to leave it alone; sets
# site_status.
wait_site()
{
	site_status=0
	wait -n "$site_pid" "$browser_pid" || site_status=$?
	if [ ! -e "/proc/$browser_pid" ] && [ -e "/proc/$site_pid" ]; then
		kill "$site_pid"
		wait "$site_pid" 2>/dev/null
		give_up "Chromium died with status $site_status, see its log"
	fi
	kill "$browser_pid"
	wait "$browser_pid" 2>/dev/null
}

# said CEREMONY TEXT...: the relying party's account of it has all of that.
said()
{
	local line text
	line=$(grep "\"ceremony\":\"$1\"" "$logs/ceremonies")
	echo "${line:-nothing came from the browser}"
	shift
	for text in "$@"; do
		[[ $line == *"$text"* ]] || return
	done
}

start_udev
modprobe uhid
start_sealkey --uhid
wait_hidraw uhid
check "the running key tells its root" roots
start_site
start_browser
wait_site

check "registration is verified" said register '"verified":true'
check "its attestation is packed, with a chain to the root" \
    said register '"fmt":"packed"' '"attestation":"basic"'
check "the user was verified" said register '"userVerified":true'
check "sign-in without a list is verified" \
    said login '"verified":true' '"discoverable":true'
check "the user was verified again" said login '"userVerified":true'
same "the relying party is content" "$site_status" 0
check "the key ends when asked to" stop_sealkey
finish
