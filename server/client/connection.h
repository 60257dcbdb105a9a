/* SPDX-License-Identifier: MIT
 * One connection to another server: it carries one conversation (a request and its response) at a
 * time, and lies in the pool between them. */
#ifndef CAPRICORN_CLIENT_CONNECTION_H
#define CAPRICORN_CLIENT_CONNECTION_H

#include "client/response.h"
#include "loop/timer.h"
#include "net/stream.h"

typedef struct connection connection;
typedef struct conversation conversation;
typedef struct origin origin;

/* Who talks; told from the loop. */
struct conversation {
    /* Bytes came, or the last of the request's were given to the kernel. */
    void (*on_progress)(conversation *self);
    /* It is over, and the connection no longer concerns it. 0: response is the answer. Else reason
     * has been told why. */
    void (*on_settled)(conversation *self, csgi_status status);
    csgi_client_response *response;
    buffer *why;
    csgi_str origin_name; /* begins what is written to why */
    bool answered;        /* at least one byte of an answer has come */
};

struct connection {
    list_node node; /* of the origin's idle ones */
    origin *origin;
    stream *stream;
    conversation *with; /* NULL: idle, or closing */
    timer idle;         /* closes it when it has lain in the pool for too long */
    bool is_idle;
    /* Of the conversation: most of it is waiting, which takes no more than this. */
    bool is_head;
    arena *into;
    uint64_t max_body;
    response *reading; /* NULL until the answer's first byte */
};

/* Takes the stream over. NULL: no memory; the stream is closed. */
connection *connection_new(origin *origin, stream *connected);
/* Sends the request (which is copied as far as the kernel does not take it) and begins to wait for
 * the answer. CSGI_EDISCONNECTED: nothing was sent and the connection is gone; CSGI_ENOMEM: it is
 * gone too. */
csgi_status connection_talk(connection *self, conversation *with, csgi_str head, csgi_str body,
                            arena *arena, bool is_head, uint64_t max_body);
/* Bytes of the request that wait for the kernel. */
size_t connection_queued(const connection *self);
/* Ends a conversation from its own side: the connection is closed; nothing more is told. */
void connection_give_up(connection *self);
/* Closes an idle one. */
void connection_close(connection *self);

#endif
