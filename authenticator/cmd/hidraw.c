/* SPDX-License-Identifier: Apache-2.0 */
/* A key as this machine has it: see hidraw.h. */
#include "authenticator/cmd/hidraw.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HIDRAW_CLASS	"/sys/class/hidraw"

static bool
file_says(const char *path, const char *line)
{
	char text[1024];
	FILE *f = fopen(path, "re");
	bool found = false;

	while (f != NULL && !found && fgets(text, sizeof(text), f) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		found = strcmp(text, line) == 0;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

bool
hidraw_find(const char *serial, char *out, size_t size)
{
	DIR *d = opendir(HIDRAW_CLASS);
	char path[512], line[128];
	struct dirent *e;
	bool found = false;

	snprintf(line, sizeof(line), "HID_UNIQ=%s", serial);
	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), HIDRAW_CLASS "/%s/device/uevent",
		    e->d_name);
		found = e->d_name[0] != '.' && file_says(path, line) &&
		    (size_t)snprintf(out, size, "/dev/%s", e->d_name) < size;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

/* By the names of their programs, without the folder. */
static const struct {
	const char	*program;
	const char	*browser;
} browsers[] = {
	{ "chromium", "chromium" },
	{ "chrome", "chromium" },
	{ "headless_shell", "chromium" },
	{ "msedge", "chromium" },
	{ "brave", "chromium" },
	{ "opera", "chromium" },
	{ "vivaldi-bin", "chromium" },
	{ "firefox", "firefox" },
	{ "firefox-esr", "firefox" },
	{ "firefox-bin", "firefox" },
	{ "librewolf", "firefox" },
};

/* What the link dir/name names; false: it cannot be seen. */
static bool
read_link(const char *dir, const char *name, char out[static PATH_MAX])
{
	char path[PATH_MAX];
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    sizeof(path))
		return false;
	n = readlink(path, out, PATH_MAX - 1);
	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

static bool
has_open(const char *process, const char *device)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct dirent *e;
	bool found = false;
	DIR *d;

	if ((size_t)snprintf(path, sizeof(path), "%s/fd", process) >=
	    sizeof(path))
		return false;
	d = opendir(path);
	while (d != NULL && !found && (e = readdir(d)) != NULL)
		found = read_link(path, e->d_name, target) &&
		    strcmp(target, device) == 0;
	if (d != NULL)
		closedir(d);
	return found;
}

/* NULL: that is none. */
static const char *
browser_of(const char *process)
{
	char target[PATH_MAX];
	const char *name;
	size_t i;

	if (!read_link(process, "exe", target))
		return NULL;
	name = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 :
	    target;
	/* "chrome (deleted)" was updated meanwhile */
	for (i = 0; i < sizeof(browsers) / sizeof(browsers[0]); i++) {
		if (strlen(browsers[i].program) == strcspn(name, " ") &&
		    strncmp(name, browsers[i].program, strcspn(name, " ")) ==
		    0)
			return browsers[i].browser;
	}
	return NULL;
}

const char *
hidraw_browser(const char *proc, const char *device)
{
	const char *seen = NULL, *browser;
	DIR *d = opendir(proc);
	bool both = false;
	char process[320];
	struct dirent *e;

	while (d != NULL && !both && (e = readdir(d)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    (size_t)snprintf(process, sizeof(process), "%s/%s", proc,
		    e->d_name) >= sizeof(process))
			continue;
		browser = browser_of(process);
		if (browser == NULL || !has_open(process, device))
			continue;
		both = seen != NULL && strcmp(seen, browser) != 0;
		seen = browser;
	}
	if (d != NULL)
		closedir(d);
	return both ? NULL : seen;
}
