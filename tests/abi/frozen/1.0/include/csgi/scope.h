/* SPDX-License-Identifier: MIT
 * The scope (what a call is about), and the closures an application is called with. */
#ifndef CSGI_SCOPE_H
#define CSGI_SCOPE_H

#include <csgi/event.h>

/* Kinds of scope, one bit each, so that an endpoint can say which it accepts. */
enum { CSGI_HTTP = 1, CSGI_WEBSOCKET = 2, CSGI_LIFESPAN = 4 };

/* Optional abilities of this call; a bit that is not set means that the event is refused with
 * CSGI_ENOTSUP. */
enum {
    CSGI_CAN_TRAILERS = 1,
    CSGI_CAN_EARLY_HINT = 2,
    CSGI_CAN_PATHSEND = 4,
    CSGI_CAN_ZEROCOPYSEND = 8,
    CSGI_CAN_DENY = 16
};

/* One flat struct for all kinds; what does not apply is empty. The host makes it and it never
 * changes; it lives until the application returns. It also names the call in host functions. A
 * middleware that wants another scope further in takes a copy with csgi_host.derive. New fields
 * come at the end: ask CSGI_HAS for what this header does not promise. */
typedef struct csgi_scope {
    uint32_t size, type;
    uint64_t features; /* CSGI_CAN_*; a middleware that must see the bytes clears bits in its
                          derived copy */
    void *server;      /* the server's own */
    csgi_arena *arena; /* until the request ends; for a socket or stream use a child arena for each
                          message */
    csgi_str http_version;        /* "1.0", "1.1", "2" */
    csgi_str method;              /* as received: a token (RFC 9110 section 9.1) */
    csgi_str scheme;              /* "http", "https", "ws", "wss" */
    csgi_str path;                /* percent-decoded, valid UTF-8, no NUL; includes root_path */
    csgi_str raw_path;            /* the bytes before "?", untouched */
    csgi_str query_string;        /* the bytes after "?", still encoded */
    csgi_str root_path;           /* the prefix the app is mounted at */
    csgi_fields headers;          /* names in lower case; order and duplicates kept */
    csgi_fields path_params;      /* decoded, in the order of the route's pattern */
    csgi_fields locals;           /* set by middleware for what is further in */
    const csgi_str *subprotocols; /* WebSocket: offered by the client, in its order */
    size_t subprotocol_count;
    csgi_str client_host, server_host; /* an address, or a Unix socket's path, or empty */
    uint32_t client_port, server_port; /* 0: none, or a proxy did not say it */
    csgi_str app, endpoint, route, route_config;
    const csgi_tls *tls; /* NULL: no TLS */
} csgi_scope;

/* Closures: a function and the struct that holds it; frozen. A middleware may pass its own, with
 * its own state behind the function pointer. Any task of the call may use receive and send: sends
 * go out in the order of the calls; a second receiver gets CSGI_EBUSY. Both end with the call, and
 * tasks of other calls get CSGI_ESTATE: to reach them, wake one of their own. */

/* Waits for the next event, which the host owns and which is valid until the next receive. [task]
 * [suspends] CSGI_EBUSY: another task is receiving. CSGI_ECANCELED: this task is cancelled. */
typedef struct csgi_receive csgi_receive;
struct csgi_receive {
    csgi_status (*call)(csgi_receive *self, const csgi_event **event);
};

/* Hands over an event, borrowed for the call. Returns when the bytes are handed over or the client
 * is gone; it is the point of back-pressure. [task] [suspends] A refused event (CSGI_EINVAL,
 * CSGI_ESTATE, CSGI_ENOTSUP) puts nothing on the wire. CSGI_EDISCONNECTED: the client is gone;
 * return it, it is not logged as a failure. CSGI_ECANCELED: this task is cancelled, and what it
 * waited to send may have been sent in part. CSGI_EFAIL: a file (csgi_http_file). CSGI_ENOMEM. */
typedef struct csgi_send csgi_send;
struct csgi_send {
    csgi_status (*call)(csgi_send *self, const csgi_event *event);
};

/* What is further in, made by the host for one call of a middleware; call it at most once, with the
 * scope that the middleware got or one that csgi_host.derive made of it. Returns what the
 * application further in returned, or CSGI_EINVAL (another scope, a NULL), CSGI_ESTATE (called
 * twice, or after the middleware has returned), CSGI_ENOMEM. [task] [suspends] */
typedef struct csgi_app csgi_app;
struct csgi_app {
    csgi_status (*call)(csgi_app *self, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send);
};

/* Where save and describe write; the bytes are copied. [loop] */
typedef struct csgi_sink csgi_sink;
struct csgi_sink {
    csgi_status (*write)(csgi_sink *self, csgi_str bytes);
};

#endif
