#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The packaged service, started by systemd with all that its unit forbids: its
# keys are in the machine's TPM, and what it knows stays, whichever of its
# processes is killed.
#
# Time limit: 240 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/fido2.sh"
. "$VM_REPO/tests/vm/systemd.sh"

unit=sealkey@vm.service
state=/var/lib/sealkey/vm

# property NAME: of the unit
property()
{
	systemd systemctl show --value -p "$1" "$unit"
}

# The key's process, as this side of the namespace calls it.
main_pid()
{
	pgrep -u sealkey-key -f '^/usr/local/bin/sealkey run'
}

# status_of NAME: of the key's process, as the kernel has it
status_of()
{
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$(main_pid)/status"
}

check_unit()
{
	check "the unit is one" \
	    systemd-analyze verify --man=no "$units/$unit"
	check "its sandbox leaves little" systemd-analyze security \
	    --offline=true --threshold=10 --no-pager \
	    "$units/sealkey@.service"
}

check_process()
{
	same "it is a user of its own" \
	    "$(stat -c %U "/proc/$(main_pid)")" sealkey-key
	same "who may use the TPM, and plug in keys" \
	    "$(getent group $(status_of Groups) | cut -d : -f 1 | sort | xargs)" \
	    "sealkey tss"
	same "without capabilities" "$(status_of CapBnd)" 0000000000000000
	same "under a filter" "$(status_of Seccomp)" 2
}

# restarted PID: another process is the key than that one.
restarted()
{
	local tries pid
	for tries in {1..75}; do
		pid=$(main_pid)
		[ -n "$pid" ] && [ "$pid" != "$1" ] && break
		sleep 0.2
	done
	wait_hidraw uhid
	systemd systemctl is-active "$unit"
}

retries()
{
	fido2-token -I "$hidraw" | sed -n 's/^pin retries: //p'
}

sign_in()
{
	get_assertion "$hidraw" one one.example -r -p
}

check_tpm()
{
	local pid
	check "the key is in the machine's TPM" \
	    grep -F device:/dev/tpmrm0 "$state/tpm"
	check "a PIN is set" typing 2468 2468 -- fido2-token -S "$hidraw"
	refused "another does not change it" \
	    typing 1357 9999 9999 -- fido2-token -C "$hidraw"
	same "that is counted" "$(retries)" 7
	check "the process that holds the keys is killed" \
	    pkill -KILL -u sealkey-key -P "$(main_pid)"
	sign_in >/dev/null 2>&1
	check "it signs in with another" sign_in
	pid=$(main_pid)
	check "the key is killed" kill -KILL "$pid"
	check "systemd starts it again" restarted "$pid"
	check "it signs in" sign_in
	same "the try is not forgotten" "$(retries)" 7
}

start_udev
modprobe uhid
install_service
check_unit
start_systemd
check "it starts" systemd systemctl start "$unit"
wait_hidraw uhid
check_process
check "a credential is made" make_credential "$hidraw" one es256 one.example -r -v
check "it verifies" verify_credential one es256 -v
check_tpm
check "it ends when asked to" systemd systemctl stop "$unit"
same "well" "$(property ExecMainStatus) $(property Result)" "0 success"
same "its state is its own" "$(stat -c '%U %a' "$state")" "sealkey-key 700"
finish
