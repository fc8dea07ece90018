#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# State directories: where they are, who makes them, who may use them. (TAP)
. "$(dirname "$0")/lib"

others_create_nothing()
{
	local command
	for command in "credentials list" "info" "reset --yes" \
	    "press" "deny"; do
		# unquoted: words
		# shellcheck disable=SC2086
		exits 1 $command --state "$T/nowhere" || return
		says 'there is no key here' || return
	done
	[ ! -e "$T/nowhere" ]
}
check "looking for a key makes none" others_create_nothing

# whoever sets up the relying party wants them before the key is started
roots_come_first()
{
	exits 0 attestation roots --state "$T/early" || return
	cp "$T/out" "$T/early.pem"
	grep -q 'BEGIN CERTIFICATE' "$T/early.pem" || return
	exits 0 attestation roots --state "$T/early" || return
	cmp "$T/out" "$T/early.pem" || return
	start_key early && exits 0 attestation roots --state "$T/early" &&
	    stop_key && cmp "$T/out" "$T/early.pem"
}
check "attestation roots makes the key that run then uses" roots_come_first

# expect_state PATH: info, without --state, is about PATH
expect_state()
{
	attempt info
	says "^sealkey: $1: "
}
check "default is XDG_STATE_HOME/sealkey/default" \
    expect_state "$T/xdg/sealkey/default"
check "STATE_DIRECTORY comes before it" \
    env STATE_DIRECTORY="$T/unit:$T/other" bash -c \
    '"$1" info 2>&1 | grep -q "^sealkey: $2/unit: "' - "$SEALKEY" "$T"
check "without both it is in HOME" \
    env -u XDG_STATE_HOME bash -c \
    '"$1" info 2>&1 | grep -q "^sealkey: $2/home/.local/state/sealkey/def"' \
    - "$SEALKEY" "$T"

check "run makes it" start_key key
check "and another" start_key key2
check "and mode 0700" [ "$(stat -c %a "$T/key")" = 700 ]
check "nobody else reads a file in it" \
    [ -z "$(find "$T/key" -type f -perm /077)" ]

second_is_refused()
{
	exits 1 run --state "$T/key2" --socket "$T/other.sock" || return
	says "$T/key2" && [ ! -e "$T/other.sock" ]
}
check "a second process is told that it is in use" second_is_refused
check "and the first goes on" create key2 AAAA
check "two keys run side by side" [ -S "$T/key.sock" ]
check "webauthn does not take it either" exits 1 webauthn get \
    --origin https://example.com --state "$T/key2"
check "the key ends orderly" stop_key
check "and can be run again" start_key key2
check "and ends again" stop_key

read_only_is_refused()
{
	local dir=$T/readonly status=0
	cp -r "$T/key2" "$dir" || return
	cp "$SEALKEY" "$T/sealkey" && chmod 755 "$T/sealkey" "$T" || return
	[ "$(id -u)" = 0 ] && chown -R 65534:65534 "$dir"
	chmod 500 "$dir"
	as_nobody "$T/sealkey" run --state "$dir" --socket "$T/ro.sock" \
	    2>"$T/err" || status=$?
	[ "$status" = 1 ] && one_line && says "$dir"
}
check "a read-only state directory is an error" read_only_is_refused

unwritable_parent_is_refused()
{
	local status=0
	mkdir -m 755 "$T/parent"
	chmod 555 "$T/parent"
	as_nobody "$T/sealkey" run --state "$T/parent/key" --socket \
	    "$T/ro.sock" 2>"$T/err" || status=$?
	[ "$status" = 1 ] && one_line && says "$T/parent/key"
}
check "so is a parent that cannot be written" unwritable_parent_is_refused

# Another's directory cannot be made one's own by chmod.
open_to_all_is_refused()
{
	cp -r "$T/key2" "$T/shared" && chmod 777 "$T/shared" || return
	exits 1 run --state "$T/shared" --socket "$T/s.sock" &&
	    says 'shared: others can write .*: chmod 700 it' &&
	    exits 1 info --state "$T/shared" && says 'chmod 700 it'
}
check "a state directory that others can write to is an error" \
    open_to_all_is_refused

others_open_to_all_is_refused()
{
	local status=0
	[ "$(id -u)" = 0 ] || chmod 1777 "$T/shared"
	as_nobody "$T/sealkey" run --state "$T/shared" --socket \
	    "$T/shared/s.sock" 2>"$T/err" || status=$?
	[ "$status" = 1 ] && one_line && ! says chmod &&
	    says 'others can write .*: use one of your own' || return
	chmod 777 "$T/shared" || return
	rm -r "$T/shared"
}
check "another user's is, too" others_open_to_all_is_refused

new_ones_are_private()
{
	local usual
	usual=$(umask)
	umask 0
	start_key bare
	umask "$usual"
	stop_key && [ "$(stat -c %a "$T/bare")" = 700 ]
}
check "a new one is private, whatever the umask" new_ones_are_private

foreign_is_refused()
{
	mkdir -m 700 "$T/foreign"
	cp "$T/key2/tpm" "$T/key2/embedded.tpm" "$T/foreign/" || return
	head -c 8192 /dev/zero >"$T/foreign/sealkey.db"
	cp "$T/foreign/sealkey.db" "$T/foreign.before"
	exits 1 run --state "$T/foreign" --socket "$T/f.sock" || return
	cmp "$T/foreign/sealkey.db" "$T/foreign.before"
}
check "a foreign database is refused and not touched" foreign_is_refused

copy_without_log_is_refused()
{
	mkdir -m 700 "$T/half" || return
	cp "$T/key/sealkey.db" "$T/key/tpm" "$T/key/embedded.tpm" \
	    "$T/half/" || return
	exits 1 info --state "$T/half" || return
	says 'sealkey.db-wal: is missing'
}
check "a key registers" create key AAAA
check "half a copy of a running key is refused" copy_without_log_is_refused

# refuses_without FILE WHY: the key $T/lost, of which FILE was lost
refuses_without()
{
	rm "$T/lost/$1" || return
	exits 1 run --state "$T/lost" --socket "$T/l.sock" || return
	says "$2" && [ ! -e "$T/lost/$1" ] && [ ! -e "$T/lost/software.key" ]
}
lost_tpm_is_refused()
{
	cp -r "$T/key2" "$T/lost" || return
	refuses_without embedded.tpm 'embedded.tpm' || return
	refuses_without tpm 'the file tpm'
}
check "a database without its TPM is refused, and no key made" \
    lost_tpm_is_refused
# whose counter and PIN are still in its TPM, and stay there
lost_database_is_refused()
{
	rm -rf "$T/lost"
	cp -r "$T/key2" "$T/lost" && cp "$T/lost/sealkey.db" "$T/lost.db" &&
	    cp "$T/lost/tpm" "$T/lost.record" || return
	refuses_without sealkey.db 'sealkey.db is missing' || return
	options AAAA | "$SEALKEY" webauthn create --state "$T/lost" \
	    --origin https://example.com && return 1
	cmp "$T/lost/tpm" "$T/lost.record" || return
	cp "$T/lost.db" "$T/lost/sealkey.db"
	"$SEALKEY" info --state "$T/lost"
}
check "a TPM without its database is, too, and works with it again" \
    lost_database_is_refused
unfinished_is_made_again()
{
	rm "$T/lost/sealkey.db" && : >"$T/lost/sealkey.db.new" || return
	options AAAA | "$SEALKEY" webauthn create --state "$T/lost" \
	    --origin https://example.com || return
	! cmp -s "$T/lost/tpm" "$T/lost.record"
}
check "but one that was never finished is made again" \
    unfinished_is_made_again
lost_key_is_refused()
{
	rm -rf "$T/lost"
	exits 1 info --state "$T/lost" || return
	options AAAA | "$SEALKEY" webauthn create --state "$T/lost" \
	    --tpm none --origin https://example.com || return
	refuses_without software.key 'software.key is missing'
}
check "nor one for a database whose keys are in software" \
    lost_key_is_refused

# many COUNT COMMAND...: all at once, and every one ends with 0
many()
{
	local i pids=() failed=0
	for i in $(seq "$1"); do
		"${@:2}" >"$T/many.$i" 2>&1 </dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || failed=$((failed + 1))
	done
	cat "$T"/many.*
	[ "$failed" = 0 ]
}
# patiently COMMAND...: each waits 8 s for the others (DEVICE_BUSY_MS), and on
# a slow machine they may need longer; who gives up earlier has failed
patiently()
{
	local begun err
	for _ in {1..20}; do
		begun=$SECONDS
		err=$("$@" 2>&1 >&8) && return
		echo "$err"
		[ $((SECONDS - begun)) -ge 7 ] &&
		    [[ $err == *"another sealkey"* ]] || return
	done 8>&1
}
make_one()
{
	options AAAA | "$SEALKEY" webauthn create --state "$T/many" \
	    --origin https://example.com
}
check "three may make a key at once" many 3 \
    patiently make_one
check "and eight may look at it" many 8 \
    patiently "$SEALKEY" info --state "$T/many"
check "the account is there once" grep -qx 'credentials: 1' "$T/many.1"

check "a file is no state directory" exits 1 info --state "$T/key.log"
check "nor is the empty string" exits 2 info --state ''

plan
