# SPDX-License-Identifier: Apache-2.0
# What the stories share. Each is a scene at the site of ../rp, and fails if the
# site, the browser or the key does not say what the story tells:
#	accepts register|signin USER KEY [OPTION]...	USER may be "": whoever
#	refuses REASON register|signin ...		the key says it is
#	says TEXT		that is in the last reply, $reply
# The options are of "sealkey webauthn". site.sh has what else there is.
set -eu
. "$(dirname "$0")/site.sh"
fail() {
	echo "FAILED: $*: $reply" >&2
	exit 1
}
accepts() {
	ceremony "$@"
	case $reply in
	*'"verified":true'*) echo "accepted: $*" ;;
	*) fail "$@" ;;
	esac
}
refuses() {
	why=$1
	shift
	ceremony "$@"
	case $reply in
	*"\"reason\":\"$why\""* | "sealkey: webauthn: $why:"*) echo "refused: $*: $reply" ;;
	*) fail "not refused, $why: $*" ;;
	esac
}
says() {
	case $reply in
	*"$1"*) echo "it says $1" ;;
	*) fail "it does not say $1" ;;
	esac
}
