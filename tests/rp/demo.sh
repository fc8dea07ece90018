#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh: registers and signs in, for real, and tells what happens.
#
# Three ways to the same key: the engine inside the command, the engine in a
# process behind a UNIX socket, and, where the kernel lets us, a USB security
# key that every program on this machine can see. The key's own keys are in a
# TPM, the machine's or an embedded one, which certifies one of them. What the
# key answers goes to a strict relying party (rp.mjs), which has sealkey's test
# root for its trust anchor. Everything is kept in a temporary directory, and in
# the TPM, and removed at the end.
#
# SEALKEY names the program; build/sealkey. UHID is the kernel's device,
# /dev/uhid, which only tests have somewhere else.
# Exit status: 0 if the relying party accepted everything, else 1.

set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
cd "$here/../.." || exit 1
SEALKEY=${SEALKEY:-build/sealkey}
UHID=${UHID:-/dev/uhid}
ORIGIN=https://example.com

key=			# process ID of "sealkey run"
failed=0
summary=

rp_options=		# for the next question,
rp_verify=		# and for its answer

work=$(mktemp -d "${TMPDIR:-/tmp}/sealkey-demo.XXXXXX") || exit 1
cleanup()
{
	[ -n "$key" ] && kill "$key" 2>/dev/null && wait "$key" 2>/dev/null
	[ ! -e "$work/key/tpm" ] || leave_tpm
	rm -rf "$work"
}

# Takes out of the TPM what is the key's.
leave_tpm()
{
	"$SEALKEY" tpm destroy --yes --state "$work/key" >"$work/error" 2>&1 ||
	    broken "sealkey tpm destroy"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

bold= plain= good= bad=
if [ -t 1 ] && [ -z "${NO_COLOR-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	esc=$(printf '\033')
	bold="${esc}[1m" plain="${esc}[0m" good="${esc}[32m" bad="${esc}[31m"
fi

rp()
{
	"$node" "$here/cli.mjs" "$@"
}

# row LABEL TEXT...
row()
{
	_label=$1
	shift
	printf '    %-13s %s\n' "$_label" "$*"
}

title()
{
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# broken TEXT: something went wrong; its last words are in $work/error
broken()
{
	row "${bad}failed$plain" "$1"
	sed 's/^/                  /' "$work/error"
	failed=1
	return 1
}

# timed COMMAND...: run it and leave the milliseconds in $took_ms
timed()
{
	_from=$(date +%s%N)
	"$@"
	_status=$?
	took_ms=$((($(date +%s%N) - _from) / 1000000))
	return $_status
}

# --- one ceremony -------------------------------------------------------

# ask VERB OPTION...: sealkey answers $work/options, into $work/answer
ask()
{
	_verb=$1
	shift
	timed "$SEALKEY" webauthn "$_verb" --origin "$ORIGIN" "$@" \
	    <"$work/options" >"$work/answer" 2>"$work/error"
}

# trust: give the site its trust anchor, as soon as there is a key that has one
trust()
{
	[ -s "$work/roots.pem" ] || "$SEALKEY" attestation roots \
	    --state "$work/key" >"$work/roots.pem" 2>"$work/error"
}

# ceremony KIND VERB OPTION...: KIND is register or login
ceremony()
{
	_kind=$1 _verb=$2
	shift 2
	rp "$_kind-options" --db "$work/site" $rp_options >"$work/options" \
	    2>"$work/error" || { broken "the relying party"; return; }
	rp show <"$work/options"
	ask "$_verb" "$@" || { broken "sealkey webauthn $_verb"; return; }
	row answered "$(wc -c <"$work/answer") bytes of JSON, $took_ms ms" \
	    "including the start of the command"
	trust || { broken "sealkey attestation roots"; return; }
	rp "$_kind-verify" --db "$work/site" --roots "$work/roots.pem" \
	    --require-attestation $rp_verify --text \
	    <"$work/answer" 2>"$work/error" ||
	    broken "the relying party refused it"
}

# visit ALG OPTION...: register and sign in through sealkey with the options
visit()
{
	_alg=$1
	shift
	rm -f "$work/site"
	title "  Registration"
	rp_options="--alg $_alg" rp_verify=
	ceremony register create "$@" || return
	title "  Sign-in"
	rp_options=--no-allow
	ceremony login get "$@"
}

# conclude NAME STATUS [DONE]
conclude()
{
	if [ "$2" -eq 0 ]; then
		_word="$good${3-registered and signed in}$plain"
	else
		_word="${bad}failed$plain"
		failed=1
	fi
	summary="$summary$(row "$1" "$_word")
"
}

# --- a key that runs ------------------------------------------------------

# plug_in OPTION...: start "sealkey run" and wait until it is ready
plug_in()
{
	rm -f "$work/ready"
	mkfifo "$work/ready"
	"$SEALKEY" run --state "$work/key" --presence auto --ready-fd 3 "$@" \
	    3>"$work/ready" 2>"$work/error" &
	key=$!
	_from=$(date +%s%N)
	if [ -z "$(timeout 20 head -c 1 "$work/ready" | od -An -tx1)" ]; then
		kill "$key" 2>/dev/null
		wait "$key" 2>/dev/null
		key=
		broken "sealkey run $1"
		return
	fi
	row "plugged in" "sealkey run $1, ready after $((($(date +%s%N) -
	    _from) / 1000000)) ms"
}

# unplug STATUS: end the key; the status is passed on unless that goes wrong
unplug()
{
	kill "$key" 2>/dev/null
	wait "$key" 2>/dev/null
	_ended=$?
	key=
	[ $_ended -eq 0 ] && return "$1"
	broken "sealkey run ended with status $_ended"
}

demo_client()
{
	title "1. Client mode: the key works inside the command," \
	    "no process, no device"
	visit ES256 --state "$work/key"
}

# tpm_says LABEL: what "sealkey tpm status" has behind it
tpm_says()
{
	"$SEALKEY" tpm status --state "$work/key" 2>"$work/error" |
	    sed -n "s/^$1: //p"
}

# The TPM says that the credential's key was made in it, and cannot leave.
demo_tpm()
{
	title "  Registration, certified by the TPM"
	row TPM "$(tpm_says TPM), made by $(tpm_says manufacturer)" \
	    "($(tpm_says vendor)); hardware: $(tpm_says hardware)"
	rm -f "$work/site"
	rp_options="--alg ES256" rp_verify="--format tpm"
	ceremony register create --state "$work/key" --attestation tpm || return
	rp_verify=
}

demo_socket()
{
	title "2. Socket: the key is a process, without the kernel's help"
	plug_in --socket "$work/socket" || return
	visit EdDSA --socket "$work/socket"
	unplug $?
}

# --- uhid -------------------------------------------------------------------

# Why uhid cannot be shown here; nothing if it can. Only opening it tells: for
# root every file looks readable, also one without a driver behind it, or one
# that a container's device policy forbids.
without_uhid()
{
	if [ ! -e "$UHID" ]; then
		echo "not shown, because $UHID is missing (modprobe uhid)"
	elif ! (: <>"$UHID") 2>"$work/error"; then
		echo "not shown, because $UHID cannot be opened:" \
		    "$(sed 's/.*: //' "$work/error")"
	fi
}

# Whether hidraw device NAME is a key of ours, by the kernel's word
is_sealkey()
{
	grep -qsx 'HID_ID=0003:00001209:0000F1D0' \
	    "/sys/class/hidraw/$1/device/uevent"
}

# find_hidraw: the hidraw device of ours that has come since $work/hidraw was
# listed. Else says why there is none: in a container, the node is elsewhere.
find_hidraw()
{
	_why="no hidraw device has come"
	for _try in 1 2 3 4 5 6 7 8 9 10; do
		for _dev in $(ls /sys/class/hidraw 2>/dev/null); do
			grep -qx "$_dev" "$work/hidraw" && continue
			is_sealkey "$_dev" || continue
			_dev=/dev/$_dev
			(: <>"$_dev") 2>"$work/error" && echo "$_dev" &&
			    return
			_why="$_dev cannot be opened: $(sed 's/.*: //' \
			    "$work/error")"
		done
		sleep 0.3
	done
	echo "not shown, because $_why"
	return 1
}

# try_fido2 DEVICE: make a credential and sign in with libfido2's tools
try_fido2()
{
	command -v fido2-cred >/dev/null || {
		row "not shown" "fido2-tools is not installed"
		return 0
	}
	_hash=$(head -c 32 /dev/urandom | base64)
	printf '%s\n' "$_hash" example.com alice YWxpY2U= >"$work/in"
	timed fido2-cred -M -r -v -i "$work/in" -o "$work/cred" "$1" es256 \
	    2>"$work/error" || { broken "fido2-cred -M"; return; }
	row fido2-cred "made a $(sed -n 3p "$work/cred") credential," \
	    "$took_ms ms"
	fido2-cred -V -v -i "$work/cred" -o "$work/pub" es256 \
	    2>"$work/error" || { broken "fido2-cred -V"; return; }
	row "" "and verified it, user verification signed"

	tail -n +2 "$work/pub" >"$work/pem"
	printf '%s\n' "$_hash" example.com >"$work/in"
	timed fido2-assert -G -r -p -t uv=true -i "$work/in" \
	    -o "$work/assert" "$1" 2>"$work/error" ||
	    { broken "fido2-assert -G"; return; }
	row fido2-assert "found it and signed, $took_ms ms"
	fido2-assert -V -p -v -i "$work/assert" "$work/pem" es256 \
	    2>"$work/error" || { broken "fido2-assert -V"; return; }
	row "" "and verified it, presence and verification signed"
}

demo_uhid()
{
	title "3. uhid: a USB security key for every program on this machine"
	ls /sys/class/hidraw >"$work/hidraw" 2>/dev/null
	plug_in --uhid || return
	if ! _hidraw=$(find_hidraw); then
		reason=$_hidraw
		row "" "$reason"
		unplug 0
		return
	fi
	row device "$_hidraw"
	visit RS256 --device "$_hidraw" && {
		title "  libfido2's own tools"
		try_fido2 "$_hidraw"
	}
	unplug $?
}

# --- all of it ----------------------------------------------------------------

if [ ! -x "$SEALKEY" ]; then
	echo "demo.sh: $SEALKEY has not been built; run make" >&2
	exit 1
fi
"$here/setup" && node=$(node "$here/runtime.mjs") || exit 1

title "A new key, and a site that trusts nothing but its test root"
row program "$SEALKEY, $("$SEALKEY" --version)"
row state "$work, removed at the end"
row "relying party" "$(rp about)"

demo_client
conclude "client mode" $?
if [ -e "$work/key/tpm" ]; then
	demo_tpm
	conclude TPM $? "registered, certified by the TPM"
else
	summary="$summary$(row TPM "not shown, because the key has none")
"
fi
demo_socket
conclude socket $?
reason=$(without_uhid)
status=0
[ -n "$reason" ] || demo_uhid || status=$?
if [ -n "$reason" ] && [ $status -eq 0 ]; then
	summary="$summary$(row uhid "$reason")
"
else
	conclude uhid $status
fi

title "Summary"
printf '%s' "$summary"
exit $failed
