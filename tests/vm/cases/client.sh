#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A test runner, from "make install-ci" on: an ordinary user plugs the key in,
# "sealkey webauthn --device" takes what the relying party asks for to it and
# back, press and deny decide. Then the demo, with its part about the kernel.
#
# Time limit: 900 s

. "$VM_REPO/tests/vm/guest.sh"

origin=https://example.com
finger=
user=$work/user		# an ordinary user's folder

# as_user COMMAND...
as_user()
{
	setpriv --reuid=nobody --regid=nogroup --clear-groups \
	    env HOME="$user" "$@"
}

# make_in DIR GOAL: installs below DIR, here if that is empty
make_in()
{
	make -C "$VM_REPO" BUILD="$VM_BUILD" DESTDIR="$1" "$2"
}

# installed FILE...: below $work/dest, and nothing else
installed()
{
	diff <(printf '%s\n' "$@" | sort) \
	    <(cd "$work/dest/usr/local" && find . -type f -printf '%P\n' | sort)
}

# models: of each profile, where it is installed
models()
{
	(cd "$VM_REPO/authenticator/profile/models" &&
	    printf 'share/sealkey/profiles/%s\n' *.ini)
}

rp()
{
	"$node" "$VM_REPO/tests/rp/cli.mjs" "$@"
}

# ceremony KIND VERB [OPTION]...: KIND is register or login, the options are
# for the relying party's question. As the user, with the device; if $finger
# is press or deny, it is told to the key meanwhile and must do its part.
ceremony()
{
	local kind=$1 verb=$2
	shift 2
	rp "$kind-options" --db "$work/site" "$@" >"$work/options" || return
	if [ -n "$finger" ]; then
		as_user sealkey "$finger" --state "$user/key" &
	fi
	as_user sealkey webauthn "$verb" --origin "$origin" \
	    --device "$hidraw" <"$work/options" >"$work/answer" || return
	[ -z "$finger" ] || wait $! || return
	rp "$kind-verify" --db "$work/site" --roots "$work/roots.pem" \
	    --require-attestation <"$work/answer"
}

# told press|deny CEREMONY...
told()
{
	local finger=$1
	ceremony "${@:2}"
}

denied()
{
	local status=0
	told deny "$@" >"$work/denied" 2>&1 || status=$?
	cat "$work/denied"
	[ "$status" = 1 ] && grep -q NotAllowedError "$work/denied"
}

chmod 711 "$work"
mkdir -m 700 "$user"
chown nobody "$user"
node=$(node "$VM_REPO/tests/rp/runtime.mjs") || give_up "no Node.js"

check "make install fills a folder" make_in "$work/dest" install
check "with these files" installed bin/sealkey share/man/man1/sealkey.1 \
    share/man/man5/sealkey-profile.5 $(models) \
    lib/udev/rules.d/60-sealkey.rules lib/modules-load.d/sealkey.conf \
    lib/sysusers.d/sealkey.conf lib/systemd/system/sealkey@.service
check "its unit runs what was installed" \
    grep -q '^ExecStart=/usr/local/bin/sealkey run ' \
    "$work/dest/usr/local/lib/systemd/system/sealkey@.service"
check "make uninstall empties it" make_in "$work/dest" uninstall
same "of everything" "$(find "$work/dest" -type f)" ""

modprobe -r uhid
refused_ci()
{
	! make_in "" install-ci >"$work/ci" 2>&1 && cat "$work/ci" &&
	    grep "udev is not running" "$work/ci"
}
[ -S /run/udev/control ] ||
    check "make install-ci says that udev is not running" refused_ci
start_udev
check "make install-ci works here" make_in "" install-ci
check "it loaded the module" [ -c /dev/uhid ]
check "it made the group" getent group sealkey
check "and the user of the unit" getent passwd sealkey-key
check "man finds the page" [ -f /usr/local/share/man/man1/sealkey.1 ]

# what follows starts the installed program, as the user; its software keys
# cost an emulated machine less time than those of the TPM in the demo
cat >"$work/sealkey" <<'END'
#!/bin/sh
exec setpriv --reuid=nobody --regid=nogroup --clear-groups \
    /usr/local/bin/sealkey "$@"
END
chmod 755 "$work/sealkey"
sealkey=$work/sealkey

start_sealkey --state "$user/key" --tpm none --uhid
wait_hidraw uhid
check "an ordinary user plugs a key in" [ -c "$hidraw" ]
same "and owns what it keeps" "$(stat -c %U "$user/key")" nobody
as_user sealkey attestation roots --state "$user/key" >"$work/roots.pem"
check "and is told its root" grep -q BEGIN "$work/roots.pem"
check "--device registers" ceremony register create
check "--device signs in" ceremony login get --no-allow
check "the key ends when asked to" stop_sealkey
check "the device is gone with it" hidraw_gone uhid

start_sealkey --state "$user/key" --uhid --presence manual
wait_hidraw uhid
rm -f "$work/site"
check "deny refuses a registration" denied register create
check "press grants one" told press register create
check "deny refuses a sign-in" denied login get
check "press grants one, too" told press login get
check "the key ends when asked to" stop_sealkey
check "the device is gone with it" hidraw_gone uhid

check "the demo shows all that it has" \
    env SEALKEY="$VM_BUILD/sealkey" "$VM_REPO/tests/rp/demo.sh"
cp "$work/said" "$logs/demo"
for part in "client mode" socket uhid; do
	check "it showed $part" \
	    grep -E "^ +$part +registered and signed in$" "$logs/demo"
done
check "it had libfido2's tools verify" \
    grep -q "and verified it, presence and verification" "$logs/demo"
finish
