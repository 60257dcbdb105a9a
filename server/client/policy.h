/* SPDX-License-Identifier: MIT
 * What is done above the single request: a client's settings, redirects, retries, traces. */
#ifndef CAPRICORN_CLIENT_POLICY_H
#define CAPRICORN_CLIENT_POLICY_H

#include "client/settings.h"
#include "loop/loop.h"

/* How many redirects a request that says 0 follows. */
#define POLICY_REDIRECTS_MAX 20u

/* What takes one request out and brings the response: the network, an app of this server, a mock.
 */
typedef struct carrier carrier;
struct carrier {
    /* As client_fetch. [suspends] */
    csgi_status (*carry)(carrier *self, arena *into, const csgi_client_request *request,
                         uint64_t deadline_ms, bool *may_repeat,
                         const csgi_client_response **response, buffer *why);
    /* The response that it brought last will not be used; NULL: there is nothing to do. */
    void (*drop)(carrier *self);
};

typedef struct policy_request {
    loop *loop;
    const csgi_client_request *request; /* of full size */
    const settings *with;               /* NULL: none */
    csgi_fields inbound;                /* of the request that is being served */
    uint64_t deadline_ms;               /* the caller's, as of client_fetch */
} policy_request;

/* Does it need more than to be carried out? */
bool policy_is_needed(const policy_request *asked);
/* Asks until there is a response to be shown, as csgi_client_extension.fetch promises. On failure
 * *why is a sentence. [task] [suspends] */
csgi_status policy_fetch(const policy_request *asked, carrier *by, arena *into,
                         const csgi_client_response **response, buffer *why);

#endif
