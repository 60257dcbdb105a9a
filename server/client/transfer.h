/* SPDX-License-Identifier: MIT
 * One request and its response on a connection of the pool, step by step from a task. It follows no
 * redirects, repeats nothing that may have been done, and knows no settings: that is client.c's.
 *     transfer_open, then transfer_write for a body that follows, then transfer_head, and either
 *     transfer_finish (the body as a whole, in the arena), transfer_read (in pieces) or
 *     transfer_drain (not wanted); transfer_close at any time. */
#ifndef CAPRICORN_CLIENT_TRANSFER_H
#define CAPRICORN_CLIENT_TRANSFER_H

#include "client/dial.h"
#include "client/pool.h"
#include "client/request.h"

/* A body that nobody wants is read to its end, for the connection to be used again, if it has no
 * more bytes and comes within that time. */
#define TRANSFER_DRAIN_MAX ((uint64_t)32768)
#define TRANSFER_DRAIN_MS  1000u

/* What to send, checked and decided. What it points to stays until transfer_head, transfer_finish
 * or transfer_close has returned: it may have to be sent again. */
typedef struct transfer_request {
    pool *pool;
    dialer *dialer;
    const csgi_client_request *request;
    const request_facts *facts;
    const url *to;
    bool in_pieces; /* how the body of the response is read; else by transfer_finish */
} transfer_request;

/* What a transfer's task waits for. */
typedef enum transfer_goal {
    TRANSFER_WAITS_FOR_NOTHING,
    TRANSFER_WAITS_FOR_ROOM,  /* in the queue of what is sent */
    TRANSFER_WAITS_FOR_LEAVE, /* to send the body: 100 Continue */
    TRANSFER_WAITS_FOR_HEAD,
    TRANSFER_WAITS_FOR_PIECE,
    TRANSFER_WAITS_FOR_END,
    TRANSFER_WAITS_TO_DRAIN
} transfer_goal;

/* Embedded, as on a task's stack. Used by one task at a time. */
typedef struct transfer {
    conversation talk;
    transfer_request asked;
    pending *within;
    origin *origin; /* NULL: closed */
    transfer_goal goal;
    uint64_t body_left; /* bytes of the request's body that are yet to follow */
    bool is_pooled;     /* on a connection that was used before */
    bool is_committed;  /* what was sent might have been done */
    bool expects;       /* 100 Continue */
    bool may_repeat;    /* after a failure: asking once more cannot do anything twice */
} transfer;

/* Connects, or takes a pooled connection, and sends the head, and the body unless it follows.
 * A failure is explained in within, as are those of the calls below; then it is closed already.
 * CSGI_EUNREACH, CSGI_ETIMEDOUT, CSGI_ECANCELED, CSGI_EPROTO, CSGI_EINVAL (the head is too large),
 * CSGI_ELIMIT (too many wait for a connection), CSGI_ENOMEM. A pooled connection that proves dead
 * is replaced once, here and below, where nothing can have been done twice. [suspends] */
csgi_status transfer_open(transfer *self, const transfer_request *asked, arena *memory,
                          pending *within);
/* Sends a piece of a body that follows, and waits while the server is behind. CSGI_EINVAL: more or,
 * with the last, fewer bytes than were announced; the transfer is given up. CSGI_ESTATE: after the
 * last. CSGI_EDISCONNECTED: the server takes no more, but has answered: see transfer_head.
 * CSGI_ETIMEDOUT: it took nothing for too long. CSGI_EPROTO: it went away. [suspends] */
csgi_status transfer_write(transfer *self, csgi_str piece, bool last);
/* Waits for status and headers; the response lives in the arena, its body is empty for now.
 * CSGI_EPROTO: no HTTP/1.1, or cut short; CSGI_ELIMIT: its length is over the limit; and as
 * transfer_open. [suspends] */
csgi_status transfer_head(transfer *self, csgi_client_response **response);
/* Waits for the whole body, in the arena. Not in_pieces. Fails as transfer_head. [suspends] */
csgi_status transfer_finish(transfer *self, csgi_client_response **response);
/* Waits for the next piece, valid until the next call; empty with CSGI_OK: the end. in_pieces. What
 * came before a failure is given first. Fails as transfer_head. [suspends] */
csgi_status transfer_read(transfer *self, csgi_str *piece);
/* Waits for the end of a body that nobody wants, if it is short enough for that. 0, also when it is
 * not; CSGI_ECANCELED; CSGI_ETIMEDOUT: all the time is over. [suspends] */
csgi_status transfer_drain(transfer *self);
/* The connection is closed, unless the response was at its end. Harmless when closed. */
void transfer_close(transfer *self);

/* transfer_open, transfer_finish and transfer_close. [suspends] */
csgi_status transfer_fetch(transfer *self, const transfer_request *asked, arena *memory,
                           pending *within, csgi_client_response **response);

#endif
