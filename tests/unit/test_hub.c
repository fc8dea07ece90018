/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several keys in one daemon: what becomes of them, and of what they leave;
 * and who may control it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/control/control.h"
#include "authenticator/hub.h"
#include "authenticator/note.h"
#include "authenticator/profile/profile.h"
#include "uhid/unix.h"

struct daemon {
	struct reactor	reactor;
	struct hub	*hub;
	char		dir[64];
	unsigned	added, removed, plugged, unplugged;
};

static char msg[DEVICE_MESSAGE_LEN + PATH_MAX];

static void
on_added(void *arg, struct hub_key *k)
{
	(void)k;
	((struct daemon *)arg)->added++;
}

static void
on_removed(void *arg, struct hub_key *k)
{
	(void)k;
	((struct daemon *)arg)->removed++;
}

static void
on_plugged(void *arg, const struct hub_key *k, bool plugged)
{
	struct daemon *d = arg;

	(void)k;
	if (plugged)
		d->plugged++;
	else
		d->unplugged++;
}

static int
setup(void **state)
{
	struct daemon *d = calloc(1, sizeof(*d));
	struct hub_events events = { .added = on_added,
	    .removed = on_removed, .plugged = on_plugged, .arg = d };

	strcpy(d->dir, "/tmp/sealkey-hub-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	setenv("RUNTIME_DIRECTORY", d->dir, 1);
	assert_int_equal(reactor_init(&d->reactor), 0);
	assert_int_equal(hub_new(&d->reactor, &d->hub), 0);
	hub_watch(d->hub, &events);
	*state = d;
	return 0;
}

/* Whatever was in it is gone by now, or the directory stays. */
static int
teardown(void **state)
{
	struct daemon *d = *state;

	hub_free(d->hub);
	reactor_done(&d->reactor);
	assert_int_equal(d->added, d->removed);
	assert_int_equal(d->plugged, d->unplugged);
	assert_int_equal(rmdir(d->dir), 0);
	free(d);
	return 0;
}

static struct hub_options
ephemeral(const char *id)
{
	struct hub_options o = { .id = id, .name = "test",
	    .transport = HUB_SOCKET, .tpm.target = "none" };
	struct device_config cfg;

	device_config_default(&cfg);
	o.auth = cfg.auth;
	return o;
}

static struct hub_key *
add(struct daemon *d, const char *id)
{
	struct hub_options o = ephemeral(id);
	struct hub_key *k = NULL;
	int r = hub_add(d->hub, &o, 0, &k, msg, sizeof(msg));

	if (r != 0)
		print_message("%s\n", msg);
	assert_int_equal(r, 0);
	return k;
}

static int
refusal(struct daemon *d, struct hub_options o)
{
	struct hub_key *k = NULL;
	size_t count = hub_count(d->hub);
	int r = hub_add(d->hub, &o, 0, &k, msg, sizeof(msg));

	assert_true(r < 0);
	assert_null(k);
	assert_int_equal(hub_count(d->hub), count);
	assert_int_equal(strchr(msg, '\n') == NULL, true);
	return r;
}

/* What became of those that were added aside. */
struct births {
	unsigned	 added, refused;
	struct hub_key	*last;
	int		 error;
};

static void
on_added_aside(void *arg, struct hub_key *k, int error, const char *line)
{
	struct births *b = arg;

	assert_int_equal(k == NULL, error < 0);
	assert_int_equal(k == NULL, line != NULL && line[0] != '\0');
	b->added += k != NULL;
	b->refused += k == NULL;
	b->last = k;
	b->error = error;
}

static int
add_aside(struct daemon *d, struct hub_options o, struct births *b)
{
	const struct hub_added added = { on_added_aside, b };

	return hub_add_aside(d->hub, &o, &added, msg, sizeof(msg));
}

static bool
answers(const struct hub_key *k)
{
	int fd = unix_connect(k->path, SOCK_SEQPACKET);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void
keys_come_and_go(void **state)
{
	struct daemon *d = *state;
	struct hub_key *one = add(d, NULL), *two = add(d, "two");
	char path[PATH_MAX];

	assert_string_equal(one->id, "key1");
	assert_ptr_equal(hub_first(d->hub), one);
	assert_ptr_equal(hub_next(one), two);
	assert_ptr_equal(hub_find(d->hub, "two"), two);
	assert_null(hub_find(d->hub, "three"));
	assert_true(answers(one) && answers(two));
	strcpy(path, device_path(one->device));
	hub_remove(one);
	assert_int_equal(access(path, F_OK), -1);
	assert_ptr_equal(hub_first(d->hub), two);
	assert_int_equal(hub_count(d->hub), 1);
	assert_true(answers(two));
	/* an ID of ours is not used again while others may remember it */
	assert_string_equal(add(d, NULL)->id, "key2");
}

/* From the first moment its ID is its own, and nothing else is there. */
static void
a_key_that_is_added_aside_is_whole_or_nowhere(void **state)
{
	struct daemon *d = *state;
	struct births b = { .added = 0 };

	assert_int_equal(add_aside(d, ephemeral("one"), &b), 0);
	assert_int_equal(add_aside(d, ephemeral(NULL), &b), 0);
	assert_int_equal(hub_count(d->hub), 0);
	assert_null(hub_find(d->hub, "one"));
	assert_null(hub_first(d->hub));
	assert_int_equal(b.added + d->added + d->plugged, 0);
	assert_int_equal(refusal(d, ephemeral("one")), -EEXIST);
	assert_int_equal(refusal(d, ephemeral("key1")), -EEXIST);
	assert_int_equal(add_aside(d, ephemeral("key1"), &b), -EEXIST);
	assert_string_equal(add(d, NULL)->id, "key2");
	hub_settle(d->hub);
	assert_int_equal(b.added, 2);
	assert_int_equal(d->plugged, 3);
	assert_string_equal(b.last->id, "key1");
	assert_true(answers(b.last) && answers(hub_find(d->hub, "one")));
}

static void
what_cannot_be_is_refused_aside(void **state)
{
	struct daemon *d = *state;
	struct births b = { .added = 0 };
	struct hub_options o = ephemeral("a/b");

	assert_int_equal(add_aside(d, o, &b), -EINVAL);
	hub_settle(d->hub);
	assert_int_equal(b.refused, 0);		/* it was at once */
	o = ephemeral("same");
	o.path = "/nonexistent/sock";
	assert_int_equal(add_aside(d, o, &b), 0);
	hub_settle(d->hub);
	assert_int_equal(b.refused, 1);
	assert_int_equal(b.error, -ENOENT);
	assert_int_equal(hub_count(d->hub), 0);
	add(d, "same");
}

static void
an_owner_who_leaves_gets_none(void **state)
{
	struct daemon *d = *state;
	struct births mine = { .added = 0 }, others = { .added = 0 };
	struct hub_options o = ephemeral("mine");

	o.owner = "me";
	assert_int_equal(add_aside(d, o, &mine), 0);
	o = ephemeral("other");
	o.owner = "you";
	assert_int_equal(add_aside(d, o, &others), 0);
	hub_call_off(d->hub, "me");
	hub_settle(d->hub);
	assert_int_equal(mine.added, 0);
	assert_int_equal(mine.error, -ECANCELED);
	assert_int_equal(others.added, 1);
	assert_int_equal(d->added, 1);
	add(d, "mine");
}

/* Those that are there, and those that are to be. */
static void
there_are_so_many_and_no_more(void **state)
{
	struct daemon *d = *state;
	struct births b = { .added = 0 };

	add(d, NULL);
	for (int i = 1; i < HUB_KEYS_MAX; i++)
		assert_int_equal(add_aside(d, ephemeral(NULL), &b), 0);
	assert_int_equal(add_aside(d, ephemeral(NULL), &b), -ENOSPC);
	assert_int_equal(refusal(d, ephemeral(NULL)), -ENOSPC);
	hub_free(d->hub);
	d->hub = NULL;
	assert_int_equal(b.added, 0);
	assert_int_equal(b.refused, HUB_KEYS_MAX - 1);
	assert_int_equal(b.error, -ECANCELED);
	assert_int_equal(d->added, 1);
}

static void
count_one(void *arg)
{
	++*(unsigned *)arg;
}

static void
a_key_that_is_removed_aside_is_gone_at_once(void **state)
{
	struct daemon *d = *state;
	struct hub_options o = ephemeral("one");
	struct births b = { .added = 0 };
	char dir[80], path[PATH_MAX];
	unsigned closed = 0;
	struct hub_key *k;

	snprintf(dir, sizeof(dir), "%s/state", d->dir);
	o.state = dir;
	assert_int_equal(hub_add(d->hub, &o, 0, &k, msg, sizeof(msg)), 0);
	snprintf(path, sizeof(path), "%s", k->path);
	hub_remove_aside(k, count_one, &closed);
	assert_int_equal(hub_count(d->hub), 0);
	assert_int_equal(d->removed, 1);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(closed, 0);
	/* it is another one that opens the same, after that */
	assert_int_equal(add_aside(d, o, &b), 0);
	hub_settle(d->hub);
	assert_int_equal(closed, 1);
	assert_int_equal(b.added, 1);
	assert_true(answers(b.last));
	hub_remove_aside(b.last, NULL, NULL);
	hub_settle(d->hub);
	snprintf(path, sizeof(path), "rm -r %s", dir);
	assert_int_equal(system(path), 0);
}

static void
our_ids_avoid_others(void **state)
{
	struct daemon *d = *state;

	add(d, "key1");
	assert_string_equal(add(d, NULL)->id, "key2");
}

static void
what_cannot_be_is_refused(void **state)
{
	static const char *const ids[] = { "", ".", "..", "a/b", "a b", "a%2f",
	    "\xc3\xa4", "1234567890123456789012345678901234567890123456789" };
	struct daemon *d = *state;
	struct hub_options o;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_int_equal(refusal(d, ephemeral(ids[i])), -EINVAL);
	add(d, "same");
	assert_int_equal(refusal(d, ephemeral("same")), -EEXIST);
	o = ephemeral(NULL);
	o.name = "";
	assert_int_equal(refusal(d, o), -EINVAL);
	o = ephemeral(NULL);
	o.path = "/nonexistent/sock";
	assert_int_equal(refusal(d, o), -ENOENT);
	/* one state directory is one key */
	o = ephemeral(NULL);
	o.state = device_path(hub_first(d->hub)->device);
	assert_int_equal(hub_announce(d->hub, "/run/c", msg, sizeof(msg)), 0);
	assert_int_equal(refusal(d, o), -EBUSY);
}

static void
plugs(void **state)
{
	struct daemon *d = *state;
	struct hub_options o = ephemeral(NULL);
	struct hub_key *k;

	o.unplugged = true;
	assert_int_equal(hub_add(d->hub, &o, 0, &k, msg, sizeof(msg)), 0);
	assert_false(answers(k));
	assert_int_equal(d->plugged, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(hub_plug(k, 0, msg, sizeof(msg)), 0);
		assert_int_equal(hub_plug(k, 0, msg, sizeof(msg)), 0);
		assert_true(answers(k));
		hub_unplug(k, 0);
		hub_unplug(k, 0);
		assert_false(answers(k));
	}
	assert_int_equal(d->plugged, 3);
	/* what is in its place is not ours to remove */
	assert_int_equal(mkdir(k->path, 0700), 0);
	assert_int_equal(hub_plug(k, 0, msg, sizeof(msg)), -EEXIST);
	assert_null(k->transport);
	assert_int_equal(rmdir(k->path), 0);
	assert_int_equal(hub_plug(k, 0, msg, sizeof(msg)), 0);
}

/* "plugged" by the daemon, "plugged!" by the owner. */
static void
note_event(void *arg, const struct event *e)
{
	char *text = arg;

	strcat(text, event_name(e->kind));
	strcat(text, e->owner ? "! " : " ");
}

static void
only_the_owner_is_the_owner(void **state)
{
	struct daemon *d = *state;
	struct hub_options o = ephemeral("one");
	struct hub_key *k;
	char seen[256] = "";
	struct event_sink sink = { .event = note_event, .arg = seen };

	o.unplugged = true;
	assert_int_equal(hub_add(d->hub, &o, 0, &k, msg, sizeof(msg)), 0);
	watch_add(device_watch(k->device), &sink);
	assert_int_equal(hub_plug(k, 0, msg, sizeof(msg)), 0);
	assert_int_equal(hub_announce(d->hub, "/nowhere", msg, sizeof(msg)),
	    0);
	assert_string_equal(seen, "plugged ");
	hub_unplug(k, 0);
	assert_int_equal(hub_plug(k, 0, msg, sizeof(msg)), 0);
	assert_string_equal(seen, "plugged unplugged! plugged! ");
	seen[0] = '\0';
	hub_unplug_all(d->hub);
	hub_remove(k);
	assert_string_equal(seen, "unplugged removed ");
}

static void
another_model_is_one_event_between_two_plugs(void **state)
{
	struct daemon *d = *state;
	struct hub_key *k = add(d, "one");
	char seen[256] = "";
	struct event_sink sink = { .event = note_event, .arg = seen };
	struct profile *p;

	assert_int_equal(hub_announce(d->hub, "/nowhere", msg, sizeof(msg)),
	    0);
	assert_int_equal(profile_load("yubikey-5-nfc", &p, msg, sizeof(msg)),
	    0);
	watch_add(device_watch(k->device), &sink);
	assert_int_equal(hub_set_profile(k, p, 0, msg, sizeof(msg)), 0);
	profile_free(p);
	assert_string_equal(seen, "unplugged! profile-changed! plugged! ");
	hub_remove(k);
}

/* What a transport does that cannot go on. */
static void
fail_transport(struct hub_key *k)
{
	k->transport->events->failed(k->transport->arg, -EIO, "it broke");
}

static struct hub_key *failing;

static uint64_t
when_unplugged(const void *arg)
{
	(void)arg;
	return failing->transport == NULL ? 0 : UINT64_MAX;
}

static void
stop_reactor(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	reactor_stop(arg, 0);
}

static void
a_transport_that_fails_is_unplugged(void **state)
{
	struct daemon *d = *state;
	struct hub_key *one = add(d, NULL), *two = add(d, NULL);
	struct source stop = { .fd = -1, .deadline = when_unplugged,
	    .tick = stop_reactor, .arg = &d->reactor };

	failing = one;
	assert_int_equal(reactor_add(&d->reactor, &stop), 0);
	fail_transport(one);
	assert_non_null(one->transport);	/* it is still at work */
	assert_int_equal(reactor_run(&d->reactor), 0);
	reactor_remove(&d->reactor, &stop);
	assert_false(answers(one));
	assert_true(answers(two));
	assert_int_equal(hub_plug(one, 0, msg, sizeof(msg)), 0);
	assert_true(answers(one));
}

static uint64_t
at_once(const void *arg)
{
	(void)arg;
	return 0;
}

static void
stop_at_the_third(void *arg, uint64_t now_ms)
{
	static unsigned turns;

	if (++turns == 3)
		stop_reactor(arg, now_ms);
}

/* Or the daemon would be busy with it for good. */
static void
what_fails_late_is_forgotten(void **state)
{
	struct daemon *d = *state;
	struct hub_key *k = add(d, NULL);
	struct source stop = { .fd = -1, .deadline = at_once,
	    .tick = stop_at_the_third, .arg = &d->reactor };

	hub_unplug(k, 0);
	loop_events.failed(k->loop, -EIO, "it was gone already");
	assert_true(k->failed);
	assert_int_equal(reactor_add(&d->reactor, &stop), 0);
	assert_int_equal(reactor_run(&d->reactor), 0);
	reactor_remove(&d->reactor, &stop);
	assert_false(k->failed);
	assert_int_equal(hub_plug(k, 0, msg, sizeof(msg)), 0);
	assert_true(answers(k));
}

static void
a_token_is_needed_on_tcp(void **state)
{
	static const char *const tokens[] = { NULL, "", "too short a one" };
	struct daemon *d = *state;
	char path[80];
	struct control_config c = { .hub = d->hub, .path = path,
	    .tcp = "127.0.0.1:0" };
	struct control *control = NULL;

	snprintf(path, sizeof(path), "%s/control", d->dir);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		c.token = tokens[i];
		assert_int_equal(control_open(&c, &control, msg, sizeof(msg)),
		    -EINVAL);
		assert_null(control);
		assert_non_null(strstr(msg, "token"));
		assert_int_equal(access(path, F_OK), -1);
	}
	c.token = "just long enough";
	assert_int_equal(control_open(&c, &control, msg, sizeof(msg)), 0);
	control_close(control);
}

static void
each_has_a_clock(void **state)
{
	struct daemon *d = *state;
	struct hub_key *one = add(d, NULL), *two = add(d, NULL);

	assert_int_equal(hub_advance(one, 30000, 0), 0);
	assert_int_equal(hub_advance(one, 5, 0), 0);
	assert_true(hub_now(one, 7) == 30012);
	assert_true(hub_now(two, 7) == 7);
	assert_int_equal(hub_advance(one, HUB_ADVANCE_MAX_MS, 0), -EINVAL);
	assert_int_equal(hub_advance(one, UINT64_MAX, 0), -EINVAL);
	assert_true(hub_now(one, 7) == 30012);
}

static void
each_lock_says_which_key(void **state)
{
	struct daemon *d = *state;
	struct hub_key *one = add(d, "one"), *two;
	char control[PATH_MAX], id[NOTE_ID_LEN];

	assert_int_equal(note_read(device_dirfd(one->device), control, id),
	    -ENOENT);
	assert_int_equal(hub_announce(d->hub, "/run/c.sock", msg,
	    sizeof(msg)), 0);
	two = add(d, "two");
	assert_int_equal(note_read(device_dirfd(one->device), control, id), 0);
	assert_string_equal(id, "one");
	assert_string_equal(control, "/run/c.sock");
	assert_int_equal(note_read(device_dirfd(two->device), control, id), 0);
	assert_string_equal(id, "two");
}

/* The first as a process that was killed leaves it, the second in use. */
static void
what_others_left_is_swept(void **state)
{
	struct daemon *d = *state;
	char left[128], used[128], file[160];
	int fd;

	snprintf(left, sizeof(left), "%s/sealkey-ephemeral-left", d->dir);
	snprintf(used, sizeof(used), "%s/sealkey-ephemeral-used", d->dir);
	snprintf(file, sizeof(file), "%s/sealkey.db", left);
	assert_int_equal(mkdir(left, 0700), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(mkdir(used, 0700), 0);
	fd = open(used, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	add(d, NULL);
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(access(used, F_OK), 0);
	close(fd);
	assert_int_equal(rmdir(used), 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_come_and_go),
		TEST(a_key_that_is_added_aside_is_whole_or_nowhere),
		TEST(what_cannot_be_is_refused_aside),
		TEST(an_owner_who_leaves_gets_none),
		TEST(there_are_so_many_and_no_more),
		TEST(a_key_that_is_removed_aside_is_gone_at_once),
		TEST(our_ids_avoid_others),
		TEST(what_cannot_be_is_refused),
		TEST(plugs),
		TEST(only_the_owner_is_the_owner),
		TEST(another_model_is_one_event_between_two_plugs),
		TEST(a_transport_that_fails_is_unplugged),
		TEST(what_fails_late_is_forgotten),
		TEST(a_token_is_needed_on_tcp),
		TEST(each_has_a_clock),
		TEST(each_lock_says_which_key),
		TEST(what_others_left_is_swept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
