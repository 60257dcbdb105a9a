/* SPDX-License-Identifier: MIT
 * What a client keeps; for client.c and client_transfer.c alone. */
#ifndef CAPRICORN_CLIENT_CLIENT_INSIDE_H
#define CAPRICORN_CLIENT_CLIENT_INSIDE_H

#include "base/list.h"
#include "client/client.h"
#include "client/transfer.h"

struct client {
    pool pool;
    dialer dialer;
    size_t requests;
    list_node beside; /* of others that close with it */
    list_node in_other;
    bool is_held; /* its owner has yet to close it */
};

/* May the client carry out the request? As client_fetch fails. */
csgi_status client_check(const client *self, const csgi_client_request *request,
                         request_facts *facts, url *to, buffer *why);
/* A request is over. */
void client_leave(client *self);

#endif
