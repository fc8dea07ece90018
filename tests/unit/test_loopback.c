/* SPDX-License-Identifier: Apache-2.0 */
/* Where servers of ours may listen, and whom they answer. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "authenticator/loopback.h"

static void
test_takes_addresses_of_this_machine(void **state)
{
	static const char *const texts[][2] = {
		{ "127.0.0.1:8080", "127.0.0.1:8080" },
		{ "127.1.2.3:1", "127.1.2.3:1" },
		{ "localhost:65535", "127.0.0.1:65535" },
		{ "[::1]:443", "[::1]:443" },
		{ "4444", "127.0.0.1:4444" },
	};
	char text[LOOPBACK_TEXT_LEN];
	struct sockaddr_storage addr;
	socklen_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(loopback_parse(texts[i][0], &addr, &len));
		loopback_text(&addr, text);
		assert_string_equal(text, texts[i][1]);
	}
}

static void
test_takes_no_others(void **state)
{
	static const char *const texts[] = {
		"", ":", ":80", "0.0.0.0:80", "[::]:80", "192.168.0.1:80",
		"128.0.0.1:80", "example.com:80", "127.0.0.1:", "127.0.0.1:x",
		"127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 80", "[::1]",
		"::1:80", "127.0.0.1:80x", "localhost.example:80", "127.1:80",
	};
	struct sockaddr_storage addr;
	socklen_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (loopback_parse(texts[i], &addr, &len))
			fail_msg("takes \"%s\"", texts[i]);
}

static void
test_listens_and_tells_the_port(void **state)
{
	struct sockaddr_storage addr;
	socklen_t len;
	int fd, other;

	(void)state;
	assert_true(loopback_parse("0", &addr, &len));
	fd = loopback_listen(&addr, len);
	assert_true(fd >= 0);
	assert_int_not_equal(((struct sockaddr_in *)&addr)->sin_port, 0);
	other = loopback_listen(&addr, len);	/* somebody has it */
	assert_true(other < 0);
	close(fd);
}

static void
test_knows_its_own_names(void **state)
{
	static const char *const ours[] = { "localhost", "localhost:1",
	    "LOCALHOST:80", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:5" };
	static const char *const others[] = { "", "example.com",
	    "localhost.example.com", "127.0.0.1.example.com", "[::2]",
	    "[::1]x", "10.0.0.1:80", "127.0.0.1x" };

	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_true(loopback_is_host(ours[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(loopback_is_host(others[i]));
	assert_false(loopback_is_host(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_addresses_of_this_machine),
		cmocka_unit_test(test_takes_no_others),
		cmocka_unit_test(test_listens_and_tells_the_port),
		cmocka_unit_test(test_knows_its_own_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
