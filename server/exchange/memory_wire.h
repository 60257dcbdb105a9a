/* SPDX-License-Identifier: MIT
 * A wire with no connection: a request made in memory, whose response is gathered in memory. It
 * carries in-process upstream calls (app:NAME) and tests. */
#ifndef CAPRICORN_EXCHANGE_MEMORY_WIRE_H
#define CAPRICORN_EXCHANGE_MEMORY_WIRE_H

#include "exchange/exchange.h"

typedef struct memory_call memory_call;

/* What is asked; everything is copied. Header names are lower-cased; a content-length is not needed
 * (has_body is told by the body). */
typedef struct memory_request {
    csgi_str method;       /* empty: GET */
    csgi_str raw_path;     /* "/" and what follows, still encoded */
    csgi_str query_string; /* without the "?" */
    csgi_fields headers;
    csgi_str body;
    const address *client, *server; /* outlive the call; NULL: an unnamed Unix socket */
    size_t max_response_body; /* bytes gathered; more: CSGI_ELIMIT, and the exchange is cut; 0: no
                                 limit */
} memory_request;

/* What came back; valid until memory_call_free. */
typedef struct memory_response {
    uint32_t status;
    csgi_fields headers; /* names in lower case */
    csgi_str body;
} memory_response;

/* The response has ended: CSGI_OK, or CSGI_EDISCONNECTED (the application cut it; response then has
 * what came before, status 0 when nothing did), CSGI_ELIMIT, CSGI_ENOMEM. Called once, from the
 * loop or from inside the answering task: it must not suspend; it may call memory_call_free. */
typedef void (*memory_done_fn)(void *arg, csgi_status status, const memory_response *response);

/* Makes the call and its exchange, which the caller hands to the application side at once:
 *     status = memory_call_new(loop, &request, on_done, arg, &call, &exchange);
 *     if (status == CSGI_OK) app_set_dispatch(set, exchange);
 * CSGI_EINVAL: the method is no token, or the path is not "/..." or does not decode to UTF-8.
 * CSGI_ENOMEM. [loop] or task */
csgi_status memory_call_new(loop *loop, const memory_request *request, memory_done_fn on_done,
                            void *arg, memory_call **out, exchange **out_exchange);
/* Ends it. Before on_done this is a disconnect for the application (whose task is cancelled after
 * the grace) and on_done will not be called. */
void memory_call_free(memory_call *self);
/* Its exchange, until it is done; then NULL. */
exchange *memory_call_exchange(const memory_call *self);

#endif
