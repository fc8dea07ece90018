#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/selenium with stock Firefox ESR and Chromium, as somebody runs it:
# the driver, "sealkey webdriver" in front of it, and Selenium's bindings for
# Python. geckodriver, which Debian does not have, is played by
# tests/rp/marionette.mjs.
#
# Machine: clients
# Time limit: 1300 s

. "$VM_REPO/tests/vm/guest.sh"

export HOME=$work XDG_RUNTIME_DIR=$work/runtime
pids=()

leave()
{
	kill "${pids[@]}" 2>/dev/null
}
trap leave EXIT

# begin NAME TEXT COMMAND...: in the background, until it has said TEXT; what
# follows TEXT in that line is $said
begin()
{
	local name=$1 text=$2 tries
	shift 2
	"$@" >"$logs/$name" 2>&1 </dev/null {tap}>&- &
	pids+=($!)
	for tries in {1..300}; do
		if grep -q "$text" "$logs/$name"; then
			said=$(sed -n "s|^.*$text||p" "$logs/$name")
			return
		fi
		[ -e "/proc/${pids[-1]}" ] || break
		sleep 0.2
	done
	give_up "$name does not start: $(tail "$logs/$name")"
}

# drive BROWSER PORT ARGUMENT...
drive()
{
	local browser=$1 port=$2 proxy
	shift 2
	begin "$browser.proxy" 'WebDriver at ' "$sealkey" webdriver \
	    --upstream "http://127.0.0.1:$port" --listen 127.0.0.1:0
	proxy=$said
	begin "$browser.site" 'listening on ' "$node" "$work/rp/server.mjs"
	# what it waits for when its time is over is told, too
	check "selenium/signin.py with $browser" timeout -s ABRT -k 5 600 \
	    /usr/bin/python3 -u -X faulthandler \
	    "$VM_REPO/examples/selenium/signin.py" "$browser" "$proxy" \
	    "$said" "$@"
}

mkdir -m 700 "$XDG_RUNTIME_DIR"
start_udev
modprobe uhid
node=$(node "$VM_REPO/tests/rp/runtime.mjs") || give_up "there is no Node.js 20"
cp -r "$VM_REPO/examples/rp" "$work/rp"
rm -rf "$work/rp/node_modules"
ln -s "$VM_REPO/tests/rp/node_modules" "$work/rp"
begin marionette ready "$node" "$VM_REPO/tests/rp/marionette.mjs" 9515
drive firefox 9515
# Firefox listens at the port behind that of marionette.mjs
begin chromedriver 'started successfully' chromedriver --port=9520
drive chromium 9520 --no-sandbox --use-angle=swiftshader
finish
