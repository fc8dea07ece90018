#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Options, exit statuses and messages of every sub-command. (TAP)
# shellcheck disable=SC2015
. "$(dirname "$0")/lib"

commands="run ctl wait webauthn profile credentials info audit reset tpm
    attestation ca mds fault press deny conformance rp-audit webdriver"

helps()
{
	exits 0 "$@" --help && prints '^Usage: sealkey' && [ ! -s "$T/err" ]
}

versions()
{
	exits 0 "$@" --version && prints '^sealkey [0-9]' && [ ! -s "$T/err" ]
}

wrong()
{
	exits 2 "$@"
}

# documented COMMAND: the manual has each option that its help has
documented()
{
	local option missing=
	for option in $("$SEALKEY" "$1" --help |
	    grep -oE -- '--[a-z]+(-[a-z]+)*' | sort -u); do
		grep -qE -- "(^|[^-])$option([^-a-z]|\$)" "$T/manual" ||
		    missing+=" $option"
	done
	[ -z "$missing" ] || { echo "# not in the manual:$missing"; return 1; }
}

sed 's/\\-/-/g; s/\\f[A-Z]//g' packaging/man/sealkey.1 >"$T/manual"
check "sealkey --help" helps
check "sealkey --version" versions
for command in $commands; do
	check "$command --help" helps "$command"
	check "$command --version" versions "$command"
	check "$command refuses unknown options" wrong "$command" --frobnicate
	check "$command refuses unknown short options" wrong "$command" -x
	[[ $command = @(conformance|ca|webdriver) ]] || check \
	    "$command needs an argument for --state" wrong "$command" --state
	check "the manual has all of $command" documented "$command"
	check "help names $command" grep -q "$command" <("$SEALKEY" --help)
done
check "no command is wrong use" wrong
check "an unknown command is wrong use" wrong frobnicate
check "options before the command are not the command's" \
    wrong --state "$T/x" info
for command in run info reset press deny; do
	check "$command takes no operands" wrong "$command" something
done
check "attestation needs to know what" wrong attestation
check "attestation knows roots only" wrong attestation leaves
check "credentials needs to know what" wrong credentials
check "credentials delete needs an ID" wrong credentials delete
check "credentials show takes one ID" wrong credentials show AA AB
check "an ID that begins like an option" wrong credentials show -vzB
check "goes behind --" says 'goes behind "--"'
check "credentials list takes no ID" wrong credentials list AA
check "reset without terminal needs --yes" wrong reset
check "run: presence is one of three" wrong run --presence sometimes
check "run: it says which" says 'it is auto, manual'
check "run: attestation is one of nine" wrong run --attestation tmp
check "run: it says which ones" says 'it takes packed|self|none|tpm|'
check "run: account choice is one of two" wrong run --account-choice user
check "run: a setting is NAME=VALUE" wrong run --set rk
check "run: a setting is one that there is" wrong run --set colour=red
check "run: it says so" says 'no setting "colour"'
check "run: a setting has its values" wrong run --set rk=maybe
check "run: one transport only" wrong run --uhid --socket "$T/s"
check "run: a root needs its key" wrong run --attestation-root "$T/r.pem"
check "run: a name is ASCII" wrong run --name $'caf\xc3\xa9'
check "run: a name is not empty" wrong run --name ''
check "run: a ready descriptor is open" wrong run --ready-fd 77
check "run: a ready descriptor is a number" wrong run --ready-fd 1x
check "nothing was made by all that" \
    [ ! -e "$T/xdg" -a ! -e "$T/home/.local" ]

for command in run info reset press deny; do
	check "$command: --state is not an option's name" \
	    wrong "$command" --state --json
	check "$command: it says so" says '"--json" looks like an option'
	check "$command: --state is not empty" wrong "$command" --state ''
	check "$command: it says so, too" says 'of --state is empty'
done
check "run: a socket has a name" wrong run --socket ''
check "run: it says so" says 'of --socket is empty'
check "webauthn: a socket has a name" \
    wrong webauthn get --origin https://example.com --socket ''

# "head" has read enough and goes: no failure, and nothing to say
reader_leaves()
{
	local status=0
	mkfifo "$T/pipe" || return
	exec 7<>"$T/pipe" 8>"$T/pipe" 7>&-
	"$SEALKEY" --help >&8 2>"$T/err" || status=$?
	exec 8>&-
	[ "$status" = 0 ] && [ ! -s "$T/err" ]
}
check "output that nobody reads to the end is no failure" reader_leaves

fails_on_full_disk()
{
	local status=0
	"$SEALKEY" --help 2>"$T/err" >/dev/full || status=$?
	[ "$status" = 1 ] && one_line
}
check "output that cannot be written is a failure" fails_on_full_disk

# 0, 1 and 2 closed: the database must not become standard error
survives_closed_descriptors()
{
	"$SEALKEY" info --state "$T/none" <&- >&- 2>&-
	[ $? = 1 ]
}
check "closed standard descriptors" survives_closed_descriptors

# In a mount namespace of its own, with an empty /dev.
in_empty_dev()
{
	unshare -rm sh -c 'mount -t tmpfs none /dev && exec "$@"' - "$@"
}
without_null()
{
	in_empty_dev "$SEALKEY" --version >"$T/out" 2>"$T/err" &&
	    prints '^sealkey [0-9]' || return
	in_empty_dev "$SEALKEY" --version >"$T/out" 2>"$T/err" <&-
	[ $? = 1 ] && one_line && says '/dev/null cannot be opened'
}
if in_empty_dev true 2>/dev/null; then
	check "/dev/null is needed only if it is, and missed in a line" \
	    without_null
else
	skip "without /dev/null" "no mount namespaces here"
fi

plan
