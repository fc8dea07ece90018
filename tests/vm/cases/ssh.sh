#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# OpenSSH with a key over uhid: ssh-keygen makes keys of both types, resident
# and not, with verification and without, fetches the resident ones back, and
# ssh logs in with each at a real sshd.
#
# Machine: clients
# Time limit: 300 s

. "$VM_REPO/tests/vm/guest.sh"

# ssh and ssh-keygen ask this for a PIN, and for nothing else.
make_askpass()
{
	cat >"$work/askpass" <<-'END'
	#!/bin/sh
	echo "$1" >>"${0%/*}/asked"
	case $1 in
	*PIN*)	echo 2468 ;;
	*)	exit 1 ;;
	esac
	END
	chmod 755 "$work/askpass"
	export SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force
}

# keygen NAME TYPE [OPTION]...
keygen()
{
	local name=$1 type=$2
	shift 2
	ssh-keygen -q -t "$type" -N "" -C "$name" -f "$work/$name" "$@"
}

# start_sshd OPTION...: on 127.0.0.1, for root with the keys that are
# authorized below; sets sshd_pid
start_sshd()
{
	local tries
	/usr/sbin/sshd -D -e -f /dev/null -h "$work/host" -p 2222 \
	    -o ListenAddress=127.0.0.1 -o PidFile=none -o UsePAM=no \
	    -o StrictModes=no -o PermitRootLogin=yes \
	    -o AuthorizedKeysFile="$work/authorized" \
	    -o AuthenticationMethods=publickey "$@" \
	    >>"$logs/sshd" 2>&1 </dev/null {tap}>&- &
	sshd_pid=$!
	for tries in {1..100}; do
		grep -q '^Server listening' "$logs/sshd" && return
		sleep 0.2
	done
	give_up "sshd does not start: $(tail "$logs/sshd")"
}

stop_sshd()
{
	kill "$sshd_pid"
	wait "$sshd_pid" 2>/dev/null
	: >"$logs/sshd"
}

# login KEY: with nothing but this key
login()
{
	ssh -F none -i "$1" -p 2222 -o IdentitiesOnly=yes \
	    -o IdentityAgent=none -o PreferredAuthentications=publickey \
	    -o StrictHostKeyChecking=no \
	    -o UserKnownHostsFile="$work/known" -o LogLevel=ERROR \
	    root@127.0.0.1 'echo "logged in with $SSH_CONNECTION"'
}

# check_login TEXT KEY
check_login()
{
	check "$1 logs in" login "$2"
	mentions "$1 ran a command there" "logged in with 127.0.0.1"
}

check_keygen()
{
	local type
	for type in ecdsa-sk ed25519-sk; do
		check "$type: a key is made" keygen "plain-$type" "$type"
		check "$type: a resident key is made, verification required" \
		    keygen "resident-$type" "$type" -O resident \
		    -O application="ssh:$type" -O verify-required
	done
	check "a challenge is attested" keygen attested ecdsa-sk \
	    -O challenge="$work/host.pub" \
	    -O write-attestation="$work/attestation"
	check "the attestation is there" [ -s "$work/attestation" ]
	cat "$work"/{plain,resident,attested}*.pub >"$work/authorized"
}

check_fetched()
{
	local type file
	mkdir "$work/fetched"
	cd "$work/fetched" || give_up "there is no $work/fetched"
	check "resident keys are fetched" ssh-keygen -q -K -N ""
	cd "$VM_REPO" || give_up "there is no $VM_REPO"
	check "with the PIN" grep "PIN" "$work/asked"
	# OpenSSH trusts a key with built-in verification to insist on it
	check "the key is told to verify always" fido2-token -S -u "$hidraw"
	same "there are two" "$(ls "$work/fetched" | grep -c '\.pub$')" 2
	for type in ecdsa-sk ed25519-sk; do
		file=$work/fetched/id_${type/-/_}_rk_$type
		same "$type: it is the key that was made" \
		    "$(cut -d ' ' -f 2 "$file.pub")" \
		    "$(cut -d ' ' -f 2 "$work/resident-$type.pub")"
		check_login "$type: the fetched key" "$file"
	done
	check "and then as it was" fido2-token -D -u "$hidraw"
}

start_udev
modprobe uhid
make_askpass
mkdir -p /run/sshd
check "a host key is made" \
    ssh-keygen -q -t ed25519 -N "" -f "$work/host"
start_sealkey --uhid
wait_hidraw uhid
check "the key gets a PIN" typing 2468 2468 -- fido2-token -S "$hidraw"

check_keygen
start_sshd
for type in ecdsa-sk ed25519-sk; do
	check_login "$type: the key" "$work/plain-$type"
	check_login "$type: the resident key" "$work/resident-$type"
done
check_login "the attested key" "$work/attested"
check_fetched

grep -v resident-ed25519-sk "$work/authorized" >"$work/fewer"
cp "$work/fewer" "$work/authorized"
ends 255 "a key that is not authorized is refused" \
    login "$work/resident-ed25519-sk"
mentions "by the server" "Permission denied"
stop_sshd

start_sshd -o PubkeyAuthOptions=verify-required
check_login "where verification is required, a verifying key" \
    "$work/resident-ecdsa-sk"
ends 255 "one that does not verify is refused" login "$work/plain-ecdsa-sk"
mentions "by that server, too" "Permission denied"
stop_sshd

check "the key ends when asked to" stop_sealkey
start_sshd
ends 255 "without the key nobody logs in" login "$work/plain-ecdsa-sk"
stop_sshd
finish
