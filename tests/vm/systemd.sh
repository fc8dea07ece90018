# SPDX-License-Identifier: Apache-2.0
#
# systemd for cases that run sealkey as the packaged service; sourced after
# guest.sh. It is the first process of a process namespace of its own, with
# this machine's files and devices, and starts nothing by itself.
#
#	install_service
#	start_systemd
#	check "it starts" systemd systemctl start sealkey@NAME
#
# It ends with the case. What services say on standard error is in
# $logs/service: nobody keeps a journal here.

systemd_pid=
units=/usr/local/lib/systemd/system

leave_systemd()
{
	[ -z "$systemd_pid" ] || kill -KILL "$systemd_pid" 2>/dev/null
	[ -z "$sealkey_pid" ] || kill -KILL "$sealkey_pid" 2>/dev/null
}

trap leave_systemd EXIT

# "make install". The default dependencies are a whole system's start, in which
# /tmp is emptied.
install_service()
{
	local more=/run/systemd/system/sealkey@.service.d
	make -C "$VM_REPO" BUILD="$VM_BUILD" install >"$logs/install" 2>&1 \
	    {tap}>&- || give_up "make install: $(tail "$logs/install")"
	mkdir -p "$more"
	printf '%s\n' '[Unit]' 'DefaultDependencies=no' '[Service]' \
	    "StandardError=append:$logs/service" >"$more/case.conf"
}

# systemd COMMAND...: where systemctl finds it, which asks for its own kind
systemd()
{
	nsenter -t "$systemd_pid" -p -m -C -- "$@"
}

start_systemd()
{
	local parent tries cgroups=/sys/fs/cgroup
	mountpoint -q "$cgroups" || mount -t cgroup2 cgroup2 "$cgroups" ||
	    give_up "there are no cgroups"
	mkdir -p "$cgroups/systemd" /run/systemd/system
	printf '%s\n' '[Unit]' 'DefaultDependencies=no' \
	    >/run/systemd/system/case.target
	{
		echo "$BASHPID" >"$cgroups/systemd/cgroup.procs"
		exec unshare --pid --fork --kill-child --uts --cgroup --mount \
		    sh -c 'mount -t proc proc /proc && umount "$1" &&
		    mount -t cgroup2 cgroup2 "$1" &&
		    exec env -i container=vm PATH="$PATH" \
		    /lib/systemd/systemd --system --unit=case.target' \
		    sh "$cgroups"
	} </dev/null >"$logs/systemd" 2>&1 {tap}>&- &
	parent=$!
	for tries in {1..150}; do
		systemd_pid=$(pgrep -P "$parent")
		[ -n "$systemd_pid" ] && systemd systemctl is-system-running \
		    >/dev/null 2>&1 && return
		sleep 0.2
	done
	give_up "systemd does not start: $(tail -n 3 "$logs/systemd")"
}
