# SPDX-License-Identifier: Apache-2.0
#
# What libfido2's tools can check of a token, whatever carries it. Sourced by
# cases after guest.sh. Credentials are files in $work: NAME.cred and
# NAME.assert as the token answered, NAME.id and NAME.pem taken from them.

fresh_hash()
{
	head -c 32 /dev/urandom | base64
}

# make_credential DEVICE NAME TYPE RPID [OPTION]...
make_credential()
{
	local device=$1 file=$work/$2 type=$3 rpid=$4
	shift 4
	{
		fresh_hash
		echo "$rpid"
		echo "Kim with $type"
		echo "user $type" | base64
	} >"$file.in"
	fido2-cred -M "$@" -i "$file.in" -o "$file.cred" "$device" "$type"
}

# verify_credential NAME TYPE [OPTION]...: the options must be found signed.
verify_credential()
{
	local file=$work/$1 type=$2
	shift 2
	fido2-cred -V "$@" -i "$file.cred" -o "$file.out" "$type" || return
	head -n 1 "$file.out" >"$file.id"
	tail -n +2 "$file.out" >"$file.pem"
}

# get_assertion DEVICE NAME RPID [OPTION]...: with NAME's credential, or with
# what the token finds itself if the first option is -r.
get_assertion()
{
	local device=$1 file=$work/$2 rpid=$3
	shift 3
	{
		fresh_hash
		echo "$rpid"
		[ "${1-}" = -r ] || cat "$file.id"
	} >"$file.in"
	fido2-assert -G "$@" -i "$file.in" -o "$file.assert" "$device"
}

# verify_assertion NAME TYPE KEY [OPTION]...: against the key of KEY
verify_assertion()
{
	local file=$work/$1 type=$2 key=$work/$3.pem
	shift 3
	fido2-assert -V "$@" -i "$file.assert" "$key" "$type"
}

# counter NAME: the signature counter of its last assertion. libfido2 prints
# authenticator data as a CBOR byte string, two bytes of head before it.
counter()
{
	sed -n 3p "$work/$1.assert" | base64 -d |
	    od -An -tu1 -j 35 -N 4 |
	    { read -r a b c d; echo $(((a << 24) + (b << 16) + (c << 8) + d)); }
}

# listed DEVICE: whether fido2-token finds it.
listed()
{
	fido2-token -L | tee "$logs/list" | grep "^$1:"
}

# A key stored on no site's behalf: the identifier comes back with each sign-in.
check_server_side()
{
	local device=$1 type=$2 name=plain-$2 rpid=$2.example.com
	check "$type: a credential is made" \
	    make_credential "$device" "$name" "$type" "$rpid"
	check "$type: it verifies" verify_credential "$name" "$type"
	same "$type: its attestation is packed" \
	    "$(sed -n 3p "$work/$name.cred")" packed
	check "$type: it signs in" \
	    get_assertion "$device" "$name" "$rpid" -p
	check "$type: the assertion verifies" \
	    verify_assertion "$name" "$type" "$name" -p
}

# A key that the token finds by itself, after having verified the user.
check_discoverable()
{
	local device=$1 type=$2 name=found-$2 rpid=found.$2.example.com
	check "$type: a discoverable credential is made, user verified" \
	    make_credential "$device" "$name" "$type" "$rpid" -r -v
	check "$type: it verifies, user verification signed" \
	    verify_credential "$name" "$type" -v
	check "$type: it is found and signs in, user verified" \
	    get_assertion "$device" "$name" "$rpid" -r -p -t uv=true
	check "$type: that assertion verifies, both flags signed" \
	    verify_assertion "$name" "$type" "$name" -p -v
	same "$type: it names the user" \
	    "$(sed -n 5p "$work/$name.assert" | base64 -d)" "user $type"
}

check_extensions()
{
	local device=$1
	check "hmac-secret and credProtect are asked for" make_credential \
	    "$device" extended es256 extended.example.com -h -c 2
	check "both are found signed" \
	    verify_credential extended es256 -h -c 2
}

# That the checks above can fail, and that tokens say no.
check_refusals()
{
	local device=$1
	refused "another key's assertion does not verify" \
	    verify_assertion plain-es256 es256 found-es256
	refused "no credential for another site" \
	    get_assertion "$device" plain-es256 elsewhere.example.com
	refused "nothing found for an unknown site" \
	    get_assertion "$device" found-es256 nowhere.example.com -r
}

# The signature counter of a credential never stands still.
check_counter()
{
	local device=$1 before after
	before=$(counter plain-es256)
	get_assertion "$device" plain-es256 es256.example.com >/dev/null
	after=$(counter plain-es256)
	check "the signature counter rises ($before, $after)" \
	    [ "$after" -gt "$before" ]
}

# check_token DEVICE: all of it, for the three algorithms.
check_token()
{
	local type
	check "fido2-token lists it" listed "$1"
	check "fido2-token describes it" fido2-token -I "$1"
	cp "$work/said" "$logs/info"
	for type in es256 eddsa rs256; do
		check_server_side "$1" "$type"
		check_discoverable "$1" "$type"
	done
	check_extensions "$1"
	check_refusals "$1"
	check_counter "$1"
}
