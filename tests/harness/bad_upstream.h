/* SPDX-License-Identifier: MIT
 * An upstream that misbehaves, each time as the request's path says: one thread for thousands of
 * connections. Within a test's own process, or as the program build/harness/bad_upstream. It tells
 * what it saw: who closed what, and whether a spoilt connection was used again. */
#ifndef CAPRICORN_TEST_BAD_UPSTREAM_H
#define CAPRICORN_TEST_BAD_UPSTREAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* What a path can begin with ("/hang-body", "/reset/17"). */
typedef enum bad_fault {
    BAD_GOOD,         /* an honest answer, "hi" */
    BAD_GOOD_CHUNKED, /* the same, in chunks */
    BAD_GOOD_CLOSE,   /* the same, until the connection ends */
    BAD_STATS,        /* what bad_upstream_seen has, as JSON */
    BAD_HANG,         /* reads the request and says nothing, as all that hang: for ever */
    BAD_HANG_HEAD,
    BAD_HANG_BODY,
    BAD_RESET, /* RST instead of an answer */
    BAD_RESET_HEAD,
    BAD_RESET_BODY,
    BAD_RESET_CLOSE, /* in a body that lasts until the connection ends */
    BAD_CLOSE,       /* an orderly end instead of an answer */
    BAD_CLOSE_HEAD,
    BAD_CLOSE_BODY, /* fewer bytes than Content-Length said */
    BAD_CLOSE_CHUNKS,
    BAD_DRIP,      /* a body, one byte each 20 ms */
    BAD_DRIP_HEAD, /* the head likewise */
    BAD_ENDLESS_HEAD,
    BAD_ENDLESS_INTERIMS,
    BAD_ENDLESS_BODY,
    BAD_HUGE,    /* Content-Length: 1 TiB */
    BAD_GARBAGE, /* SMTP */
    BAD_HTTP2,   /* the frames with which HTTP/2 begins */
    BAD_CHUNK_SIZE,
    BAD_LENGTHS,  /* two Content-Length that differ */
    BAD_LONG,     /* honest, and then bytes that nobody asked for, on a connection kept open */
    BAD_BOMB,     /* gzip, of which much more comes than it is */
    BAD_CUT_GZIP, /* gzip that ends early, and Content-Length with it */
    BAD_UNREAD,   /* reads the head, and no byte of the body */
    BAD_COUNT
} bad_fault;

typedef struct bad_upstream_seen {
    atomic_uint accepted, open; /* connections */
    atomic_uint asked[BAD_COUNT];
    atomic_uint left[BAD_COUNT]; /* that the client closed while this was its answer */
    atomic_uint spoilt;          /* requests on a connection that was not fit for one any more */
} bad_upstream_seen;

typedef struct bad_upstream {
    pthread_t thread;
    int listener, stopper, poll;
    uint32_t port;
    bad_upstream_seen seen;
    struct bad_connection *open, *timed; /* the thread's own */
} bad_upstream;

/* As in a path. */
const char *bad_fault_name(bad_fault fault);
/* Listens on a port of 127.0.0.1 and serves, on a thread of its own. Aborts on failure. */
void bad_upstream_start(bad_upstream *self);
/* Closes all that is open and ends the thread. */
void bad_upstream_stop(bad_upstream *self);

#endif
