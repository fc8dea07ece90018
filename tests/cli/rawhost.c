/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that misbehaves, for the tests of the command line; stands alone.
 *
 *	rawhost crowd PATH N	N clients at once ask getInfo, all must hear
 *	rawhost half PATH	leaves in the middle of a message
 *	rawhost noise PATH N	N packets of noise, then getInfo must work
 *	rawhost slow PATH N	N clients of a stream socket say a byte a
 *				second; all must be closed, and within 1 s of
 *				each other: nobody waited for a place until
 *				the first of them, after 2 s, had to go.
 *				Prints "slow" when they are there, and last
 *				how many were closed, in how many ms
 *	rawhost unread PATH N	N clients of a stream socket ask for events and
 *				read no more than that it has begun; prints
 *				"unread", and, at the end of its input, how
 *				many lines the first then finds, and how
 *				many events it is told that it lost
 *	rawhost notify PATH	prints the datagram that comes to PATH
 *	rawhost cbor PATH HEX	sends a CTAP2 message, and prints the answer as
 *				hex
 *	rawhost beats PATH HEX	the same, counting keepalives; after each of
 *				them another channel asks for getInfo. Prints
 *				the status, how long it took, how many of them
 *				came, the median and the longest time between
 *				them, how often the other channel was told
 *				that the key is busy, and after how long at
 *				most; and the median and the longest of a
 *				clock's in this process, which should be 100;
 *				all in ms
 *	rawhost u2f PATH HEX	registers with U2F for the application HEX, and
 *				prints public key and key handle as hex
 *	rawhost u2f PATH HEX CHALLENGE	the same for that challenge, and a line
 *				of certificate and signature
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CROWD_MAX	256
#define SLOW_MAX_S	20

static struct sockaddr_un
address(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		exit(2);
	strcpy(sun.sun_path, path);
	return sun;
}

static int
plug_in(const char *path)
{
	const struct sockaddr_un sun = address(path);
	const struct timeval limit = { .tv_sec = 30 };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1) {
		perror(path);
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static void
send_first(int fd, uint32_t cid, uint8_t cmd, unsigned len,
    const uint8_t *data, size_t n)
{
	uint8_t r[64] = { cid >> 24, cid >> 16, cid >> 8, cid, cmd | 0x80,
	    len >> 8, len };

	memcpy(r + 7, data, n);
	if (send(fd, r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
		exit(1);
}

/* Until a packet with one of the commands is there; false: none comes. */
static int
await_either(int fd, uint8_t cmd, uint8_t other, uint8_t r[64])
{
	while (recv(fd, r, 64, 0) == 64) {
		if (r[4] == (cmd | 0x80) || r[4] == (other | 0x80))
			return 1;
	}
	return 0;
}

static int
await(int fd, uint8_t cmd, uint8_t r[64])
{
	return await_either(fd, cmd, cmd, r);
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* A nonce tells our reply from those to whatever was sent before. */
static uint32_t
new_channel(int fd)
{
	static const uint8_t nonce[8] = "sealkey!";
	uint8_t r[64];

	send_first(fd, 0xffffffff, 0x06, 8, nonce, 8);
	do {
		if (!await(fd, 0x06, r))
			exit(1);
	} while (memcmp(r + 7, nonce, 8) != 0);
	return be32(r + 15);
}

static void
ask_info(int fd, uint32_t cid)
{
	static const uint8_t get_info = 0x04;

	send_first(fd, cid, 0x10, 1, &get_info, 1);
}

static int
hears_info(int fd)
{
	uint8_t r[64];

	return await(fd, 0x10, r) && r[7] == 0;
}

static int
crowd(const char *path, int n)
{
	uint32_t cid[CROWD_MAX];
	int fd[CROWD_MAX];
	int heard = 0;
	int i;

	if (n > CROWD_MAX)
		return 2;
	for (i = 0; i < n; i++)
		fd[i] = plug_in(path);
	for (i = 0; i < n; i++)
		cid[i] = new_channel(fd[i]);
	for (i = 0; i < n; i++)
		ask_info(fd[i], cid[i]);
	for (i = 0; i < n; i++)
		heard += hears_info(fd[i]);
	printf("%d of %d\n", heard, n);
	return heard == n ? 0 : 1;
}

static int
half(const char *path)
{
	static const uint8_t data[57] = { 0x01 };
	int fd = plug_in(path);

	send_first(fd, new_channel(fd), 0x10, 5000, data, sizeof(data));
	return 0;
}

/* The same every time, and reading what is said meanwhile. */
static int
noise(const char *path, int n)
{
	int fd = plug_in(path);
	uint32_t cid = new_channel(fd);
	uint32_t x = 2463534242u;
	uint8_t r[64];
	int i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < 64; j++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			r[j] = x;
		}
		if (i % 2 == 0)		/* on a channel that exists */
			memcpy(r, (uint8_t[]){ cid >> 24, cid >> 16, cid >> 8,
			    cid }, 4);
		if (send(fd, r, 64, MSG_NOSIGNAL) != 64)
			return 1;
		while (recv(fd, r, 64, MSG_DONTWAIT) == 64)
			continue;
	}
	cid = new_channel(fd);
	/* until a half message of another channel has ended */
	for (i = 0; i < 300; i++) {
		ask_info(fd, cid);
		if (!await_either(fd, 0x10, 0x3f, r))
			return 1;
		if (r[4] == (0x10 | 0x80))
			return r[7] == 0 ? 0 : 1;
		usleep(100000);
	}
	return 1;
}

static uint64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Those that are closed leave the array; false: that took too long. */
static int
await_closing(struct pollfd *pfd, int *n, uint64_t until_ms)
{
	int64_t left_ms;
	int i, left = 0;

	while ((left_ms = until_ms - clock_ms()) > 0) {
		if (poll(pfd, *n, left_ms) <= 0)
			continue;
		for (i = 0; i < *n; i++) {
			if (pfd[i].revents == 0)
				pfd[left++] = pfd[i];
		}
		*n = left;
		return 1;
	}
	return 0;
}

static int
slow(const char *path, int n)
{
	const struct sockaddr_un sun = address(path);
	struct pollfd pfd[CROWD_MAX];
	uint64_t start_ms, first_ms = 0, last_ms = 0;
	int i, s, left = n;

	for (i = 0; i < n && i < CROWD_MAX; i++) {
		pfd[i].fd = socket(AF_UNIX, SOCK_STREAM, 0);
		pfd[i].events = POLLRDHUP;
		if (connect(pfd[i].fd, (const struct sockaddr *)&sun,
		    sizeof(sun)) == -1)
			return 1;
	}
	puts("slow");
	fflush(stdout);
	start_ms = clock_ms();
	for (s = 0; s < SLOW_MAX_S && left > 0; s++) {
		for (i = 0; i < left; i++)
			(void)send(pfd[i].fd, "G", 1, MSG_NOSIGNAL);
		while (left > 0 && await_closing(pfd, &left,
		    start_ms + 1000 * (s + 1))) {
			last_ms = clock_ms();
			first_ms = first_ms == 0 ? last_ms : first_ms;
		}
	}
	printf("%d of %d, from %d to %d ms\n", n - left, n,
	    (int)(first_ms - start_ms), (int)(last_ms - start_ms));
	return left == 0 && last_ms - first_ms < 1000 ? 0 : 1;
}

static int
notify(const char *path)
{
	const struct sockaddr_un sun = address(path);
	const struct timeval limit = { .tv_sec = 30 };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[256];
	ssize_t n;

	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1)
		return 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	n = recv(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 1;
	printf("%.*s\n", (int)n, text);
	return 0;
}

/* Cuts the message into packets. */
static void
send_message(int fd, uint32_t cid, uint8_t cmd, const uint8_t *msg, size_t len)
{
	uint8_t r[64] = { cid >> 24, cid >> 16, cid >> 8, cid };
	size_t at = 57;
	uint8_t seq;

	send_first(fd, cid, cmd, len, msg, len < 57 ? len : 57);
	for (seq = 0; at < len; at += 59) {
		r[4] = seq++;
		memset(r + 5, 0, 59);
		memcpy(r + 5, msg + at, len - at < 59 ? len - at : 59);
		if (send(fd, r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
			exit(1);
	}
}

/* Answers come as one run of bytes. */
static size_t
exchange(int fd, uint32_t cid, uint8_t cmd, const uint8_t *msg, size_t len,
    uint8_t *out, size_t cap)
{
	size_t want, got = 0;
	uint8_t r[64];

	send_message(fd, cid, cmd, msg, len);
	if (!await(fd, cmd, r))
		exit(1);
	want = (size_t)r[5] << 8 | r[6];
	if (want + 64 > cap)
		exit(1);
	memcpy(out, r + 7, 57);
	for (got = 57; got < want; got += 59) {
		if (recv(fd, r, 64, 0) != 64)
			exit(1);
		memcpy(out + got, r + 5, 59);
	}
	return want;
}

static void
print_hex(const uint8_t *p, size_t len)
{
	while (len-- > 0)
		printf("%02x", *p++);
	putchar('\n');
}

static size_t
read_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t len;

	for (len = 0; len < cap && hex[2 * len] != '\0'; len++)
		if (sscanf(hex + 2 * len, "%2hhx", &out[len]) != 1)
			exit(2);
	return len;
}

static int
cbor(const char *path, const char *hex)
{
	uint8_t msg[1024], out[2048];
	int fd = plug_in(path);
	size_t len = read_hex(hex, msg, sizeof(msg));

	len = exchange(fd, new_channel(fd), 0x10, msg, len, out, sizeof(out));
	print_hex(out, len);
	return 0;
}

#define BEATS_MAX	1000	/* 100 s of them */

struct beats {
	uint64_t	 gaps_ms[BEATS_MAX];
	unsigned	 count;
	uint64_t	 last_ms;	/* when the last one came */
	uint64_t	 asked_ms;	/* when the other channel did; 0: it was
					 * told */
	unsigned	 busy;
	uint64_t	 busy_ms;
};

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
take_beat(struct beats *b, int fd, uint32_t other)
{
	uint64_t now_ms = clock_ms();

	if (b->count == BEATS_MAX)
		exit(1);
	b->gaps_ms[b->count++] = now_ms - b->last_ms;
	b->last_ms = now_ms;
	if (b->asked_ms != 0)
		return;
	b->asked_ms = now_ms;
	ask_info(fd, other);
}

/* ERR_CHANNEL_BUSY, or it is no answer that the other channel should get. */
static void
take_refusal(struct beats *b, const uint8_t r[64])
{
	uint64_t ms = clock_ms() - b->asked_ms;

	if (r[4] != (0x3f | 0x80) || r[7] != 0x06)
		exit(1);
	b->asked_ms = 0;
	b->busy++;
	if (ms > b->busy_ms)
		b->busy_ms = ms;
}

/* What this machine makes of 100 ms, while the key does what it does. */
struct metronome {
	uint64_t	 gaps_ms[BEATS_MAX];
	unsigned	 count;
	atomic_bool	 stop;
	pthread_t	 thread;
};

static void *
tick(void *arg)
{
	const struct timespec gap = { .tv_nsec = 100000000 };
	struct metronome *m = arg;
	uint64_t last_ms = clock_ms(), now_ms;

	do {
		nanosleep(&gap, NULL);
		now_ms = clock_ms();
		m->gaps_ms[m->count++] = now_ms - last_ms;
		last_ms = now_ms;
	} while (!m->stop && m->count < BEATS_MAX);
	return NULL;
}

static int
beats(const char *path, const char *hex)
{
	static struct metronome own;
	struct beats b = { .count = 0 };
	uint8_t msg[1024], r[64];
	size_t len = read_hex(hex, msg, sizeof(msg));
	int fd = plug_in(path);
	uint32_t cid = new_channel(fd), other = new_channel(fd);
	uint64_t start_ms = clock_ms();

	b.last_ms = start_ms;
	if (pthread_create(&own.thread, NULL, tick, &own) != 0)
		return 1;
	send_message(fd, cid, 0x10, msg, len);
	for (;;) {
		if (recv(fd, r, sizeof(r), 0) != sizeof(r))
			return 1;
		if (be32(r) == other)
			take_refusal(&b, r);
		else if (r[4] == (0x3b | 0x80))
			take_beat(&b, fd, other);
		else if (r[4] == (0x10 | 0x80))
			break;
		else
			return 1;
	}
	printf("%02x %u %u ", r[7], (unsigned)(clock_ms() - start_ms),
	    b.count);
	own.stop = true;
	pthread_join(own.thread, NULL);
	/* the first one comes at once */
	if (b.count < 2)
		return 1;
	qsort(b.gaps_ms + 1, b.count - 1, sizeof(b.gaps_ms[0]), compare);
	qsort(own.gaps_ms, own.count, sizeof(own.gaps_ms[0]), compare);
	printf("%u %u %u %u ", (unsigned)b.gaps_ms[b.count / 2],
	    (unsigned)b.gaps_ms[b.count - 1], b.busy, (unsigned)b.busy_ms);
	printf("%u %u\n", (unsigned)own.gaps_ms[own.count / 2],
	    (unsigned)own.gaps_ms[own.count - 1]);
	return 0;
}

static int
read_hash(const char *hex, uint8_t out[static 32])
{
	size_t i;

	for (i = 0; i < 32; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &out[i]) != 1)
			return 0;
	return hex[64] == '\0';
}

/* FIDO U2F Raw Message Formats, 4: 05, key, handle with its length, ... */
static int
u2f(const char *path, const char *application, const char *challenge)
{
	uint8_t msg[7 + 64 + 2] = { 0, 1, 3, 0, 0, 0, 64 }, out[2048];
	int fd = plug_in(path);
	uint32_t cid = new_channel(fd);
	size_t len;

	if (!read_hash(application, msg + 39) ||
	    (challenge != NULL && !read_hash(challenge, msg + 7)))
		return 2;
	len = exchange(fd, cid, 0x03, msg, sizeof(msg), out, sizeof(out));
	/* 90 00 behind it */
	if (len < 69 || out[0] != 5 || len < 69u + out[66])
		return 1;
	print_hex(out + 1, 65);
	print_hex(out + 67, out[66]);
	if (challenge != NULL)
		print_hex(out + 67 + out[66], len - 69 - out[66]);
	return 0;
}

/* Reads on until nothing comes for 2 s. */
static void
count_lines(int fd, unsigned *lines, unsigned *lost)
{
	static const char word[] = "{\"event\":\"lost\",\"count\":";
	static char text[1 << 20];
	size_t len = 0;
	ssize_t n;
	char *at, *end;

	while (len < sizeof(text) - 1 &&
	    (n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
		len += n;
	text[len] = '\0';
	for (at = text; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		++*lines;
		if (strncmp(at, word, sizeof(word) - 1) == 0)
			*lost += atoi(at + sizeof(word) - 1);
	}
}

static int
unread(const char *path, int n)
{
	static const char request[] = "GET /v1/events HTTP/1.0\r\n\r\n";
	const struct sockaddr_un sun = address(path);
	const struct timeval limit = { .tv_sec = 2 };
	unsigned lines = 0, lost = 0;
	int fd[CROWD_MAX];
	char c;
	int i;

	for (i = 0; i < n && i < CROWD_MAX; i++) {
		fd[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		setsockopt(fd[i], SOL_SOCKET, SO_RCVTIMEO, &limit,
		    sizeof(limit));
		if (connect(fd[i], (const struct sockaddr *)&sun,
		    sizeof(sun)) == -1 || send(fd[i], request,
		    sizeof(request) - 1, 0) == -1 ||
		    recv(fd[i], &c, 1, 0) != 1)
			return 1;
	}
	puts("unread");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	count_lines(fd[0], &lines, &lost);
	printf("%u %u\n", lines, lost);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "crowd") == 0)
		return crowd(argv[2], atoi(argv[3]));
	if (argc == 3 && strcmp(argv[1], "half") == 0)
		return half(argv[2]);
	if (argc == 4 && strcmp(argv[1], "noise") == 0)
		return noise(argv[2], atoi(argv[3]));
	if (argc == 4 && strcmp(argv[1], "slow") == 0)
		return slow(argv[2], atoi(argv[3]));
	if (argc == 4 && strcmp(argv[1], "unread") == 0)
		return unread(argv[2], atoi(argv[3]));
	if (argc == 3 && strcmp(argv[1], "notify") == 0)
		return notify(argv[2]);
	if (argc == 4 && strcmp(argv[1], "cbor") == 0)
		return cbor(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "beats") == 0)
		return beats(argv[2], argv[3]);
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "u2f") == 0)
		return u2f(argv[2], argv[3], argc == 5 ? argv[4] : NULL);
	return 2;
}
