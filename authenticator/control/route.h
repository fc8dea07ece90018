/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What requests to the control interface do. A request is a row of a table;
 * tables are in routes_*.c, a topic in each, and listed in route.c: a new
 * topic is a new file and a new line there.
 *
 * A handler is called when the whole request is there. It answers, or sleeps
 * (request_sleep()) and is called again after request_wake(), with what it
 * left in rq->own. It never waits.
 */
#ifndef AUTHENTICATOR_ROUTE_H
#define AUTHENTICATOR_ROUTE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authenticator/hub.h"

#define REQUEST_BODY_MAX	65536	/* bytes */
#define ROUTE_ARGS_MAX		3

struct MHD_Connection;
struct MHD_Response;
struct control;

/* One HTTP request, from its first line to the end of its reply. */
struct request {
	struct control	*control;
	struct hub	*hub;
	struct hub_key	*key;		/* of a key's route; looked up before
					 * each call of the handler */
	uint64_t	 now_ms;
	const char	*arg[ROUTE_ARGS_MAX];	/* what each '*' stands for */
	const char	*body;
	size_t		 body_len;
	bool		 hung_up;	/* nobody waits for the answer */
	bool		 ending;	/* the daemon is: answer now */
	bool		 streams;	/* wants to be woken by events */
	bool		 unhurried;	/* sleeps for as long as it takes */
	void		*own;		/* the handler's; NULL at first */
	void		(*done)(void *own);	/* called once at the end */

	/* private from here */
	struct MHD_Connection *connection;
	char		*url;
	char		*buffer;	/* of body */
	size_t		 size;
	bool		 too_long;
	bool		 tcp;
	bool		 asleep;
	bool		 waits;		/* sleeps, did so or will */
	bool		 arrived;
	struct request	*next;		/* of those that sleep */
	struct request	**prev;
};

/* What comes back; both are consumed. Neither: it sleeps. */
struct answer {
	unsigned	 status;
	json_t		*body;
	struct MHD_Response *response;	/* instead of body */
};

struct answer answer_failure(unsigned status, const char *error,
    const char *message);
/* 200; with NULL, that there was no memory, or nothing to be read. */
struct answer answer_success(json_t *body);
/* 400, "invalid argument". */
struct answer answer_invalid(const char *message);
/* What device_*() and hub_*() returned, and said. */
struct answer answer_error(int error, const char *line);
/* What the store of rq's key said. */
struct answer answer_store_error(struct request *rq, int error);
struct answer answer_asleep(void);

/*
 * The body as a JSON object, a new reference; an empty body is {} if that is
 * enough. False: *failed is the answer.
 */
bool request_object(struct request *rq, bool may_be_empty, json_t **out,
    struct answer *failed);
/* The value of ?name=; NULL: there is none. Lives as long as the request. */
const char *request_query(struct request *rq, const char *name);
/* The same as a number; true also if there is none. */
bool request_query_number(struct request *rq, const char *name,
    uint64_t *out);

/* The handler is called again when woken. False: too many sleep already. */
bool request_sleep(struct request *rq);
/* Whether it can sleep; then it can do so at any time from now on. */
bool request_may_sleep(struct request *rq);
void request_wake(struct request *rq);
/* The reply takes as long as it takes. False: too many do, or sleep. */
bool request_lasts(struct request *rq);

/*
 * Path components are literal, or '*' for one of any kind. A key's route has
 * what comes behind /v1/ (the first key), and /v1/keys/ID/. Of our own paths,
 * a request that says more than its route would hear is refused: whoever sent
 * it meant something else.
 */
struct route {
	const char	*method;	/* NULL: end of table */
	const char	*path;
	struct answer	(*handle)(struct request *rq);
	const char	*takes;		/* "{}": a body; "after,limit": a
					 * query of these names; NULL: none */
};

extern const struct route routes_hub[];		/* /v1/keys */
extern const struct route routes_key[];		/* what a key is and has */
extern const struct route routes_user[];	/* who touches it */
extern const struct route routes_secrets[];	/* private keys, the PIN */
extern const struct route routes_power[];	/* plug, unplug, clock */
extern const struct route routes_events[];	/* of every key */
extern const struct route routes_key_events[];	/* and of one */
extern const struct route routes_audit[];	/* what it did */
extern const struct route routes_faults[];	/* what it gets wrong */
extern const struct route routes_profile[];	/* which model it is */
extern const struct route routes_webdriver[];	/* virtual authenticators */
extern const struct route routes_cdp[];		/* the same for browsers */

/* Finds rq's route and calls it. */
struct answer route_dispatch(struct request *rq, const char *method);
/* Whether errors under this URL are wrapped as WebDriver wants them. */
bool route_is_webdriver(const char *url);

#endif
