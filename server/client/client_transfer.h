/* SPDX-License-Identifier: MIT
 * A request whose bodies come in pieces, over several calls of its task; with its client's
 * settings, redirects and retries. */
#ifndef CAPRICORN_CLIENT_CLIENT_TRANSFER_H
#define CAPRICORN_CLIENT_CLIENT_TRANSFER_H

#include "client/client.h"
#include "client/settings.h"

typedef struct client_transfer client_transfer;

typedef struct client_transfer_request {
    const csgi_client_request *request; /* of full size; its texts were checked for presence */
    settings *with;                     /* NULL: none */
    csgi_fields inbound;                /* of the request that is being served */
    uint64_t deadline_ms;               /* the caller's, as of client_fetch */
} client_transfer_request;

/* Each fails as client_fetch does, and then client_transfer_why has the sentence. deadline_ms: the
 * caller's, of this call. CSGI_EBUSY: another task is in one of these. CSGI_ESTATE: it was closed
 * meanwhile, and is gone; of write also: after the last piece. */

/* As csgi_client_extension.open. What is asked is copied into the arena, where the response will
 * live. On failure why has the sentence. [suspends] */
csgi_status client_transfer_open(client *by, arena *into, const client_transfer_request *asked,
                                 client_transfer **out, buffer *why);
/* As transfer_write, transfer_head and transfer_read. [suspends] */
csgi_status client_transfer_write(client_transfer *self, csgi_str piece, bool last,
                                  uint64_t deadline_ms);
csgi_status client_transfer_head(client_transfer *self, const csgi_client_response **head,
                                 uint64_t deadline_ms);
csgi_status client_transfer_read(client_transfer *self, csgi_str *piece, uint64_t deadline_ms);
csgi_str client_transfer_why(const client_transfer *self);
/* Ends it, and its connection unless all was read; while another task is in a call, when that
 * returns. */
void client_transfer_close(client_transfer *self);

#endif
