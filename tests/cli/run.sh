#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sealkey run: transports, readiness, and how it ends. (TAP)
. "$(dirname "$0")/lib"

check "it says READY=1 on --ready-fd" start_key key
check "one log line says what is ready" \
    grep -qx 'sealkey: ready: socket, AAGUID [0-9a-f-]\{36\}, software keys (not hardware)' \
    "$T/key.log"
check "its log has no other line" [ "$(wc -l <"$T/key.log")" = 1 ]
check "the socket is its owner's alone" \
    [ "$(stat -c %a "$T/key.sock")" = 600 ]
check "so is the control socket" \
    [ "$(stat -c %a "$T"/runtime/sealkey/*.sock)" = 600 ]
# a process that is not dumpable belongs to root in /proc
check "nobody may look into its memory" \
    [ "$(stat -c %U "/proc/$key/environ")" = root ]
check "it leaves no core" \
    grep -q '^Max core file size *0 *0 ' "/proc/$key/limits"

live_socket_is_respected()
{
	exits 1 run --state "$T/other" --socket "$T/key.sock" || return
	says 'another process serves a key there' || return
	create key AAAA
}
check "a live socket is an error" live_socket_is_respected

check "SIGTERM ends it with 0" stop_key TERM
check "the socket is gone" [ ! -e "$T/key.sock" ]
check "the control socket is gone" \
    [ -z "$(find "$T/runtime" -name '*.sock')" ]
check "the log of the database is folded in" [ ! -s "$T/key/sealkey.db-wal" ]

check "it starts again" start_key key
check "SIGINT ends it with 0" stop_key INT
check "and again" start_key key
check "SIGHUP ends it with 0" stop_key HUP

counter_after_kill()
{
	start_key key && create key BBBB && sign_in key || return
	kill -KILL "$key"
	! wait "$key" || return
	start_key key && sign_in key && stop_key
}
check "after SIGKILL, and over its stale sockets, it works" counter_after_kill

ends_while_busy()
{
	start_key busy --presence manual || return
	start_create busy AAAA
	sleep 0.3
	stop_key TERM || return
	! wait "$client"
}
check "SIGTERM ends it also while a host waits" ends_while_busy

tells_systemd()
{
	local line=
	rawhost notify "$T/notify" >"$T/notify.out" &
	local listener=$!
	while [ ! -S "$T/notify" ]; do sleep 0.02; done
	NOTIFY_SOCKET=$T/notify start_key key || return
	wait "$listener"
	read -r line <"$T/notify.out"
	stop_key && [ "$line" = READY=1 ]
}
check "it tells systemd" tells_systemd

ready_on_stdout()
{
	local line=
	mkfifo "$T/out.fifo"
	"$SEALKEY" run --state "$T/stdout" --ready-fd 1 \
	    --socket "$T/out.sock" >"$T/out.fifo" 2>"$T/out.log" &
	key=$!
	running+=("$key")
	# the end of the file comes while it still runs
	timeout 20 cat "$T/out.fifo" >"$T/out.text" || return
	[ "$(cat "$T/out.text")" = READY=1 ] && kill -0 "$key" && stop_key
}
check "standard output can be the ready descriptor" ready_on_stdout

missing_or_forbidden()
{
	exits 1 run --state "$T/uhid" || return
	if [ -e /dev/uhid ]; then
		says '/dev/uhid is forbidden' && says '60-sealkey.rules'
	else
		says '/dev/uhid is missing' && says 'modprobe uhid'
	fi && says '--socket PATH'
}
if [ -w /dev/uhid ]; then
	skip "without uhid it says what to do" "/dev/uhid can be opened here"
else
	check "without uhid it says what to do" missing_or_forbidden
fi

check "a gadget that is not there is an error" \
    exits 1 run --state "$T/g" --gadget /dev/hidg-none
check "it says so" says 'configure a USB gadget'
check "a file is no gadget" exits 1 run --state "$T/g" --gadget "$T/key.log"
check "a null device is no gadget" \
    exits 1 run --state "$T/g" --gadget /dev/null
check "a socket in a directory that is not there is an error" \
    exits 1 run --state "$T/g" --socket "$T/none/key.sock"
check "a socket does not replace a file" \
    exits 1 run --state "$T/g" --socket "$T/key.log"
check "the file is still there" [ -s "$T/key.log" ]

long_paths()
{
	local deep=$T
	while [ ${#deep} -lt 200 ]; do deep=$deep/0123456789; done
	mkdir -p "$deep" || return
	local -x XDG_RUNTIME_DIR=
	mkfifo "$T/long.fifo"
	"$SEALKEY" run --state "$deep/key" --ready-fd 1 \
	    --socket "$deep/key.sock" >"$T/long.fifo" 2>"$T/long.log" &
	key=$!
	running+=("$key")
	[ "$(cat "$T/long.fifo")" = READY=1 ] && [ -S "$deep/key/control.sock" ] &&
	    "$SEALKEY" info --state "$deep/key" | grep -q '^running: yes' &&
	    stop_key
}
check "paths may be longer than socket addresses" long_paths

brought_root()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -subj '/C=SE/O=Test/CN=Our root' -days 30 -keyout "$T/root.key" \
	    -out "$T/root.pem" 2>"$T/openssl.log" || return
	start_key root --attestation-root "$T/root.pem" \
	    --attestation-root-key "$T/root.key" || return
	"$SEALKEY" attestation roots --state "$T/root" >"$T/roots.pem" &&
	    stop_key || return
	[ "$(openssl x509 -in "$T/roots.pem" -noout -fingerprint)" = \
	    "$(openssl x509 -in "$T/root.pem" -noout -fingerprint)" ]
}
if command -v openssl >/dev/null; then
	check "a tester can bring the root" brought_root
else
	skip "a tester can bring the root" "the openssl command is missing"
fi
check "a root that is not there is an error" exits 1 run --state "$T/r" \
    --attestation-root "$T/none" --attestation-root-key "$T/none"
check "a root that is endless is an error" exits 1 run --state "$T/r" \
    --attestation-root /dev/zero --attestation-root-key /dev/zero

plan
