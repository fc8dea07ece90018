/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn_origin.h"

#include <ctype.h>
#include <libpsl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool
is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_' || c == '.';
}

/*
 * Lower case letters, digits, hyphens, and underscores, which no registry
 * sells but browsers load pages from (container names).
 */
static bool
is_domain(const char *s, size_t len)
{
	size_t label = 0;

	if (len == 0 || len > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_host_char(s[i]))
			return false;
		if (s[i] != '.') {
			if (++label > LABEL_MAX)
				return false;
			continue;
		}
		if (label == 0)
			return false;
		label = 0;
	}
	return label > 0;	/* no dot at the end */
}

/*
 * URL standard, "ends in a number checker": such a host is an IPv4 address
 * in one of its many spellings (1.2.3.4, 0x7f.1, 2130706433), or nothing.
 */
static bool
ends_in_number(const char *host)
{
	size_t len = strlen(host);
	const char *last = host + len;

	if (len > 0 && last[-1] == '.')
		len--;
	for (last = host + len; last > host && last[-1] != '.'; last--)
		;
	len -= (size_t)(last - host);
	if (len > 0 && strspn(last, "0123456789") >= len)
		return true;
	return len >= 2 && last[0] == '0' && last[1] == 'x' &&
	    strspn(last + 2, "0123456789abcdef") >= len - 2;
}

static enum origin_host
classify(const char *host)
{
	if (host[0] == '[' || ends_in_number(host))
		return HOST_ADDRESS;
	return is_domain(host, strlen(host)) ? HOST_DOMAIN : HOST_INVALID;
}

/* Copies the host of an authority, in lower case; 0 if it is none. */
static size_t
take_host(const char *s, struct origin *out)
{
	bool v6 = s[0] == '[';
	size_t n = 0;
	char c;

	for (; s[n] != '\0' && (v6 || s[n] != ':'); n++) {
		c = (char)tolower((unsigned char)s[n]);
		if (n == sizeof(out->host) - 1)
			return 0;
		if (v6 ? strchr("[]:.0123456789abcdef", c) == NULL :
		    !is_host_char(c))
			return 0;
		out->host[n] = c;
		if (v6 && c == ']') {
			n++;
			break;
		}
	}
	out->host[n] = '\0';
	return v6 && out->host[n - 1] != ']' ? 0 : n;
}

/* The port after a host; -1: it is malformed, 0: none or the default. */
static int
take_port(const char *s, bool https)
{
	unsigned long port;

	if (*s == '\0')
		return 0;
	if (*s++ != ':' || strlen(s) == 0 || strlen(s) > 5 ||
	    strspn(s, "0123456789") != strlen(s))
		return -1;
	port = strtoul(s, NULL, 10);
	if (port > UINT16_MAX || port == 0)
		return -1;
	return port == (https ? 443 : 80) ? 0 : (int)port;
}

bool
origin_parse(const char *s, struct origin *out, const char **why)
{
	struct origin o = { .https = strncasecmp(s, "https://", 8) == 0 };
	size_t n;
	int port;

	*why = "an origin is https://HOST[:PORT], or http://localhost[:PORT]";
	if (!o.https && strncasecmp(s, "http://", 7) != 0)
		return false;
	s += o.https ? 8 : 7;
	for (const char *p = s; *p != '\0'; p++) {
		if (!isascii((unsigned char)*p))
			*why = "write the host in ASCII, as xn--...";
		else if (strchr("/?#", *p) != NULL)
			*why = "an origin has no path";
	}
	n = take_host(s, &o);
	port = n == 0 ? -1 : take_port(s + n, o.https);
	if (port < 0)
		return false;
	o.kind = classify(o.host);
	n = (size_t)snprintf(o.text, sizeof(o.text), "http%s://%s",
	    o.https ? "s" : "", o.host);
	if (port > 0)
		snprintf(o.text + n, sizeof(o.text) - n, ":%d", port);
	*out = o;
	return true;
}

static bool
is_localhost(const char *host)
{
	size_t len = strlen(host);

	return strcmp(host, "localhost") == 0 ||
	    (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
}

bool
origin_is_usable(const struct origin *o, struct dom_error *err)
{
	if (o->kind == HOST_ADDRESS)
		return dom_fail(err, "SecurityError", "the host of %s is an "
		    "address, and only names can be RP IDs", o->text);
	if (o->kind == HOST_INVALID)
		return dom_fail(err, "SecurityError", "the host of %s is not "
		    "a valid domain", o->text);
	if (!o->https && !is_localhost(o->host))
		return dom_fail(err, "SecurityError", "%s is not a secure "
		    "context: http is for localhost only", o->text);
	return true;
}

/* Looks up what of the host can be registered; "" if nothing, or no list. */
static void
find_registrable(struct origin *o)
{
	psl_ctx_t *psl = psl_latest(NULL);
	const char *found = NULL;

	if (psl != NULL)
		found = psl_registrable_domain(psl, o->host);
	snprintf(o->registrable, sizeof(o->registrable), "%s",
	    found != NULL ? found : "");
	o->registrable_known = true;
	psl_free(psl);
}

/* rp_id has passed is_domain(). */
static bool
is_suffix(const struct origin *o, struct span rp_id)
{
	size_t len = strlen(o->host);

	return rp_id.len < len && o->host[len - rp_id.len - 1] == '.' &&
	    memcmp(o->host + len - rp_id.len, rp_id.p, rp_id.len) == 0;
}

bool
origin_check(struct origin *o, struct span rp_id, struct span *out,
    struct dom_error *err)
{
	if (!origin_is_usable(o, err))
		return false;
	if (rp_id.p == NULL || span_eq(rp_id, span_str(o->host))) {
		*out = span_str(o->host);
		return true;
	}
	if (!is_domain((const char *)rp_id.p, rp_id.len))
		return dom_fail(err, "SecurityError",
		    "the RP ID is not a valid domain");
	if (!is_suffix(o, rp_id))
		return dom_fail(err, "SecurityError", "the RP ID %.*s is "
		    "neither the host of %s nor a suffix of it",
		    (int)rp_id.len, (const char *)rp_id.p, o->text);
	if (!o->registrable_known)
		find_registrable(o);
	/* Shorter than what can be registered: (part of) a public suffix. */
	if (o->registrable[0] == '\0' || rp_id.len < strlen(o->registrable))
		return dom_fail(err, "SecurityError",
		    "the RP ID %.*s is a public suffix",
		    (int)rp_id.len, (const char *)rp_id.p);
	*out = rp_id;
	return true;
}

/* The origin of an absolute URL in plain ASCII. */
static bool
url_origin(struct span url, struct origin *out)
{
	char text[ORIGIN_MAX + 1];
	const char *why, *slashes;
	size_t len;

	for (size_t i = 0; i < url.len; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return false;
	slashes = memmem(url.p, url.len, "://", 3);
	if (slashes == NULL)
		return false;
	len = (size_t)(slashes + 3 - (const char *)url.p);
	while (len < url.len && strchr("/?#", url.p[len]) == NULL)
		len++;
	if (len >= sizeof(text))
		return false;
	memcpy(text, url.p, len);
	text[len] = '\0';
	return origin_parse(text, out, &why);
}

static bool
is_same_site(struct origin *a, struct origin *b)
{
	if (a->https != b->https)
		return false;
	if (strcmp(a->host, b->host) == 0)
		return true;
	if (b->kind != HOST_DOMAIN)
		return false;
	find_registrable(b);
	if (!a->registrable_known)
		find_registrable(a);
	return a->registrable[0] != '\0' &&
	    strcmp(a->registrable, b->registrable) == 0;
}

bool
origin_app_id(struct origin *o, struct span app_id, struct span *out,
    struct dom_error *err)
{
	struct origin theirs;

	if (app_id.len == 0) {
		*out = span_str(o->text);
		return true;
	}
	if (app_id.len > APP_ID_MAX)
		return dom_fail(err, "NotSupportedError",
		    "the AppID is longer than %d bytes", APP_ID_MAX);
	if (!url_origin(app_id, &theirs) || !is_same_site(o, &theirs))
		return dom_fail(err, "SecurityError",
		    "the AppID is not a URL of the site of %s", o->text);
	*out = app_id;
	return true;
}
