# SPDX-License-Identifier: Apache-2.0
#
# A relying party with a browser before it; sourced by cases after guest.sh.
# The page does a ceremony whenever the case says so, and the case reads what
# the relying party made of it:
#
#	start_site
#	start_chromium --headless
#	step "it registers" '{"ceremony":"register"}' '"fmt":"packed"'
#
# All of it ends with the case.
#
# Variables for the case:
#	$site		the address of the page
#	$account	the relying party's account of the last step, JSON
# and $logs/accounts has them all.

site_pid=
browser_pid=
display_pid=

leave()
{
	local pid
	for pid in $browser_pid $site_pid $display_pid; do
		kill "$pid" 2>/dev/null
	done
	[ -z "$sealkey_pid" ] || kill -KILL "$sealkey_pid" 2>/dev/null
}

trap leave EXIT

# start_site OPTION...: tests/rp/server.mjs, which trusts the key's test root
# and nothing else
start_site()
{
	local tries
	"$sealkey" attestation roots --state "$work/state" \
	    >"$work/roots.pem" || give_up "the key does not tell its root"
	mkfifo "$work/steps" "$work/accounts"
	# held open at both ends, so that nobody waits for anybody
	exec {steps}<>"$work/steps" {accounts}<>"$work/accounts"
	node "$VM_REPO/tests/rp/server.mjs" --roots "$work/roots.pem" \
	    --steps "$@" <"$work/steps" >"$work/accounts" 2>"$logs/site" \
	    {tap}>&- &
	site_pid=$!
	for tries in {1..150}; do
		site=$(sed -n 's/^listening on //p' "$logs/site")
		[ -n "$site" ] && return
		[ -e "/proc/$site_pid" ] || break
		sleep 0.2
	done
	give_up "the relying party does not start: $(tail "$logs/site")"
}

# start_chromium OPTION...: --no-sandbox because Chromium's sandbox does not
# run for root, --use-angle because with --disable-gpu the GPU process crashes
# whenever the security key's dialog closes, and Chromium gives up at the sixth
# time. The rest keeps it from looking for the network.
start_chromium()
{
	chromium --no-sandbox --use-angle=swiftshader --disable-quic \
	    --no-first-run --disable-background-networking \
	    --disable-component-update --disable-sync \
	    --user-data-dir="$work/profile" --enable-logging=stderr \
	    --vmodule='*device_event_log*=1' "$@" "$site" \
	    </dev/null >>"$logs/chromium" 2>&1 {tap}>&- &
	browser_pid=$!
}

# ask STEP: tells the page what to do
ask()
{
	echo "${1//$'\n'/ }" >&"$steps"
}

# answered: sets account to what comes of it. A browser that takes two minutes
# has opened a dialog, and would not do the next step either.
answered()
{
	read -r -t 120 -u "$accounts" account ||
	    give_up "nothing came from the browser"
	echo "$account" >>"$logs/accounts"
}

# said NAME TEXT...: ok if the account has all of that
said()
{
	local name=$1 text
	shift
	echo "$account" >"$work/said"
	for text in "$@"; do
		[[ $account == *"$text"* ]] && continue
		echo "no $text in it" >>"$work/said"
		not_ok "$name" "$work/said"
		return
	done
	ok "$name"
}

# step NAME STEP [TEXT]...: ok if it is done and verified
step()
{
	local name=$1
	ask "$2"
	answered
	shift 2
	said "$name" '"verified":true' "$@"
}

# output NAME: the client extension output of that name, a string, in the last
# account
output()
{
	sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$account"
}

# start_display: an X server in memory, for browsers that are to open dialogs
start_display()
{
	local display
	mkfifo "$work/display"
	exec {display}<>"$work/display"
	Xvfb -screen 0 800x600x24 -nolisten tcp -displayfd 3 \
	    3>"$work/display" >"$logs/xvfb" 2>&1 {tap}>&- &
	display_pid=$!
	read -r -t 60 -u "$display" DISPLAY ||
	    give_up "the X server does not start: $(tail "$logs/xvfb")"
	export DISPLAY=:$DISPLAY
	exec {display}<&-
}

# steps_seen NAME: how often Chromium's dialog has come to the step NAME
steps_seen()
{
	grep -c "UI step: $1\$" "$logs/chromium"
}

# wait_step NAME COUNT SECONDS: until it has come there so often
wait_step()
{
	local tries
	for ((tries = 0; tries < $3 * 5; tries++)); do
		[ "$(steps_seen "$1")" -lt "$2" ] || return 0
		sleep 0.2
	done
	return 1
}

# start_firefox PREFERENCE...: each as NAME:VALUE; the others keep it from
# looking for the network and from greeting new users
start_firefox()
{
	local preference
	mkdir -p "$work/firefox"
	for preference in browser.aboutwelcome.enabled:false \
	    browser.newtabpage.enabled:false \
	    browser.safebrowsing.downloads.enabled:false \
	    browser.safebrowsing.malware.enabled:false \
	    browser.shell.checkDefaultBrowser:false \
	    datareporting.policy.dataSubmissionEnabled:false \
	    extensions.systemAddon.update.enabled:false \
	    network.captive-portal-service.enabled:false \
	    network.connectivity-service.enabled:false \
	    services.settings.server:'"data:,"' \
	    "$@"; do
		echo "user_pref(\"${preference%%:*}\", ${preference#*:});"
	done >"$work/firefox/user.js"
	firefox-esr --headless --no-remote --profile "$work/firefox" "$site" \
	    </dev/null >>"$logs/firefox" 2>&1 {tap}>&- &
	browser_pid=$!
}
