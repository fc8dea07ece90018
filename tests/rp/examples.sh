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

# fails COMMAND...: and says so, instead of breaking down
fails()
{
	quietly "$@" && return 1
	grep -q FAIL "$work/error"
}

# quietly COMMAND...: what it says is kept
quietly()
{
	"$@" >"$work/error" 2>&1
}

# shows NAME COMMAND...: in the folder of examples, and at the site that is lax
shows()
{
	_what=$1
	shift
	cd "$work/examples" && check "$_what" quietly "$@"
	cd "$work/lax" && check "$_what: fails where nothing is refused" \
	    fails "$@"
}

test_stories()
{
	for file in "$work"/examples/stories/*.sh; do
		name=$(basename "$file" .sh)
		# what the others have in common cannot be run
		[ ! -x "$file" ] || shows "story: $name" "stories/$name.sh"
	done
}

go_test()
{
	(cd go && go test -count=1 ./...)
}

# Without a single request, it ends well, too.
locust_test()
{
	rm -f "$work"/locust_*.csv
	locust -f load/locustfile.py --headless --users 5 --spawn-rate 5 \
	    --run-time 10s --only-summary --csv "$work/locust" || return 1
	awk -F, '$2 == "Aggregated" && $3 > 0 { some = 1 }
	    END { exit !some }' "$work/locust_stats.csv" && return 0
	echo "no request was made"
	return 1
}

# The compiler's cache is kept: the standard library takes it a while.
test_languages()
{
	export GOCACHE="$GOCACHE" GOFLAGS=-mod=mod GOTOOLCHAIN=local
	export PYTHONDONTWRITEBYTECODE=1
	shows "shell/signin.sh" shell/signin.sh
	shows "python/test_touch.py" \
	    /usr/bin/python3 -m unittest discover python
	shows "load/load.py, load/fleet.py" load/load.py
	shows "load/locustfile.py" locust_test
	shows "go/key_test.go, go/site_test.go (go.mod)" go_test
}

GOCACHE=$(realpath -m "${BUILD:-build}")/go
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
test_languages
plan
