# SPDX-License-Identifier: Apache-2.0
#
# For cases with keys in the machine's TPM, the one behind /dev/tpmrm0; sourced
# after guest.sh. $sealkey then runs as an ordinary user in group tss: what
# "as_user" runs, too. tpm2-tools talk to the same TPM, as root.

unset SEALKEY_TPM
export TPM2TOOLS_TCTI=device:/dev/tpmrm0
ek_roots=$VM_RESULTS/job/ek-roots.pem
program=$work/program
groups=tss

# as_user COMMAND...
as_user()
{
	setpriv --reuid=nobody --regid=nogroup --groups="$groups" \
	    env -u TPM2TOOLS_TCTI HOME="$work" "$@"
}

# The program as that user; its folder may be closed to him.
use_tpm()
{
	[ -c /dev/tpmrm0 ] ||
	    give_up "this machine has no TPM: tests/vm/vm run --tpm"
	cp "$VM_BUILD/sealkey" "$program" 2>/dev/null ||
	    give_up "$VM_BUILD/sealkey has not been built"
	chown nobody "$work"
	chmod 711 "$work"
	chmod 666 /dev/uhid
	cat >"$work/sealkey" <<-END
	#!/bin/sh
	exec setpriv --reuid=nobody --regid=nogroup --groups=tss \\
	    env -u TPM2TOOLS_TCTI HOME='$work' '$program' "\$@"
	END
	chmod 755 "$work/sealkey"
	sealkey=$work/sealkey
}

# what TPM2_GetCapability lists: persistent, nv-index, loaded-session, ...
handles()
{
	tpm2_getcap "handles-$1" | sed 's/^- //'
}

# How often the machine's dictionary attack counter has counted.
lockout_counter()
{
	tpm2_getcap properties-variable |
	    sed -n 's/^TPM2_PT_LOCKOUT_COUNTER: *//p'
}

# explains NAME WORD...: the last command said one line, with all of the words
explains()
{
	local name=$1 word
	shift
	cp "$work/said" "$work/line"
	same "$name: in one line" "$(grep -vc ': exit status' "$work/line")" 1
	for word in "$@"; do
		check "$name: mentions $word" grep -e "$word" "$work/line"
	done
}
