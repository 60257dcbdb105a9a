/* SPDX-License-Identifier: MIT
 * HTTP/1.1 and 1.0 on one connection: requests are parsed and handed up as exchanges, one at a time
 * and in order; responses are framed. It knows no application, route or plugin.
 *
 * The end of the client's bytes. A client that is gone and one that has merely shut down its
 * sending half (a request piped through nc) look alike until something is written. After a whole
 * request both count as a disconnect that may prove wrong: receive says so and the task is
 * cancelled after the grace, but until then, and until the application has been told, the response
 * is sent; a write that fails settles it (see exchange_push_half_close). In the middle of a request
 * it is a disconnect. */
#ifndef CAPRICORN_HTTP1_HTTP1_H
#define CAPRICORN_HTTP1_HTTP1_H

#include "exchange/exchange.h"
#include "net/stream.h"

typedef struct http1_conn http1_conn;

/* What a head may take, and a PROXY header before it, when no option says otherwise. */
#define HTTP1_DEFAULT_HEADERS_MS 10000u

typedef struct http1_options {
    bool server_header, date_header;
    csgi_str fixed_lines; /* that every response has: "name: value\r\n" each; borrowed */
    size_t max_request_line, max_header_size; /* bytes; 0: 8 KiB, 32 KiB */
    size_t max_headers;                       /* fields; 0: 100 */
    uint64_t max_body;                        /* 0: 16 MiB; UINT64_MAX: no limit */
    uint64_t max_requests; /* on one connection, which is then closed; 0: no limit */
    /* Times; 0: the defaults (75 s, 10 s, 10 s, 60 s); UINT64_MAX: no limit. */
    uint64_t keep_alive_ms; /* an idle connection is closed after it */
    uint64_t headers_ms;    /* from a head's first byte to its last, else 408 */
    uint64_t body_ms;  /* a body may be behind 1 KiB/s by so much, while we read it, else 408 */
    uint64_t write_ms; /* a client that takes nothing of its response for so long is cut */
} http1_options;

typedef struct http1_events {
    /* A request's head is complete. The exchange's application reference comes with it. */
    void (*on_request)(void *owner, exchange *request);
    /* A response of which bytes were sent has ended, well (the phase is EXCHANGE_COMPLETE) or not:
     * for the access log. The exchange is still whole. Of a request that could not be read the
     * method and raw_path are "-". May be called inside the answering task. */
    void (*on_response)(void *owner, exchange *request);
    /* The connection is closed and its memory gone. */
    void (*on_closed)(void *owner, http1_conn *self);
} http1_events;

/* Takes over the stream; options and events outlive it. No event is called before this returns.
 * CSGI_ENOMEM: the stream is still the caller's. */
csgi_status http1_conn_new(stream *stream, const http1_options *options, const http1_events *events,
                           void *owner, http1_conn **out);
/* Bytes that were read from the stream before it was handed over; in one of its events only. They
 * are changed in place. */
void http1_conn_push(http1_conn *self, char *bytes, size_t len);
/* Ends gracefully: an idle connection is half-closed when no request has come for 50 ms, a busy one
 * closed after its response, which says Connection: close, or after the last of the requests it has
 * pipelined. */
void http1_conn_drain(http1_conn *self);
/* Cuts it now; its exchange sees a disconnect. */
void http1_conn_cut(http1_conn *self);
/* Frees what connections share; none is left. */
void http1_clear(void);

#endif
