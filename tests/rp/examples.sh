#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# examples.sh: the examples that need no browser, as somebody runs them who has
# copied them (TAP).
#
# sealkey and node are in the PATH, the site's packages where npm would put
# them. Then each of them once more, at a site that takes whatever it should
# refuse: an example that does not fail there shows nothing.
#
# SEALKEY names the program; build/sealkey.

. "$(dirname "$0")/lib"

# copy_to DIR
copy_to()
{
	cp -r examples "$1" && ln -s "$here/node_modules" "$1/rp/node_modules"
}

# fails FILE COMMAND...: and says so, instead of breaking down
fails()
{
	_says=$1
	shift
	"$@" && return 1
	grep -q -e "$_says" "$work/error"
}

# quietly COMMAND...: what it says is kept
quietly()
{
	"$@" >"$work/output" 2>"$work/error"
}

test_stories()
{
	for file in "$work"/examples/stories/*.sh; do
		name=$(basename "$file" .sh)
		# what the others have in common
		[ -x "$file" ] || continue
		check "story: $name" quietly "$file"
		check "$name fails where nothing is refused" fails FAILED: \
		    quietly "$work/lax/stories/$name.sh"
	done
}

mkdir "$work/bin"
ln -s "$(realpath "$SEALKEY")" "$work/bin/sealkey"
ln -s "$node" "$work/bin/node"
PATH=$work/bin:$PATH
copy_to "$work/examples" && copy_to "$work/lax" || bail "cannot copy"
cd "$work" || exit 1
sed -i -e 's/status = 403/status = 200/' \
    -e 's/said = refusal(err)/said = { verified: true }/' lax/rp/server.mjs
[ "$(cat lax/rp/server.mjs | cksum)" != \
    "$(cat examples/rp/server.mjs | cksum)" ] || bail "the site is not lax"

test_stories

plan
