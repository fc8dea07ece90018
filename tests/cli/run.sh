#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sealkey run: transports, readiness, and how it ends. (TAP)
. "$(dirname "$0")/lib"

check "it says READY=1 on --ready-fd" start_key key
check "one log line says what is ready" \
    grep -Eqx 'sealkey: ready: socket, AAGUID [0-9a-f-]{36}, keys in the embedded TPM \(.*, firmware [0-9a-f]{16}; not hardware\)' \
    "$T/key.log"
check "its log has no other line" [ "$(wc -l <"$T/key.log")" = 1 ]
check "the socket is its owner's alone" \
    [ "$(stat -c %a "$T/key.sock")" = 600 ]
check "so is the control socket" \
    [ "$(stat -c %a "$T"/runtime/sealkey/*.sock)" = 600 ]
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

# Of a process that is not dumpable not even its own user may read the memory.
# root may, so there the key and the one who looks are nobody.
memory_is_closed()
{
	local line= pid job
	install -d -m 755 "$T/open" && install -m 755 "$SEALKEY" "$T/open/" &&
	    chmod 711 "$T" && mkdir -m 777 "$T/open/nobody" || return
	mkfifo "$T/mem.ready" && exec 7<>"$T/mem.ready" || return
	as_nobody env XDG_RUNTIME_DIR= "$T/open/sealkey" run \
	    --state "$T/open/nobody/key" --socket "$T/open/nobody/sock" \
	    --ready-fd 7 2>"$T/mem.log" &
	job=$!
	running+=("$job")
	read -r -t 60 line <&7
	exec 7>&-
	pid=$(sed -n 's/^pid //p' "$T/open/nobody/key/lock")
	running+=("$pid")
	[ "$line" = READY=1 ] && can_peek_at_others && ! can_peek "$pid" &&
	    kill "$pid" && wait "$job"
}
can_peek()
{
	as_nobody head -c 1 "/proc/$1/environ" >"$T/peek" && [ -s "$T/peek" ]
}
# that of an ordinary process, to see that it can be done at all; one that is
# long started, as while a program is loaded its environment is empty
can_peek_at_others()
{
	as_nobody bash -c 'head -c 1 "/proc/$$/environ" && true' >"$T/peek" &&
	    [ -s "$T/peek" ]
}
check "nobody may look into its memory" memory_is_closed

# webauthn --state has the same keys; here it waits for its input
waits_for_input()
{
	[ "$(cat "/proc/$1/comm")" = sealkey ] &&
	    grep -q '^State:.S' "/proc/$1/status"
}
client_memory_is_closed()
{
	local job pid result=1
	mkfifo "$T/peek.in" && exec 7<>"$T/peek.in" || return
	as_nobody sh -c 'echo $$ >"$1.pid" && exec "$0" webauthn get \
	    --origin https://example.com --state "$1" <&7' \
	    "$T/open/sealkey" "$T/open/nobody/key" &
	job=$!
	running+=("$job")
	eventually [ -s "$T/open/nobody/key.pid" ] || return
	pid=$(cat "$T/open/nobody/key.pid")
	running+=("$pid")
	eventually waits_for_input "$pid" && ! can_peek "$pid" && result=0
	kill "$pid"
	wait "$job"
	exec 7>&-
	return "$result"
}
check "nor into that of a client with keys" client_memory_is_closed

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
	asks busy || return
	stop_key TERM || return
	! wait "$client"
}
check "SIGTERM ends it also while a host waits" ends_while_busy

tells_systemd()
{
	local line=
	rawhost notify "$T/notify" >"$T/notify.out" &
	local listener=$!
	eventually [ -S "$T/notify" ] || return
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
	    options AAAA | "$SEALKEY" webauthn create --socket "$deep/key.sock" \
	    --origin https://example.com | grep -q '"id"' &&
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
fifo_root()
{
	mkfifo "$T/root.fifo" || return
	timeout -s KILL 60 "$SEALKEY" run --state "$T/r" --socket "$T/r.sock" \
	    --attestation-root "$T/root.fifo" \
	    --attestation-root-key "$T/root.fifo" 2>"$T/err"
	[ $? = 1 ] && one_line && says 'not a regular file'
}
check "a root that never comes is an error" fifo_root
check "a root that is endless is an error" exits 1 run --state "$T/r" \
    --attestation-root /dev/zero --attestation-root-key /dev/zero

# A disk that is full, in a mount namespace of its own: hosts are told no more
# than that it failed, who runs the key is told why.
export SEALKEY
# shellcheck disable=SC2016
on_full_disk()
{
	options AAAA >"$T/create.json"
	mkdir -p "$T/small"
	unshare -rm bash -c '
		mount -t tmpfs -o size=2m none "$1/small" &&
		    cd "$1/small" && mkfifo ready || exit
		"$SEALKEY" run --state key --tpm none --audit off \
		    --socket s --ready-fd 8 8>ready 2>log &
		read -r -t 60 line <ready
		"$SEALKEY" webauthn create --origin https://example.com \
		    --socket s <"$1/create.json" >/dev/null || exit
		cat /dev/zero >fill 2>/dev/null
		for i in {1..300}; do
			"$SEALKEY" webauthn get --socket s \
			    --origin https://example.com <"$1/get.json" \
			    >/dev/null 2>&1 || break
		done
		kill "$!"
		wait
		cat log
		[ "$(grep -c "sealkey: .*full" log)" = 1 ]' - "$T"
}
# One that is full from the start: which directory does not work?
# shellcheck disable=SC2016
starts_on_full_disk()
{
	unshare -rm bash -c '
		mount -t tmpfs -o size=2m none "$1/small" &&
		    cd "$1/small" || exit
		"$SEALKEY" webauthn create --origin https://example.com \
		    --state key --tpm none <"$1/create.json" >/dev/null || exit
		cat /dev/zero >fill 2>/dev/null
		"$SEALKEY" run --state key --tpm none --socket s 2>"$1/start.log"
		status=$?
		cat "$1/start.log"
		[ "$status" = 1 ] && [ "$(wc -l <"$1/start.log")" = 1 ] &&
		    grep -q "^sealkey: $1/small/key.*No space left" \
		    "$1/start.log"' - "$T"
}
echo '{"rpId": "example.com", "challenge": "AAAAAAAAAAAAAAAAAAAAAA"}' \
    >"$T/get.json"
if unshare -rm mount -t tmpfs none "$T" 2>/dev/null; then
	check "a full disk is told in a line" on_full_disk
	check "one that is full already, by the directory" starts_on_full_disk
else
	skip "a full disk is told in a line" "no mount namespaces here"
	skip "one that is full already, by the directory" \
	    "no mount namespaces here"
fi

# whoever is told where it is may be in another folder
relative()
{
	local line
	mkfifo "$T/relative.ready"
	(cd "$T" && exec "$SEALKEY" run --state relative --socket rel.sock \
	    --tpm none --ready-fd 8 8>relative.ready 2>relative.log) &
	key=$!
	running+=("$key")
	read -r -t 60 line <"$T/relative.ready"
	(cd / && "$SEALKEY" wait --state "$T/relative" ready) >"$T/where"
	stop_key && [ "$(cat "$T/where")" = "$T/rel.sock" ]
}
check "a socket is told by its whole path" relative

plan
