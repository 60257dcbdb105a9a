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

/* Who talks. Set before it begins: */
struct conversation {
    /* Told from the loop: bytes came, or the last of the request's were given to the kernel; or the
     * conversation is over. */
    void (*on_progress)(conversation *self);
    response_options wanted;
    arena *memory;        /* of the response */
    csgi_str origin_name; /* begins what is written to why */
    buffer *why;
    /* Set by who sends: the whole request was given to connection_send. */
    bool is_sent;

    /* What comes of it: */
    connection *on;    /* NULL: it has not begun, or is over */
    response *reading; /* NULL until the answer's first byte; a whole one's until it is over */
    csgi_client_response *result; /* when it is over, if its head has come */
    bool answered;                /* at least one byte of an answer has come */
    bool is_over;                 /* with status; a failure is explained in why */
    csgi_status status;
};

struct connection {
    list_node node; /* of the origin's idle ones */
    origin *origin;
    stream *stream;
    conversation *with; /* NULL: idle, or closing */
    timer idle;         /* closes it when it has lain in the pool for too long; see origin_put */
    uint64_t idle_since_ms;
    bool is_idle, is_stopped;
};

/* Takes the stream over, and the place that was claimed at the origin, which is free again when the
 * connection closes. NULL: no memory; both are gone. */
connection *connection_new(origin *origin, stream *connected);
/* Begins a conversation: what comes from now on is its answer. */
void connection_begin(connection *self, conversation *with);
/* Sends a part of the request, which is copied as far as the kernel does not take it.
 * CSGI_EDISCONNECTED: the connection is broken, but an answer may still come; the conversation will
 * be over soon. CSGI_ENOMEM: nothing more can be sent. */
csgi_status connection_send(connection *self, const csgi_str *pieces, size_t count);
/* Bytes of the request that wait for the kernel. */
size_t connection_queued(const connection *self);
/* A number that changes whenever the other side takes some of them; asks the kernel. */
uint64_t connection_progress(const connection *self);
/* Goes on reading, after the conversation's reader was RESPONSE_AHEAD_MAX behind. */
void connection_resume(connection *self);
/* Closes an idle one. */
void connection_close(connection *self);

/* Ends a conversation from its own side, with that status; unless it is over, the connection is
 * closed. Nothing more is told. */
void conversation_give_up(conversation *self, csgi_status status);
/* It is over, or given up, and nobody reads its answer any more. */
void conversation_end(conversation *self, origin *with);

#endif
