#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two keys per user: the site asks for a second one, and takes either of them.
. "$(dirname "$0")/lib.sh"
site '{ "keys": { "min": 2, "max": 2 } }'

accepts register alice daily
says '"keysWanted":1'
refuses not-signed-in register alice spare	# anybody could say that
accepts signin alice daily
refuses InvalidStateError register alice daily	# that one is there already
accepts register alice spare
says '"keysWanted":0'
accepts signin alice spare
accepts signin alice daily
refuses too-many-keys register alice third
