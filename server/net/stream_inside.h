/* SPDX-License-Identifier: MIT
 * The stream's struct, for the files of net/ alone. */
#ifndef CAPRICORN_NET_STREAM_INSIDE_H
#define CAPRICORN_NET_STREAM_INSIDE_H

#include <uv.h>

#include "loop/timer.h"
#include "net/stream_filter.h"

/* What a write needs when the kernel does not take it at once. */
typedef struct outgoing {
    uv_write_t request;
    buffer flying, waiting; /* given to libuv; to follow it */
} outgoing;

typedef struct stream_end stream_end;

struct stream {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    loop *loop;
    const stream_events *events; /* with a filter: the filter's, as its owner */
    union {
        void *owner;
        stream *next_free;
    };
    outgoing *outgoing;     /* NULL: nothing waits for the kernel */
    connecting *connecting; /* until it is connected */
    stream_filter *filter;  /* NULL: none, as on most streams */
    timer broken_soon;      /* tells of a failed write from the loop */
    uint64_t accepted;      /* bytes ever taken to be written */
    int fd;
    bool is_tcp, flying, broken, broken_told, hears_out, shut, closing;
    stream_end *peer, *local; /* NULL: not known yet */
};

/* A stream whose libuv part is initialised but has no socket. CSGI_ENOMEM, CSGI_EFAIL. */
csgi_status stream_new(loop *loop, bool is_tcp, stream **out);
/* Gives the socket to a new stream. On failure the socket is the caller's. */
csgi_status stream_open(stream *self, int fd);
/* What accept said. */
void stream_set_peer(stream *self, const struct sockaddr *peer, socklen_t len);
void stream_end_release(stream_end *self);
void stream_ends_clear(void);
/* libuv writes without MSG_NOSIGNAL, so a peer that went away must not kill the process. */
void stream_ignore_sigpipe(void);
/* Ends a connecting's memory; the stream's close calls it. */
void connecting_free(connecting *self);

#endif
