#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Username-less sign-in with several accounts: nobody is asked for a name, the
# key says who it is. With more than one, it takes the newest.
. "$(dirname "$0")/lib.sh"
site '{}'

refuses NotAllowedError signin "" mine		# it knows nobody yet
accepts register alice mine
accepts signin "" mine
says '"user":"alice"'
accepts register bob mine
accepts signin "" mine
says '"user":"bob"'
accepts signin alice mine			# who gives a name is that one
says '"user":"alice"'
# the name is what the key says, so it has to be right
refuses unknown-credential signin "" mine --fault auth.userhandle-other
refuses unknown-credential signin "" mine --fault auth.userhandle-unknown
