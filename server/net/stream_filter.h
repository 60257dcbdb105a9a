/* SPDX-License-Identifier: MIT
 * What stands between a stream's socket and its owner and changes the bytes, such as TLS. The owner
 * goes on using stream.h and does not know; bytes that wait, and progress, are counted as they go
 * over the socket. */
#ifndef CAPRICORN_NET_STREAM_FILTER_H
#define CAPRICORN_NET_STREAM_FILTER_H

#include "net/stream.h"

typedef struct stream_filter stream_filter;

/* All are set. */
typedef struct stream_filter_functions {
    /* What the socket tells, with the filter as the owner. The filter passes on what concerns the
     * owner above it: on_broken and on_drained as they are, on_closed always, once it has freed
     * itself. */
    stream_events events;
    /* What the owner calls, as in stream.h. Never called on a stream that is closing; write and
     * shutdown not on one that is broken or shut either. */
    csgi_status (*read_start)(stream_filter *self);
    void (*read_stop)(stream_filter *self);
    bool (*has_unread)(const stream_filter *self);
    csgi_status (*write)(stream_filter *self, const csgi_str *pieces, size_t count);
    void (*shutdown)(stream_filter *self);
    /* The stream is about to be closed: last words, if it is orderly, and nothing more is told. */
    void (*close)(stream_filter *self, bool orderly);
    /* Why the connection broke, or NULL. */
    const char *(*broken_reason)(const stream_filter *self);
} stream_filter_functions;

/* Embedded in the filter. */
struct stream_filter {
    const stream_filter_functions *functions;
    stream *stream;
    const stream_events *events; /* the owner above; NULL: none yet */
    void *owner;
};

/* Puts a filter on a stream that has none, for as long as it lives. Reading goes on or stays
 * stopped as it is. */
void stream_set_filter(stream *self, stream_filter *filter,
                       const stream_filter_functions *functions);

/* The stream's filter if it has these functions, or NULL. */
stream_filter *stream_get_filter(const stream *self, const stream_filter_functions *functions);

/* For the filter, below it: as stream_read_start, and so on, are for an owner. Writing on a stream
 * that is closing, broken or shut is CSGI_EDISCONNECTED. */
csgi_status stream_socket_read_start(stream *self);
void stream_socket_read_stop(stream *self);
csgi_status stream_socket_write(stream *self, const csgi_str *pieces, size_t count);
void stream_socket_shutdown(stream *self);
/* The connection can no longer be used: on_broken is told from the loop, once. */
void stream_break_soon(stream *self);

#endif
