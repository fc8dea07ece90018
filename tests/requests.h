/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plainest requests, as bytes for tables in tests, written down from the
 * standard and by no encoder of ours. The RP ID is "a".
 */
#ifndef TESTS_REQUESTS_H
#define TESTS_REQUESTS_H

/* clientDataHash */
#define HASH \
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, \
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

/* Members of makeCredential: pubKeyCredParams, of ES256; rk and uv. */
#define MAKE_ES256 \
	0x04, 0x81, 0xa2, \
	    0x63, 'a', 'l', 'g', 0x26, \
	    0x64, 't', 'y', 'p', 'e', 0x6a, 'p', 'u', 'b', 'l', 'i', 'c', \
	    '-', 'k', 'e', 'y'
#define MAKE_RK_UV \
	0x07, 0xa2, 0x62, 'r', 'k', 0xf5, 0x62, 'u', 'v', 0xf5

/* The members before those, of count; the user's ID is one byte. */
#define MAKE_FOR(count, user) \
	0x01, 0xa0 + (count), \
	0x01, 0x58, 0x20, HASH, \
	0x02, 0xa1, 0x62, 'i', 'd', 0x61, 'a', \
	0x03, 0xa1, 0x62, 'i', 'd', 0x41, (user)

/* A discoverable credential. */
#define MAKE(user)	MAKE_FOR(5, user), MAKE_ES256, MAKE_RK_UV

/* getAssertion, with any credential; GET_WITH: and more members */
#define GET_WITH(more) \
	0x02, 0xa2 + (more), \
	0x01, 0x61, 'a', \
	0x02, 0x58, 0x20, HASH
#define GET		GET_WITH(0)

#endif
