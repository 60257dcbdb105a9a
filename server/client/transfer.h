/* SPDX-License-Identifier: MIT
 * One request and its response on a connection of the pool, told straight on from its task. It
 * follows no redirects and knows no settings: that is client.c's. */
#ifndef CAPRICORN_CLIENT_TRANSFER_H
#define CAPRICORN_CLIENT_TRANSFER_H

#include "client/dial.h"
#include "client/pool.h"
#include "client/request.h"

/* What to send, checked and decided. All is borrowed for the call. */
typedef struct transfer_request {
    pool *pool;
    dialer *dialer;
    const csgi_client_request *request;
    const request_facts *facts;
    const url *to;
} transfer_request;

/* Sends the request and waits for the whole response. A pooled connection that was dead is replaced
 * once, where nothing can have been done twice. As client_fetch. [suspends] */
csgi_status transfer_fetch(const transfer_request *asked, arena *memory, pending *within,
                           const csgi_client_response **answer);

#endif
