#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# clone.sh: two keys that run and share one credential, as the relying party
# sees them (TAP). It goes from one to the other through the control
# interface, with its private key. A clone counts on its own, and is noticed; a
# passkey that is synced does not count, and works on both.

. "$(dirname "$0")/lib"

control=$work/control

ctl()
{
	"$SEALKEY" ctl --control "$control" "$@"
}

# add NAME SETTING...: an ephemeral key behind a socket
add()
{
	_new=$1
	shift
	ctl add "$_new" transport=socket socket="$work/$_new" tpm=none \
	    presence=auto "$@" >"$work/said" 2>"$work/error"
}

# on NAME COMMAND...: with the key of that name
on()
{
	with="--socket $work/$1"
	shift
	"$@"
}

trusts()
{
	ctl roots --key "$1" >>"$work/roots.pem" 2>"$work/error" &&
	    grep -q CERTIFICATE "$work/roots.pem"
}

# copy FROM TO: the account's credential
copy()
{
	_id=$(sed 's/.*"credentialId":"\([^"]*\)".*/\1/' "$work/account")
	ctl export "$_id" --key "$1" --json 2>"$work/error" |
	    ctl import - --key "$2" >"$work/said" 2>"$work/error"
}

# counted WAY: the key's last answer has a signature counter, "0" or "up"
counted()
{
	_n=$(sed 's/.*"counter":\([0-9]*\).*/\1/' "$work/account")
	[ "$1" = 0 ] && same "$_n" 0 || [ "$_n" -gt 0 ]
}

# sign_in_on NAME: what the key answers, which the site has not seen yet
sign_in_on()
{
	options login &&
	    sealkey get --origin "$ORIGIN" --socket "$work/$1"
}

test_clone()
{
	new_site
	check "a key is added" add original
	check "another one is, too" add clone
	check "the site trusts the first one" trusts original
	check "it is registered" on original made
	check "its credential goes to the other" copy original clone
	check "the first one signs in" on original used
	check "it counts" counted up
	check "the copy signs, too" sign_in_on clone
	check "and is noticed: it counts on its own" \
	    site_refuses counter login
	check "the first one still signs in" on original used
	check "the copy catches up" sign_in_on clone
	verify login
	check "and is not noticed when it is ahead" on clone ahead
	check "but then its owner is" sign_in_on original
	check "as whoever comes second" site_refuses counter login
}

# ahead: signs in until its counter is above the one the site knows
ahead()
{
	for _i in 1 2 3 4 5 6 7 8; do
		used && return
	done
	return 1
}

test_synced()
{
	_synced='set.backupEligible=on set.backupState=on
	    set.signatureCounter=zero'
	new_site
	check "a phone is added" add phone $_synced
	check "a tablet is added" add tablet $_synced
	check "the site trusts the phone" trusts phone
	check "it is registered" on phone made
	check "as a passkey for several devices" is deviceType multiDevice
	check "that is backed up" is backedUp true
	check "its credential goes to the tablet" copy phone tablet
	for _device in tablet phone tablet tablet phone; do
		check "the $_device signs in" on "$_device" used
		check "with a counter of 0" counted 0
	done
	check "the account says it is backed up" is backedUp true
}

start_run --empty --control "$control"
test_clone
test_synced
plan
