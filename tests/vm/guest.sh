# SPDX-License-Identifier: Apache-2.0
#
# What the cases in tests/vm/cases share; sourced by each, inside the virtual
# machine. A case is a bash script that speaks TAP on standard output:
#
#	. "$VM_REPO/tests/vm/guest.sh"
#	start_udev
#	check "uhid loads" modprobe uhid
#	finish
#
# Variables for the case:
#	$work	an empty folder in memory, gone with the machine
#	$logs	a folder that the host keeps: $VM_RESULTS/cases/NAME
#	$sealkey	the program under test
#	$SEALKEY_TPM	embedded; unset it to use the machine's

case_name=$(basename "$0" .sh)
work=$(mktemp -d "/tmp/$case_name.XXXXXX")
logs=$VM_RESULTS/cases/$case_name
sealkey=$VM_BUILD/sealkey
sealkey_pid=
# The machine's TPM is for cases that ask for it: it outlives them.
export SEALKEY_TPM=embedded
unset TPM2TOOLS_TCTI
mkdir -p "$logs"
# The next case must not find this one's key plugged in.
trap '[ -z "$sealkey_pid" ] || kill -KILL "$sealkey_pid" 2>/dev/null' EXIT

tap_count=0
tap_failed=0
# Where results go, whatever is redirected.
exec {tap}>&1

# tap TEXT: prints one line of TAP.
tap()
{
	echo "$1" >&"$tap"
}

# ok NAME
ok()
{
	tap_count=$((tap_count + 1))
	tap "ok $tap_count - $1"
}

# not_ok NAME [FILE]: the end of FILE tells why.
not_ok()
{
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	tap "not ok $tap_count - $1"
	[ -z "${2-}" ] || tail -n 25 "$2" | sed 's/^/# /' >&"$tap"
}

# skip NAME WHY: only for what a named, missing device would need.
skip()
{
	tap_count=$((tap_count + 1))
	tap "ok $tap_count - $1 # SKIP $2"
}

# ends STATUS NAME COMMAND...: ok if the command's exit status is STATUS; what
# it said is in $work/said.
ends()
{
	local wanted=$1 name=$2 status=0
	shift 2
	"$@" >"$work/said" 2>&1 </dev/null || status=$?
	if [ "$status" = "$wanted" ]; then
		ok "$name"
		return 0
	fi
	echo "$*: exit status $status, not $wanted" >>"$work/said"
	not_ok "$name" "$work/said"
	return 1
}

# check NAME COMMAND...: ok if the command succeeds.
check()
{
	ends 0 "$@"
}

# refused NAME COMMAND...: ok if it fails in an orderly way.
refused()
{
	ends 1 "$@"
}

# same NAME IS WANTED
same()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
		return 0
	fi
	echo "it is \"$2\", not \"$3\"" >"$work/said"
	not_ok "$1" "$work/said"
	return 1
}

# differs NAME IS FROM
differs()
{
	if [ "$2" != "$3" ]; then
		ok "$1"
		return 0
	fi
	echo "it is \"$2\" again" >"$work/said"
	not_ok "$1" "$work/said"
	return 1
}

# typing LINE... -- COMMAND...: the command, with the lines typed at its
# questions. There is no terminal in the guest, so that programs which would
# open one to ask for a PIN read their standard input.
typing()
{
	local lines=()
	while [ "$1" != -- ]; do
		lines+=("$1")
		shift
	done
	shift
	printf '%s\n' "${lines[@]}" | "$@"
}

# mentions NAME TEXT: what the last command said has TEXT in it.
mentions()
{
	if grep -qF -e "$2" "$work/said"; then
		ok "$1"
	else
		not_ok "$1" "$work/said"
	fi
}

# Ends a case: the plan, and whether all went well.
finish()
{
	tap "1..$tap_count"
	[ "$tap_failed" = 0 ] && exit 0
	exit 1
}

# give_up WHY: ends a case that cannot go on.
give_up()
{
	echo "$1" >"$work/why"
	not_ok "$case_name goes on" "$work/why"
	finish
}

# The device manager is process-wide: cases after the first find it running.
start_udev()
{
	[ -S /run/udev/control ] && return
	/lib/systemd/systemd-udevd --daemon >/dev/null 2>&1 {tap}>&- ||
	    give_up "systemd-udevd does not start"
	udevadm trigger --action=add --subsystem-match=usb \
	    --subsystem-match=hidraw --subsystem-match=misc \
	    --subsystem-match=tpm --subsystem-match=tpmrm
	udevadm settle --timeout=30
}

# find_hidraw uhid|usb: sets hidraw to the FIDO token of that kind.
find_hidraw()
{
	local class path
	for class in /sys/class/hidraw/*; do
		path=$(readlink -f "$class/device") || continue
		case $1:$path in
		uhid:*/misc/uhid/*|usb:*/usb[0-9]*) ;;
		*) continue ;;
		esac
		# usage page 0xf1d0, the FIDO Alliance
		[ "$(head -c 3 "$path/report_descriptor" |
		    od -An -tx1)" = " 06 d0 f1" ] || continue
		hidraw=/dev/${class##*/}
		[ -c "$hidraw" ] && return 0
	done
	return 1
}

# wait_hidraw uhid|usb: the same, waiting up to 15 s for it, and for udev to be
# done with it. Not a condition but a step: the case ends without it.
wait_hidraw()
{
	local tries
	for tries in {1..75}; do
		if find_hidraw "$1"; then
			udevadm settle --timeout=15
			return 0
		fi
		sleep 0.2
	done
	give_up "no FIDO token of kind $1 appeared: $(ls /sys/class/hidraw)"
}

# Whether the token of that kind is gone, waiting up to 30 s for it.
hidraw_gone()
{
	local tries
	for tries in {1..150}; do
		find_hidraw "$1" || return 0
		sleep 0.2
	done
	echo "$hidraw is still there"
	return 1
}

# start_sealkey OPTION...: "sealkey run", until it says that it is ready; the
# state is in $work/state. Sets sealkey_pid.
start_sealkey()
{
	local ready
	[ -x "$sealkey" ] || give_up "$sealkey has not been built"
	rm -f "$work/ready"
	mkfifo "$work/ready"
	"$sealkey" run --state "$work/state" --ready-fd 3 "$@" \
	    3>"$work/ready" >>"$logs/sealkey" 2>&1 {tap}>&- &
	sealkey_pid=$!
	# ends with the program, should that happen first
	exec {ready}<"$work/ready"
	if ! read -r -t 30 -n 1 -u "$ready"; then
		give_up "sealkey run is not ready: $(tail "$logs/sealkey")"
	fi
	exec {ready}<&-
}

# Ends it as a service manager would; true if it obeyed with status 0.
stop_sealkey()
{
	local tries status=0
	kill -TERM "$sealkey_pid"
	for tries in {1..300}; do
		[ -e "/proc/$sealkey_pid" ] || break
		grep -q '^State:.Z' "/proc/$sealkey_pid/status" && break
		sleep 0.1
	done
	kill -KILL "$sealkey_pid" 2>/dev/null
	wait "$sealkey_pid" 2>/dev/null || status=$?
	sealkey_pid=
	[ "$status" = 0 ] && return
	echo "sealkey run ended with status $status:"
	tail "$logs/sealkey"
	return 1
}
