/* SPDX-License-Identifier: MIT
 * A connection's struct, shared by its making (conn.c), its requests (conn_requests.c), its
 * responses (conn_wire.c), its times (conn_time.c) and its end (conn_close.c). */
#ifndef CAPRICORN_HTTP1_CONN_INSIDE_H
#define CAPRICORN_HTTP1_CONN_INSIDE_H

#include "http1/http1.h"
#include "http1/request_parser.h"

/* A head that came in several reads: what is there so far. */
typedef struct partial_head {
    buffer bytes;
    request_places places; /* its fields follow */
} partial_head;

/* Pipelined bytes kept while a response is made; above it reading stops. */
#define CARRY_HIGH ((size_t)65536)
/* Of a body that nobody read, what is still read away to keep the connection. */
#define DISCARD_MAX ((size_t)65536)
/* Before a connection is closed its peer may read the response and be heard out, so long and so
 * much: closing at once would reset it. */
#define LINGER_MS  1000u
#define LINGER_MAX ((size_t)1048576)
/* While reading is stopped, the kernel is asked this often whether the peer has gone. */
#define LOOK_MS 1000u
/* When draining, an idle connection is given this long: a request that is on its way will be read.
 * Then it is half-closed, and its peer has so long to notice before one that comes is reset. */
#define DRAIN_IDLE_MS   50u
#define DRAIN_LINGER_MS 200u

struct http1_conn {
    stream *stream;
    loop *loop;
    const http1_options *options;
    const http1_events *events;
    void *owner;
    exchange *exchange; /* the current one, until its response has ended */
    partial_head *partial;
    char *head; /* of the response, held back; in the exchange's arena */
    uint32_t head_len;
    uint32_t carry_start; /* bytes of carry that are done with */
    uint32_t unparsed;    /* bytes being fed that come after the current request */
    buffer carry;         /* read but not parsed yet */
    timer timer;          /* the one for all waits */
    uint64_t idle_since_ms;
    uint64_t
        client_due_ms; /* the head, or more of the body, must have come by then; 0: none is due */
    uint64_t taken, taken_ms; /* the stream's progress, and when it was last seen to change */
    uint64_t served;          /* requests so far */
    uint32_t credit_rest;     /* of a body's bytes, what is no whole millisecond yet */
    size_t piece_left;        /* of a chunk that has begun */
    size_t discarded;         /* body bytes read away; when lingering, all bytes */
    bool reading, feeding, eof, draining, lingering, closing;
    bool writing; /* bytes wait for the kernel */
    bool closes;  /* after this response */
    /* Of the current request. */
    bool handed_up, expects_continue, chunks, omits_body, until_close, flushed;
    request_limits limits;
    const request_parser *parser; /* own_parser, or one of those that all share; never NULL */
    request_parser *own_parser;   /* while a request is being read; else NULL */
};

/* What an option asks for, up to most; 0: it does not. */
static inline uint64_t conn_limit(uint64_t asked, uint64_t otherwise, uint64_t most)
{
    if (asked == 0) return otherwise;
    return asked < most ? asked : most;
}

/* ---- requests ---- */

/* Makes room for the places of so many fields. False: no memory. */
bool conn_reserve_places(uint32_t count);
/* The parser of a connection between two requests. Those of idle connections, and of requests that
 * were read whole, would all be the same, and a third of what the connection takes. */
extern const request_parser conn_idle_parser;
/* Lets go of the connection's own parser; from now on it has that one. */
void conn_share_parser(http1_conn *self, const request_parser *shared);
/* Parses until a response must be waited for. Returns the bytes that are done with. */
size_t conn_feed(http1_conn *self, const char *bytes, size_t len);
/* Keeps bytes for later; above CARRY_HIGH reading stops. */
void conn_keep(http1_conn *self, const char *bytes, size_t len);
/* The peer sends no more, and all it sent has been parsed as far as it goes. */
void conn_after_eof(http1_conn *self);
/* Reads again if reading was stopped. */
void conn_read(http1_conn *self);
/* Goes on with bytes that were kept, if the next request may begin. */
void conn_advance(http1_conn *self);
/* The response has been written whole. The exchange is released; on_request may be called for the
 * next one. */
void conn_end_response(http1_conn *self);
/* The rest of the head or body is overdue: 408, unless a response is on its way already. */
void conn_refuse_late(http1_conn *self);

/* ---- responses ---- */

/* Does the client, who asked whether to send its body, still wait to be told? */
bool conn_is_waiting_for_continue(const http1_conn *self);

/* ---- times ---- */

/* The connection is new: it is idle. */
void conn_watch_idling(http1_conn *self);
/* Has the client taken nothing of its response for too long? To be asked from time to time. */
bool conn_is_stalled(http1_conn *self);
/* Ends what has taken too long, or starts the timer again. */
void conn_look_at_times(http1_conn *self);
/* These bytes of a head have come, not its last: from the first one its time runs. */
void conn_await_head(http1_conn *self, const char *bytes, size_t len);
/* The server waits for the body from now on. */
void conn_await_body(http1_conn *self);
/* Some of the body has come: there is more time for the rest. */
void conn_credit_body(http1_conn *self, size_t len);
/* Makes sure that the timer looks in time at what is due. */
void conn_watch(http1_conn *self);
/* Reading has been stopped: the peer is looked at from time to time. */
void conn_watch_peer(http1_conn *self);
/* Bytes have begun to wait for the kernel. */
void conn_watch_writing(http1_conn *self);

/* ---- the end ---- */

/* Forgets a head whose end has not come. */
void conn_drop_partial(http1_conn *self);
/* Lets the peer read what was sent, then closes. No exchange is left. */
void conn_linger(http1_conn *self);
/* Half-closes a draining connection without a request, or waits for one that has just come. */
void conn_end_idle(http1_conn *self);
/* Closes at once; the exchange, if any, sees a disconnect. */
void conn_close(http1_conn *self);
/* Likewise, and the kernel is to forget what the peer has not taken. */
void conn_abort(http1_conn *self);
/* Events while lingering. */
void conn_linger_read(http1_conn *self, size_t len);
void conn_linger_due(http1_conn *self);
/* The stream's on_closed: frees the connection. */
void conn_on_closed(void *owner);

extern const exchange_wire conn_wire;

#endif
