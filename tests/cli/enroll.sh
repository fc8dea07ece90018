#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Enrolment: a CA that believes TPMs of one maker, and keys that want its
# certificate. The TPMs are swtpm's, made by two makers; the first key that
# asks is tpm2-tools', so that both sides meet somebody else's code. (TAP)
. "$(dirname "$0")/lib"

# --- TPMs -------------------------------------------------------------------

# make_tpm NAME: as it leaves the factory of a maker of its own, in $T/NAME
make_tpm()
{
	local dir=$T/$1
	mkdir -p "$dir/maker" "$dir/state" || return
	cat >"$dir/setup" <<-END
	create_certs_tool = $(command -v swtpm_localca)
	create_certs_tool_config = $dir/localca
	create_certs_tool_options = $dir/options
	active_pcr_banks = sha256
	END
	cat >"$dir/localca" <<-END
	statedir = $dir/maker
	signingkey = $dir/maker/key.pem
	issuercert = $dir/maker/issuer.pem
	certserial = $dir/maker/serial
	END
	printf '%s\n' "--platform-manufacturer ACME" "--platform-model $1" \
	    "--platform-version 1" >"$dir/options"
	swtpm_setup --tpm2 --create-ek-cert --tpmstate "$dir/state" \
	    --config "$dir/setup" &&
	    cat "$dir/maker/issuer.pem" "$dir"/maker/*rootca-cert.pem \
	    >"$dir/roots.pem"
}

# start_tpm NAME: and $tcti is how to reach it
start_tpm()
{
	local dir=$T/$1 i
	swtpm socket --tpm2 --tpmstate "dir=$dir/state" \
	    --server "type=unixio,path=$dir/sock" \
	    --ctrl "type=unixio,path=$dir/sock.ctrl" \
	    --flags not-need-init,startup-clear >"$dir/log" 2>&1 &
	running+=("$!")
	use_tpm "$1"
	for ((i = 0; i < 200; i++)); do
		[ -S "$dir/sock" ] && [ -S "$dir/sock.ctrl" ] && return
		sleep 0.05
	done
	return 1
}

use_tpm()
{
	export TPM2TOOLS_TCTI=swtpm:path=$T/$1/sock
}

# tpm COMMAND...: of tpm2-tools, and nothing stays loaded
tpm()
{
	local r=0
	(cd "$T/tools" && "tpm2_$@") || r=$?
	tpm2_flushcontext -t >/dev/null 2>&1
	return "$r"
}

# --- a key made of tpm2-tools ----------------------------------------------

b64()
{
	base64 -w 0
}

# public FILE: what is in a TPM2B_PUBLIC
public()
{
	tail -c +3 "$1"
}

sensitive='sensitivedataorigin|userwithauth'

# The endorsement key is where swtpm_setup leaves it.
ek_handle=0x81010001
ek_index=0x01c00002

# tools_key [OPTION...]: an attestation key of the TPM in use, in $T/tools
tools_key()
{
	rm -rf "$T/tools"
	mkdir "$T/tools"
	tpm readpublic -c $ek_handle -f tss -o ek.pub &&
	    tpm nvread $ek_index -o ek.der &&
	    tpm createak -C $ek_handle -c ak.ctx -u ak.pub -n ak.name \
	    -G "${1:-ecc}" -g sha256 -s "${2:-ecdsa}" &&
	    tools_request >"$T/request.json"
}

tools_request()
{
	cat <<-END
	{"type": "sealkey AK request", "version": 1,
	"ak": {"alg": "ES256",
	"public": "$(public "$T/tools/ak.pub" | b64)"},
	"ek": [{"type": "RSA-2048",
	"public": "$(public "$T/tools/ek.pub" | b64)",
	"certificate": "$(b64 <"$T/tools/ek.der")"}]}
	END
}

# member FILE NAME: a string, as our own JSON has it
member()
{
	sed -n "s/^ *\"$2\": \"\([^\"]*\)\",*$/\1/p" "$1"
}

# size16 FILE: two bytes, big-endian
size16()
{
	local n
	n=$(wc -c <"$1")
	# shellcheck disable=SC2059
	printf "$(printf '\\%03o\\%03o' $((n / 256)) $((n % 256)))"
}

# The one on P-384 can be used with an empty password, too.
open_credential()
{
	if [ $ek_handle != 0x81010001 ]; then
		tpm activatecredential -c ak.ctx -C $ek_handle -i credential \
		    -o secret
		return
	fi
	tpm startauthsession --policy-session -S session.ctx &&
	    tpm policysecret -S session.ctx -c e &&
	    tpm activatecredential -c ak.ctx -C $ek_handle -i credential \
	    -o secret -P session:session.ctx || return
	tpm flushcontext session.ctx
}

# tools_answer: opens $T/challenge.json as tpm2-tools do
tools_answer()
{
	member "$T/challenge.json" credentialBlob | base64 -d >"$T/blob"
	member "$T/challenge.json" encryptedSecret | base64 -d >"$T/seed"
	{
		printf '\272\334\300\336\0\0\0\1'	# their magic, version
		size16 "$T/blob"; cat "$T/blob"
		size16 "$T/seed"; cat "$T/seed"
	} >"$T/tools/credential"
	open_credential || return
	cat >"$T/answer.json" <<-END
	{"type": "sealkey AK answer", "version": 1,
	 "id": "$(member "$T/challenge.json" id)",
	 "secret": "$(b64 <"$T/tools/secret")"}
	END
}

# --- the CA -------------------------------------------------------------------

# challenge [OPTION...]: $T/request.json to $T/challenge.json
challenge()
{
	exits 0 ca challenge "$T/ca" --ek-roots "$T/a/roots.pem" "$@" \
	    "$T/request.json" && cp "$T/out" "$T/challenge.json"
}

# issue [OPTION...]: $T/answer.json to $T/chain.pem
issue()
{
	exits 0 ca issue "$T/ca" "$@" "$T/answer.json" &&
	    cp "$T/out" "$T/chain.pem"
}

# no_challenge WHY: for $T/request.json
no_challenge()
{
	exits 1 ca challenge "$T/ca" --ek-roots "${roots:-$T/a/roots.pem}" \
	    "$T/request.json" && says "$1" && [ ! -s "$T/out" ]
}

# no_certificate WHY: for $T/answer.json
no_certificate()
{
	exits 1 ca issue "$T/ca" "$T/answer.json" && says "$1" &&
	    [ ! -s "$T/out" ]
}

# changed FILE SED...: does what it says, and must change something
changed()
{
	local file=$1
	shift
	sed "$@" "$file" >"$file.new" || return
	! cmp -s "$file" "$file.new" && mv "$file.new" "$file"
}

logged()
{
	tail -n 1 "$T/ca/audit.log" | grep -q -e "$1"
}

check "a TPM with endorsement certificates" make_tpm a
check "another one, of another maker" make_tpm b
check "the first is on" start_tpm a

check "a CA is made" exits 0 ca init "$T/ca" --name "ACME devices"
check "not over another" exits 1 ca init "$T/ca"
files_are_private()
{
	[ -z "$(find "$T/ca" -perm /077)" ]
}
check "nobody else may look into it" files_are_private
root_verifies()
{
	openssl verify -x509_strict -CAfile "$T/ca/root.pem" "$T/ca/ca.pem" &&
	    openssl x509 -noout -subject -in "$T/ca/root.pem" |
	    grep -q 'CN = ACME devices root'
}
check "its certificates verify, and have its name" root_verifies
check "elsewhere there is none" exits 1 ca issue "$T/home" /dev/null
check "and it says how to make one" says 'sealkey ca init'

# chain_is_good ALG: openssl's judgement, and the profile
chain_is_good()
{
	[ "$(grep -c BEGIN "$T/chain.pem")" = 2 ] || return
	openssl verify -CAfile "$T/ca/root.pem" -untrusted "$T/chain.pem" \
	    "$T/chain.pem" || return
	openssl x509 -noout -text -in "$T/chain.pem" >"$T/text"
	grep -q 'Subject: *$' "$T/text" &&
	    grep -q "Public Key Algorithm: $1" "$T/text" &&
	    grep -A 1 'Alternative Name: critical' "$T/text" |
	    grep -q '2.23.133.2.1' &&
	    grep -A 1 'Extended Key Usage: $' "$T/text" |
	    grep -q '2.23.133.8.3'
}

enrolled_by_tools()
{
	tools_key "$@" && challenge && logged '"event":"challenged"' &&
	    tools_answer && issue && logged '"event":"issued"'
}
check "tpm2-tools open the challenge for an ECDSA key" enrolled_by_tools
check "and get a good certificate" chain_is_good id-ecPublicKey
check "the same with an RSA key" enrolled_by_tools rsa rsassa
check "which is as good" chain_is_good rsaEncryption
maker_is()
{
	openssl x509 -noout -ext subjectAltName -in "$T/chain.pem" |
	    grep -q "2.23.133.2.1 = *$1" ||
	    openssl x509 -noout -text -in "$T/chain.pem" | grep -q -- "$1"
}
check "it names the maker as the maker did" maker_is 'id:00001014'

another_maker()
{
	challenge && tools_answer && issue --manufacturer IFX0 &&
	    maker_is 'id:49465830' && challenge && tools_answer &&
	    issue --manufacturer 494E5443 && maker_is 'id:494E5443'
}
check "or as the CA is told" another_maker

as_long_as_told()
{
	challenge && tools_answer && issue --days 3 || return
	openssl x509 -noout -checkend $((2 * 86400)) -in "$T/chain.pem" &&
	    ! openssl x509 -noout -checkend $((4 * 86400)) -in "$T/chain.pem"
}
check "for as long as it is told" as_long_as_told

# ak_with ATTRIBUTES [ALG]: asks for another key than tpm2_createak's
ak_with()
{
	tpm createprimary -C e -G "${2:-ecc256:ecdsa-sha256:null}" -c odd.ctx \
	    -a "$1" && tpm readpublic -c odd.ctx -f tss -o odd.pub || return
	cp "$T/tools/ak.pub" "$T/tools/ak.keep"
	cp "$T/tools/odd.pub" "$T/tools/ak.pub"
	tools_request >"$T/request.json"
	mv "$T/tools/ak.keep" "$T/tools/ak.pub"
}
ecc_endorsement()
{
	(ek_handle=0x81010016 ek_index=0x01c00016
	tools_key && ak_with "fixedtpm|fixedparent|$sensitive|restricted|sign" &&
	    changed "$T/request.json" 's/RSA-2048/P-384/' &&
	    cp "$T/tools/odd.ctx" "$T/tools/ak.ctx" &&
	    challenge && tools_answer && issue)
}
check "with an endorsement key on P-384" ecc_endorsement

# --- what is refused -----------------------------------------------------------

tools_key >/dev/null 2>&1
cp "$T/request.json" "$T/good.json"

wrong_maker()
{
	roots=$T/b/roots.pem no_challenge 'leads to none of the given roots' &&
	    logged '"event":"refused"'
}
check "another maker's roots: refused" wrong_maker
no_root()
{
	cp "$T/a/maker/issuer.pem" "$T/issuer.pem"
	roots=$T/issuer.pem no_challenge 'leads to none of the given roots'
}
check "what is below a root is none" no_root
check "no roots at all: an error" env roots="$T/good.json" bash -c '
    ! "$1" ca challenge "$2/ca" --ek-roots "$2/good.json" "$2/good.json"' \
    - "$SEALKEY" "$T"

other_ek()
{
	tpm createek -c other.ctx -G rsa -u other.pub -f tss || return
	cp "$T/tools/ek.pub" "$T/tools/ek.keep"
	# the same, but with another unique field: not the certificate's key
	tpm createprimary -C e -G rsa2048 -c other.ctx \
	    -a "fixedtpm|fixedparent|$sensitive|restricted|decrypt" &&
	    tpm readpublic -c other.ctx -f tss -o ek.pub || return
	tools_request >"$T/request.json"
	mv "$T/tools/ek.keep" "$T/tools/ek.pub"
	no_challenge 'is for another endorsement key'
}
check "a certificate for another endorsement key: refused" other_ek

not_restricted()
{
	ak_with "fixedtpm|fixedparent|$sensitive|sign" &&
	    no_challenge 'the attestation key is not restricted'
}
check "an attestation key that signs anything: refused" not_restricted
not_bound()
{
	ak_with "$sensitive|restricted|sign" &&
	    no_challenge 'the attestation key may leave its TPM'
}
check "one that may leave its TPM: refused" not_bound
not_signing()
{
	ak_with "fixedtpm|fixedparent|$sensitive|restricted|decrypt" \
	    ecc256:aes128cfb && no_challenge 'is not for signing alone'
}
check "one that does not sign: refused" not_signing
not_es256()
{
	ak_with "fixedtpm|fixedparent|$sensitive|restricted|sign" \
	    ecc384:ecdsa-sha384:null && no_challenge 'neither ES256 nor RS256'
}
check "one on another curve: refused" not_es256

signing_ek()
{
	cp "$T/good.json" "$T/request.json"
	# of the endorsement key, the attribute decrypt; its 4 bytes follow
	# type and nameAlg
	public "$T/tools/ek.pub" >"$T/ek.bin"
	printf '\000\005\000\262' | dd of="$T/ek.bin" bs=1 seek=4 \
	    conv=notrunc status=none
	changed "$T/request.json" "/RSA-2048/{n
	    s|\"public\": \"[^\"]*\"|\"public\": \"$(b64 <"$T/ek.bin")\"|
	    }" && no_challenge 'is not for decrypting alone'
}
check "an endorsement key that signs: refused" signing_ek

altered_certificate()
{
	local at bad=0 size
	size=$(wc -c <"$T/tools/ek.der")
	cp "$T/tools/ek.der" "$T/tools/ek.keep"
	for ((at = 8; at < size; at += 97)); do
		cp "$T/tools/ek.keep" "$T/tools/ek.der"
		flip "$T/tools/ek.der" "$at"
		tools_request >"$T/request.json"
		exits 1 ca challenge "$T/ca" --ek-roots "$T/a/roots.pem" \
		    "$T/request.json" || { echo "byte $at"; bad=1; }
	done
	mv "$T/tools/ek.keep" "$T/tools/ek.der"
	return "$bad"
}
# flip FILE OFFSET: one bit
flip()
{
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	# shellcheck disable=SC2059
	printf "$(printf '\\%03o' $((byte ^ 4)))" |
	    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
check "an altered certificate: refused, wherever" altered_certificate

ak_certificate()
{
	cp "$T/good.json" "$T/request.json"
	changed "$T/request.json" "s|\"certificate\": .*|\"certificate\": \"$(
	    openssl x509 -in "$T/chain.pem" -outform DER | b64)\"}]}|" &&
	    no_challenge 'is for another endorsement key'
}
check "a certificate that is none of an endorsement key: refused" \
    ak_certificate

# odd_request WHY SED
odd_request()
{
	cp "$T/good.json" "$T/request.json"
	changed "$T/request.json" "$2" && no_challenge "$1"
}
check "a request that is no JSON" odd_request 'is not JSON' '1s/{//'
check "something else" odd_request 'is something else' '1s/request/answer/'
check "of a later version" odd_request 'by a newer sealkey' \
    '1s/"version": 1/"version": 2/'
check "with a member too many" odd_request 'other members' \
    '1s/{/{"x": 1, /'
check "with a member twice" odd_request 'is not JSON' \
    '1s/{/{"version": 1, /'
check "with one missing" odd_request 'other members' \
    's/"alg": "ES256",//'
check "with base64 that is none" odd_request 'odd attestation key' \
    '3s/"public": "/"public": "!/'
check "with a public area that is cut" odd_request 'not a TPMT_PUBLIC' \
    '3s/"public": "....\(....\)[^"]*"/"public": "\1"/'
check "without a certificate" odd_request 'no endorsement key with a cert' \
    's/"certificate": "[^"]*"/"type": "P-256"/; s/"type": "RSA-2048",//'
check "an empty one" odd_request 'is not JSON' 'd'

expired_ones()
{
	cp "$T/good.json" "$T/request.json"
	challenge && tools_answer || return
	# as the CA wrote it down
	changed "$T"/ca/pending/*.json \
	    's/"expires": [0-9]*/"expires": 1000000000/' &&
	    no_certificate 'its challenge has expired'
}
find "$T/ca/pending" -type f -delete
check "an answer that is late: refused" expired_ones
check "and its challenge is gone" no_certificate 'to no challenge of this CA'

replayed()
{
	challenge && tools_answer && issue &&
	    no_certificate 'to one that was answered before'
}
check "an answer that was given before: refused" replayed

wrong_secret()
{
	challenge && tools_answer && flip "$T/tools/secret" 7 &&
	    changed "$T/answer.json" "s|\"secret\": .*|\"secret\": \"$(
	    b64 <"$T/tools/secret")\"}|" &&
	    no_certificate 'not the secret' && logged '"what":"answer"' &&
	    no_certificate 'to no challenge of this CA'
}
check "a wrong secret: refused, and there is no second try" wrong_secret

path_as_id()
{
	printf '{"type": "sealkey AK answer", "version": 1,
	    "id": "../../../../../../etc/passwd/0000", "secret": "AAAA"}' \
	    >"$T/answer.json"
	no_certificate 'members that cannot be'
}
check "an answer whose ID is a path: refused" path_as_id

no_log_no_certificate()
{
	challenge && tools_answer || return
	mv "$T/ca/audit.log" "$T/ca/audit.keep" && mkdir "$T/ca/audit.log"
	exits 1 ca issue "$T/ca" "$T/answer.json" && [ ! -s "$T/out" ]
	local r=$?
	rmdir "$T/ca/audit.log" && mv "$T/ca/audit.keep" "$T/ca/audit.log"
	return "$r"
}
check "what cannot be logged is not done" no_log_no_certificate

check "wrong use: no verb" exits 2 ca
check "wrong use: no roots" exits 2 ca challenge "$T/ca" -
check "wrong use: not its option" exits 2 ca init "$T/x" --days 3
no_number()
{
	exits 2 ca issue "$T/ca" --days 0 - &&
	    says '--days cannot be "0": it is a number from 1 to 7300'
}
check "wrong use: no time" no_number
no_maker()
{
	exits 2 ca issue "$T/ca" --manufacturer X - &&
	    says '--manufacturer cannot be "X": it is four characters' &&
	    exits 2 ca issue "$T/ca" --manufacturer none - &&
	    says '--manufacturer cannot be "none": it is four'
}
check "wrong use: no maker" no_maker
check "a CA without a name" exits 1 ca init "$T/unnamed" --name "$(
    printf 'a\nb')"

# --- sealkey's side ---------------------------------------------------------

# make_key NAME: a key in the TPM in use, in $T/NAME
make_key()
{
	SEALKEY_TPM=$TPM2TOOLS_TCTI exits 0 attestation roots \
	    --state "$T/$1" && cp "$T/out" "$T/$1.roots"
}

# request NAME [OPTION...]: to $T/request.json
request()
{
	local name=$1
	shift
	exits 0 tpm csr --state "$T/$name" "$@" &&
	    cp "$T/out" "$T/request.json"
}

# answer NAME: $T/challenge.json to $T/answer.json
answer()
{
	exits 0 tpm answer --state "$T/$1" "$T/challenge.json" &&
	    cp "$T/out" "$T/answer.json"
}

enroll()
{
	exits 0 tpm enroll --state "$T/$1" "$T/chain.pem"
}

# no_answer NAME WHY: to $T/challenge.json
no_answer()
{
	exits 1 tpm answer --state "$T/$1" "$T/challenge.json" &&
	    says "$2" && [ ! -s "$T/out" ]
}

# not_enrolled NAME WHY: with $T/chain.pem
not_enrolled()
{
	exits 1 tpm enroll --state "$T/$1" "$T/chain.pem" && says "$2"
}

# attests NAME CHAIN [SETTING]: tpm attestation shows the first certificate
# of that file, and none of the roots of a test
attests()
{
	local leaf
	options dXNlcg | sed '1s/{/{"attestation": "direct", /' |
	    "$SEALKEY" webauthn create --origin https://example.com \
	    --state "$T/$1" --attestation tpm ${3:+--set "$3"} \
	    >"$T/created.json" || return
	leaf=$(openssl x509 -in "$2" -outform DER | od -An -v -tx1 |
	    tr -d ' \n')
	sed 's/.*"attestationObject":"\([^"]*\)".*/\1===/' \
	    "$T/created.json" | tr -- '-_' '+/' | base64 -di 2>/dev/null |
	    od -An -v -tx1 | tr -d ' \n' | grep -q "$leaf"
}

check "a key in the first TPM" make_key inside
check "the other TPM is on" start_tpm b
check "a key there" make_key elsewhere
use_tpm a

walk_through()
{
	request inside && challenge && answer inside &&
	    issue --manufacturer 49424D00 && enroll inside
}
check "a key in a TPM is enrolled" walk_through
check "its certificate is good" chain_is_good id-ecPublicKey
check "the key shows it from then on" attests inside "$T/chain.pem"
check "a second time as well" attests inside "$T/chain.pem"
cp "$T/chain.pem" "$T/first.pem"
walk_through_rsa()
{
	request inside --alg RS256 && challenge && answer inside && issue &&
	    enroll inside && chain_is_good rsaEncryption
}
check "so is its RSA attestation key" walk_through_rsa
check "which shows its own" attests inside "$T/chain.pem" \
    tpmKeyAlgorithm=RS256
check "while the first stays" attests inside "$T/first.pem"
replaced()
{
	walk_through && ! cmp -s "$T/chain.pem" "$T/first.pem" &&
	    attests inside "$T/chain.pem" && ! attests inside "$T/first.pem"
}
check "a later one takes its place" replaced
status_says()
{
	exits 0 tpm status --state "$T/inside" && prints \
	    '^attestation enrolled: ES256 until 2.*Z, RS256 until 2.*Z$' &&
	    exits 0 tpm status --state "$T/elsewhere" &&
	    ! prints 'attestation enrolled'
}
check "status says which are enrolled, and for how long" status_says
survives_reset()
{
	exits 0 reset --state "$T/inside" --yes &&
	    attests inside "$T/chain.pem"
}
check "it survives a reset" survives_reset
reads_stdin()
{
	"$SEALKEY" tpm csr --state "$T/inside" |
	    "$SEALKEY" ca challenge "$T/ca" --ek-roots "$T/a/roots.pem" - |
	    "$SEALKEY" tpm answer --state "$T/inside" - |
	    "$SEALKEY" ca issue "$T/ca" - | tee "$T/last.pem" |
	    "$SEALKEY" tpm enroll --state "$T/inside" -
}
check "all of it in one pipe" reads_stdin
check "without a key the pipe ends" exits 1 tpm csr --state "$T/nowhere"
check "and makes none" [ ! -e "$T/nowhere" ]

tools_challenge()
{
	local id_len
	request inside && challenge || return
	printf secret >"$T/tools/secret"
	exits 0 tpm csr --state "$T/inside" || return
	# the first is the RSA-2048 one
	member "$T/request.json" public | tail -n +2 | head -n 1 |
	    base64 -d >"$T/tools/ek.area" || return
	{ size16 "$T/tools/ek.area"; cat "$T/tools/ek.area"; } \
	    >"$T/tools/ek.tpm2b"
	(cd "$T/tools" && tpm2_makecredential -T none -u ek.tpm2b -s secret \
	    -n "$(member "$T/challenge.json" name)" -o cred) || return
	id_len=$(od -An -tu1 -j 8 -N 2 "$T/tools/cred" |
	    awk '{ print $1 * 256 + $2 }')
	changed "$T/challenge.json" \
	    -e "s|\"credentialBlob\": .*|\"credentialBlob\": \"$(
	    tail -c +11 "$T/tools/cred" | head -c "$id_len" | b64)\",|" \
	    -e "s|\"encryptedSecret\": .*|\"encryptedSecret\": \"$(
	    tail -c +$((13 + id_len)) "$T/tools/cred" | b64)\",|" &&
	    answer inside &&
	    [ "$(member "$T/answer.json" secret)" = "$(printf secret | b64)" ]
}
check "it opens what tpm2_makecredential sealed" tools_challenge

# --- what a key refuses, or must not be able to do -----------------------------

other_tpm_answers()
{
	request inside && challenge || return
	no_answer elsewhere 'for another attestation key'
}
check "another TPM is not what was asked" other_tpm_answers
other_tpm_lies()
{
	local name
	request elsewhere && name=$(name_of "$T/request.json") &&
	    request inside && challenge &&
	    changed "$T/challenge.json" \
	    "s/\"name\": \"[^\"]*\"/\"name\": \"$name\"/" || return
	no_answer elsewhere 'not for this TPM and its attestation key'
}
# name_of REQUEST: what its attestation key is called
name_of()
{
	printf 000b
	sed -n 's/^ *"public": "\([^"]*\)".*/\1/p' "$1" | head -n 1 |
	    base64 -d | sha256sum | cut -d ' ' -f 1
}
check "and cannot open it if it says that it is" other_tpm_lies
stolen_certificate()
{
	# the attestation key is in one TPM, what vouches for it in another
	local ak
	request elsewhere || return
	ak=$(sed -n 's/^ *"public": "\([^"]*\)".*/\1/p' "$T/request.json" |
	    head -n 1)
	request inside && changed "$T/request.json" \
	    "0,/\"public\": \"[^\"]*\"/s||\"public\": \"$ak\"|" &&
	    challenge || return
	no_answer elsewhere 'not for this TPM' &&
	    no_answer inside 'for another attestation key'
}
check "another TPM's certificate does not help" stolen_certificate

altered_challenge()
{
	local what at bad=0
	request inside && challenge || return
	cp "$T/challenge.json" "$T/challenge.keep"
	for what in credentialBlob encryptedSecret; do
		for at in 2 20 40; do
			cp "$T/challenge.keep" "$T/challenge.json"
			member "$T/challenge.json" $what | base64 -d \
			    >"$T/blob"
			flip "$T/blob" "$at"
			changed "$T/challenge.json" \
			    "s|\"$what\": .*|\"$what\": \"$(
			    b64 <"$T/blob")\",|" &&
			    no_answer inside 'not for this TPM' ||
			    { echo "$what $at"; cat "$T/err"; bad=1; }
		done
	done
	cp "$T/challenge.keep" "$T/challenge.json"
	return "$bad"
}
check "an altered challenge: refused" altered_challenge
check "the one it was is not" answer inside
# odd_challenge WHY SED
odd_challenge()
{
	cp "$T/challenge.keep" "$T/challenge.json"
	changed "$T/challenge.json" "$2" && no_answer inside "$1"
}
check "a challenge that is none" odd_challenge 'is not JSON' '1s/{//'
check "something else" odd_challenge 'something else' \
    's/AK challenge/AK answer/'
check "with a member too many" odd_challenge 'other members' \
    's/"id"/"x": 1, "id"/'
check "of an unknown endorsement key" odd_challenge 'that cannot be' \
    's/RSA-2048/RSA-512/'
check "to no attestation key" odd_challenge 'no attestation key' \
    's/ES256/ES512/'
check "that is empty" exits 1 tpm answer --state "$T/inside" /dev/null

others_chain()
{
	cp "$T/first.pem" "$T/chain.pem"
	not_enrolled elsewhere 'for no attestation key'
}
request elsewhere >/dev/null
check "a chain for another key: refused" others_chain
half_a_chain()
{
	openssl x509 -in "$T/first.pem" >"$T/chain.pem" && attested=no
	cat "$T/a/maker/issuer.pem" >>"$T/chain.pem"
	not_enrolled inside 'has to be signed by the one behind it'
}
check "one that does not link: refused" half_a_chain
no_chain()
{
	printf 'hello\n' >"$T/chain.pem"
	not_enrolled inside 'or is not PEM'
}
check "one that is none: refused" no_chain
nothing_to_enroll()
{
	cp "$T/first.pem" "$T/chain.pem"
	make_key other-key || return
	rm -rf "$T/soft"
	SEALKEY_TPM=none exits 0 attestation roots --state "$T/soft" &&
	    exits 1 tpm csr --state "$T/soft" && says 'not live in a TPM' &&
	    not_enrolled soft 'not live in a TPM'
}
check "keys that are not in a TPM are not enrolled" nothing_to_enroll
running_key()
{
	start_key inside || return
	exits 1 tpm csr --state "$T/inside" && says 'in use'
	local r=$?
	stop_key && return "$r"
}
check "a running key is told to end first" running_key
check "still, it is enrolled" attests inside "$T/last.pem"

check "wrong use: no file" exits 2 tpm answer
check "wrong use: two files" exits 2 tpm enroll a b
check "wrong use: an algorithm" exits 2 tpm csr --alg RS1
options_first()
{
	exits 2 tpm --state "$T/inside" csr && says '"csr" goes before'
}
check "wrong use: options before the verb" options_first
full_disk()
{
	local status=0
	"$SEALKEY" tpm csr --state "$T/inside" 2>"$T/err" >/dev/full ||
	    status=$?
	[ "$status" = 1 ] && [ "$(wc -l <"$T/err")" = 1 ] &&
	    says 'cannot write the output: No space'
}
check "a request that cannot be written is no success" full_disk
check "help of tpm csr" exits 0 tpm csr --help
check "help of tpm answer" exits 0 tpm answer --help
check "help of tpm enroll" exits 0 tpm enroll --help

plan
