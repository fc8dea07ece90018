#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The examples that drive a browser, as somebody runs them who has copied them.
# The workflow for GitHub's runners is what runs Playwright: line by line, with
# sudo, npm and npx played, as there is no network here.
#
# Machine: clients
# Time limit: 900 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/systemd.sh"

export BUILD=$VM_BUILD
# Debian's Chromium instead of the one that Playwright downloads
export LAUNCH='{"executablePath": "/usr/bin/chromium",
    "args": ["--no-sandbox", "--use-angle=swiftshader"]}'

# program NAME: a script in the PATH
program()
{
	cat >"$work/bin/$1"
	chmod 755 "$work/bin/$1"
}

# What a user has: node in the PATH, and what npm fetches
copy_examples()
{
	local node
	node=$(node "$VM_REPO/tests/rp/runtime.mjs") ||
	    give_up "there is no Node.js 20"
	mkdir "$work/bin"
	ln -s "$node" "$work/bin/node"
	export PATH=$work/bin:$PATH HOME=$work
	cp -r "$VM_REPO/examples" "$work/examples"
	cd "$work/examples" || exit 1
	rm -rf ./*/node_modules
	ln -s "$VM_REPO" sealkey
}

# The default dependencies are a whole system's start.
play_runner()
{
	program sudo <<-'END'
	#!/bin/sh
	exec "$@"
	END
	program systemd-run <<-END
	#!/bin/sh
	exec nsenter -t $systemd_pid -p -m -C -- \
	    /usr/bin/systemd-run -p DefaultDependencies=no "\$@"
	END
	program npm <<-END
	#!/bin/sh
	case \$* in
	"--prefix rp install") exec ln -s "$VM_REPO/tests/rp/node_modules" rp ;;
	"--prefix playwright ci") exec ln -s \
	    "$VM_REPO/examples/playwright/node_modules" playwright ;;
	esac
	exit 1
	END
	program npx <<-'END'
	#!/bin/sh
	[ "$*" != "playwright install --with-deps chromium" ] || exit 0
	[ "$*" = "playwright test" ] || exit 1
	exec node node_modules/@playwright/test/cli.js test --reporter=list
	END
}

# The key is the workflow's: it ends with systemd.
run_workflow()
{
	local line count=0
	while IFS= read -r line; do
		count=$((count + 1))
		check "ci/github.yml: $line" bash -e -c "$line"
		cat "$work/said" >>"$logs/workflow"
	done < <(sed -n 's/^ *- run: //p' ci/github.yml)
	same "that was all of it" "$count" 6
	check "playwright/signin.spec.mjs, with playwright.config.mjs" \
	    grep '1 passed' "$logs/workflow"
}

start_udev
modprobe uhid
start_systemd
copy_examples
play_runner
run_workflow
finish
