/* SPDX-License-Identifier: MIT
 * The connections of one worker: picks the protocol of each, hands its requests to the application
 * side, and writes the access log. The only one who knows all protocols. */
#ifndef CAPRICORN_SESSION_SESSION_H
#define CAPRICORN_SESSION_SESSION_H

#include "app/app.h"
#include "config/trust.h"
#include "http1/http1.h"

typedef struct session_set session_set;

typedef struct session_options {
    http1_options http1;
    bool access_log;
    bool json_log;                 /* its lines are JSON objects */
    const char *access_log_format; /* else of this format; NULL: Uvicorn's lines */
    bool proxy_headers;            /* take the client from X-Forwarded-* and Forwarded */
    bool proxy_protocol;           /* connections begin with a PROXY header */
    const trust_list *proxies;     /* whose word on the client is taken */
    uint64_t max_requests;         /* 0: no limit */
    void (*on_request)(void *arg,
                       exchange *request); /* in the place of app_set_dispatch; or NULL */
    void *on_request_arg;
    void (*on_max_requests)(void *arg); /* told once, inside a connection's event */
    void *on_max_requests_arg;
    /* For `dev`; NULL: nobody watches. The first sees each request before anybody else, as its peer
     * has sent it, with began_ns set; true: it has answered, and taken the exchange over. The
     * second sees each whose response has ended. */
    bool (*answer_first)(void *arg, exchange *request);
    void (*on_answered)(void *arg, const exchange *request);
    void *watcher;
} session_options;

/* NULL: *problem is a sentence, or empty: no memory. */
session_set *session_set_new(app_set *apps, const session_options *options, buffer *problem);
/* No connection is left (CHECKed). */
void session_set_free(session_set *self);
/* Takes over an accepted stream; an accept_fn, whose arg is the session_set. */
void session_set_accept(void *self, stream *accepted);
size_t session_set_count(const session_set *self);
/* Idle connections end now, busy ones after their response. on_empty is called (once, on the loop)
 * when none is left, perhaps at once. */
void session_set_drain(session_set *self, void (*on_empty)(void *arg), void *arg);
/* Cuts every connection. */
void session_set_cut(session_set *self);

#endif
