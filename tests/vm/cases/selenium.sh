#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Selenium's bindings for virtual authenticators, as they come, drive stock
# Firefox ESR and Chromium through "sealkey webdriver": see tests/vm/selenium.mjs.
# geckodriver, which Debian does not have, is played by tests/rp/marionette.mjs.
#
# Machine: clients
# Time limit: 600 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/browser.sh"

export XDG_RUNTIME_DIR=$work/runtime
driver_pid=
mkdir -m 700 "$XDG_RUNTIME_DIR"

leave_drivers()
{
	[ -z "$driver_pid" ] || kill "$driver_pid" 2>/dev/null
	leave
}
trap leave_drivers EXIT

# start_driver COMMAND...: until something listens at its port, 9515
start_driver()
{
	local tries
	"$@" >"$logs/$driver" 2>&1 </dev/null {tap}>&- &
	driver_pid=$!
	for tries in {1..150}; do
		(: </dev/tcp/127.0.0.1/9515) 2>/dev/null && return
		sleep 0.2
	done
	give_up "the driver does not start: $(tail "$logs/$driver")"
}

# start_proxy: "sealkey webdriver" in front of it; its URL is $proxy
start_proxy()
{
	local ready
	rm -f "$work/ready"
	mkfifo "$work/ready"
	"$sealkey" webdriver --upstream http://127.0.0.1:9515 \
	    --listen 127.0.0.1:0 --ready-fd 3 3>"$work/ready" \
	    2>"$logs/$driver.proxy" {tap}>&- &
	sealkey_pid=$!
	exec {ready}<"$work/ready"
	read -r -t 30 -n 1 -u "$ready" ||
	    give_up "the proxy is not ready: $(tail "$logs/$driver.proxy")"
	exec {ready}<&-
	proxy=$(sed -n 's/^sealkey: ready: WebDriver at //p' \
	    "$logs/$driver.proxy")
	# for who has to find out why it failed
	"$sealkey" ctl --control "$(sed -n \
	    's/.*control interface at //p' "$logs/$driver.proxy")" --json \
	    events >"$logs/$driver.events" 2>&1 {tap}>&- &
}

# drive BROWSER PROTOCOL: one TAP line for each thing that it did, and one for all
drive()
{
	local line status=0
	# a browser that waits for a click would wait for ever
	timeout 240 "$node" "$VM_REPO/tests/vm/selenium.mjs" "$1" "$2" \
	    "$proxy" "$site" 3>&"$steps" 4<&"$accounts" >"$work/client" \
	    2>"$logs/$driver.client" || status=$?
	while IFS= read -r line; do
		ok "$1: ${line#ok }"
	done <"$work/client"
	[ "$status" = 0 ] && ok "$1: that was all of it" && return
	not_ok "$1: that was all of it" "$logs/$driver.client"
}

nothing_left()
{
	[ -z "$(ls "$XDG_RUNTIME_DIR/sealkey")" ]
}

# with DRIVER BROWSER COMMAND...
with()
{
	local browser=$2
	driver=$1
	shift 2
	start_driver "$@"
	start_proxy
	start_site
	drive "$browser" ctap2_1
	check "$browser: no key is left" hidraw_gone uhid
	check "$browser: the proxy ends when asked to" stop_sealkey
	check "$browser: its daemon left nothing" nothing_left
	kill "$driver_pid" "$site_pid"
	wait "$driver_pid" "$site_pid" 2>/dev/null
	driver_pid= site_pid=
	rm -f "$work/steps" "$work/accounts"
	exec {steps}>&- {accounts}>&-
}

start_udev
modprobe uhid
node=$(node "$VM_REPO/tests/rp/runtime.mjs") || give_up "there is no Node.js 20"
with marionette firefox node "$VM_REPO/tests/rp/marionette.mjs" 9515
with chromedriver chromium chromedriver --port=9515 --log-level=INFO
finish
