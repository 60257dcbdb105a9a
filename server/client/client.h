/* SPDX-License-Identifier: MIT
 * Outbound HTTP/1.1: one pool of keep-alive connections for each origin, on the worker's loop.
 * Called from tasks. */
#ifndef CAPRICORN_CLIENT_CLIENT_H
#define CAPRICORN_CLIENT_CLIENT_H

#include <csgi/ext/draft/client.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "loop/loop.h"

typedef struct client client;
typedef struct dialer_options dialer_options; /* dial.h */

typedef struct client_options {
    size_t max_idle_per_origin; /* 0: 1024; the one unused for longest is closed */
    uint64_t idle_ms;           /* an idle connection is closed after it; 0: 30 s */
    /* Connections at the same moment, to one server and to all; 0: 1024 and 4096. Who needs one
     * more waits; so many may wait for one server, 0: 8192. */
    size_t max_connections_per_origin, max_connections, max_waiting_per_origin;
} client_options;

/* How many there are now, for tests and the metrics: connections (idle ones included), fetches
 * that have not returned, and those of them that wait for a connection. */
typedef struct client_counts {
    size_t connections, idle, requests, waiting;
} client_counts;

/* options NULL: all defaults. NULL: no memory. */
client *client_new(loop *loop, const client_options *options);
/* One more, with connections of its own kind; the files of TLS are read now. The strings of
 * dialling stay as long as it does. It closes with the other at the latest, and is to be closed
 * itself in any case. CSGI_EINVAL: *why gets the option and what is wrong with it; CSGI_ENOMEM. */
csgi_status client_new_beside(client *other, const client_options *options,
                              const dialer_options *dialling, client **out, buffer *why);
/* The URL at which the server itself is reached: requests for it never go through a proxy. */
void client_set_own_url(client *self, csgi_str text);
/* Closes idle connections and gives the memory back when the last busy one has gone; no new fetch.
 */
void client_close(client *self);
client_counts client_get_counts(const client *self);

/* As csgi_client_extension.fetch for http and http+unix URLs; on failure *why is a sentence that
 * names the URL's origin, or what is wrong with the request. deadline_ms: the caller's, on
 * loop_now_ms; it beats the request's own limits; UINT64_MAX: none. CSGI_ESTATE: after
 * client_close. *may_repeat, if it failed: whether asking again cannot do anything twice. The
 * settings of the request's client are not looked at: policy.h does. A request that is not
 * idempotent (RFC 9110 section 9.2.2: POST, PATCH) is not sent twice, unless its first connection
 * took none of it. [suspends] */
csgi_status client_fetch(client *self, arena *arena, const csgi_client_request *request,
                         uint64_t deadline_ms, bool *may_repeat,
                         const csgi_client_response **response, buffer *why);

#endif
