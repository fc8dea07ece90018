#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fido2-token as the one who manages a key over uhid: its PIN, what it
# stores, large blobs, configuration, and reset, in time and too late.
#
# Machine: clients
# Time limit: 300 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/fido2.sh"

# info TEXT: fido2-token says so of the key, as a line or a word of one.
info()
{
	fido2-token -I "$hidraw" >"$work/info" || return
	grep -E "^$1\$|[ :]$1(,|\$)" "$work/info" && return
	cat "$work/info"
	return 1
}

check_pin()
{
	refused "a PIN of three digits is refused" \
	    typing 123 123 -- fido2-token -S "$hidraw"
	check "the key has no PIN yet" info noclientPin
	check "a PIN is set" typing 1234 1234 -- fido2-token -S "$hidraw"
	check "the key has a PIN" info clientPin
	refused "it cannot be set again" \
	    typing 5678 5678 -- fido2-token -S "$hidraw"
	refused "it is not changed without knowing it" \
	    typing 4321 98765 98765 -- fido2-token -C "$hidraw"
	check "that attempt is counted" info "pin retries: 7"
	check "it is changed" \
	    typing 1234 98765 98765 -- fido2-token -C "$hidraw"
	check "attempts are all there again" info "pin retries: 8"
	refused "the old PIN is not the PIN any more" \
	    typing 1234 98765 98765 -- fido2-token -C "$hidraw"
}

# resident NAME RPID [OPTION]...: a credential kept by the key
resident()
{
	local name=$1 rpid=$2
	shift 2
	make_credential "$hidraw" "$name" es256 "$rpid" -r -v "$@" || return
	verify_credential "$name" es256 -v
}

# stored RPID: the identifiers of its credentials
stored()
{
	fido2-token -L -k "$1" "$hidraw" | cut -d ' ' -f 2
}

check_stored()
{
	check "one.example keeps a key" resident one one.example
	check "one.example keeps it again" resident other one.example
	check "two.example keeps a key" resident two two.example
	check "both sites are listed" fido2-token -L -r "$hidraw"
	mentions "one.example is" one.example
	same "and no others" "$(grep -c example "$work/said")" 2
	same "of the same user there is one, the newer" \
	    "$(stored one.example)" "$(cat "$work/other.id")"
	check "a key can be looked at" \
	    fido2-token -I -k two.example -i "$(cat "$work/two.id")" "$hidraw"
	mentions "it is" "BEGIN PUBLIC KEY"
	check "the keys of its site are listed" \
	    fido2-token -L -k two.example "$hidraw"
	cp "$work/said" "$logs/listed"
	check "the user is renamed" fido2-token -S -c \
	    -i "$(cat "$work/two.id")" -k "$(echo "user es256" | base64)" \
	    -n robin -p Robin "$hidraw"
	check "they are listed again" \
	    fido2-token -L -k two.example "$hidraw"
	mentions "the new name is there" Robin
	check "the keys are counted" fido2-token -I -c "$hidraw"
	mentions "there are two" 'existing rk(s): 2'
	check "one is deleted" \
	    fido2-token -D -i "$(cat "$work/other.id")" "$hidraw"
	refused "it is not deleted twice" \
	    fido2-token -D -i "$(cat "$work/other.id")" "$hidraw"
	mentions "because it is not there" NO_CREDENTIALS
	same "its site has none" "$(stored one.example)" ""
	refused "it does not sign in" \
	    get_assertion "$hidraw" other one.example -r
	check "the other does" get_assertion "$hidraw" two two.example -r
}

# blob SITE ACTION [OPTION]...: fido2-token on SITE's large blob
blob()
{
	local site=$1 action=$2
	shift 2
	fido2-token "$action" -b -i "$(cat "$work/$site.id")" \
	    -n "$site.example" "$@" "$hidraw"
}

check_blobs()
{
	local name
	for name in red blue; do
		check "$name.example keeps a key with a blob key" \
		    resident "$name" "$name.example" -b
		head -c 1500 /dev/urandom >"$work/$name"
		check "1500 random bytes are stored for it" \
		    blob "$name" -S "$work/$name"
	done
	check "the blobs are listed" \
	    typing 98765 -- fido2-token -L -b "$hidraw"
	mentions "there are two, of 1500 bytes" "01: 1521 1500"
	for name in red blue; do
		check "$name.example's blob is read" \
		    blob "$name" -G "$work/$name.read"
		check "it is what was stored" \
		    cmp "$work/$name" "$work/$name.read"
	done
	head -c 4096 /dev/urandom >"$work/large"
	refused "more than fits is refused" blob red -S "$work/large"
	check "red.example's blob is deleted" blob red -D
	refused "it cannot be read" blob red -G "$work/gone"
	check "blue.example's can" blob blue -G "$work/blue.again"
	check "it is unharmed" cmp "$work/blue" "$work/blue.again"
}

check_config()
{
	check "alwaysUv is switched on" fido2-token -S -u "$hidraw"
	check "the key says so" info alwaysUv
	check "alwaysUv is switched off" fido2-token -D -u "$hidraw"
	check "the key says that too" info noalwaysUv
	check "the shortest PIN is made six digits" \
	    fido2-token -S -l 6 "$hidraw"
	check "the key says six" info "minpinlen: 6"
	check "the PIN of five must be changed" \
	    info "pin change required: true"
	refused "to six, not to five" \
	    typing 98765 56789 56789 -- fido2-token -C "$hidraw"
	check "six will do" \
	    typing 98765 567890 567890 -- fido2-token -C "$hidraw"
	check "nothing has to be changed now" \
	    info "pin change required: false"
	refused "the shortest PIN is not made shorter" \
	    fido2-token -S -l 4 "$hidraw"
	check "a change is demanded" fido2-token -S -f "$hidraw"
	check "the key demands it" info "pin change required: true"
}

restart()
{
	check "the key ends when asked to" stop_sealkey
	check "its device is gone" hidraw_gone uhid
	start_sealkey --uhid
	wait_hidraw uhid
}

# Of a power-up only the first ten seconds allow it.
check_reset()
{
	restart
	sleep 11
	refused "a reset is refused when ten seconds are over" \
	    fido2-token -R "$hidraw"
	mentions "because it is too late" NOT_ALLOWED
	check "the PIN is still there" info clientPin
	restart
	check "a reset in time is done" fido2-token -R "$hidraw"
	check "the PIN is gone" info noclientPin
	check "the shortest PIN is as new" info "minpinlen: 4"
	refused "no sites are listed" fido2-token -L -r "$hidraw"
	mentions "there are none" NO_CREDENTIALS
	refused "no key signs in" get_assertion "$hidraw" two two.example -r
	refused "no blob is left" blob blue -G "$work/gone"
	check "the key is used anew" resident anew anew.example
}

start_udev
modprobe uhid
start_sealkey --uhid
wait_hidraw uhid
check_pin
check_stored
check_blobs
check_config
check_reset
check "the key ends when asked to" stop_sealkey
finish
