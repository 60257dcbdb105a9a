/* SPDX-License-Identifier: MIT
 * A connected byte stream (TCP or Unix socket), on the loop. It knows nothing of what is said on
 * it. */
#ifndef CAPRICORN_NET_STREAM_H
#define CAPRICORN_NET_STREAM_H

#include <stdbool.h>

#include "base/buffer.h"
#include "loop/loop.h"
#include "net/address.h"

typedef struct stream stream;

/* What the owner is told, always from the loop, never from inside a call the owner makes. All are
 * set. An owner may close the stream in any of them. */
typedef struct stream_events {
    /* Bytes, valid (and writable) for the call. */
    void (*on_read)(void *owner, char *bytes, size_t len);
    /* The peer sent all it will send; it may still read. */
    void (*on_eof)(void *owner);
    /* The connection is broken (reset, write failed): close it. Told once. */
    void (*on_broken)(void *owner);
    /* All queued bytes have been given to the kernel. Not told when a write was taken whole. */
    void (*on_drained)(void *owner);
    /* After stream_close: nothing more will come, and the stream's memory is gone. */
    void (*on_closed)(void *owner);
} stream_events;

/* Makes a stream of a connected socket, TCP or Unix, which it then owns. CSGI_ENOMEM or CSGI_EFAIL:
 * the socket is closed. */
csgi_status stream_from_fd(loop *loop, int fd, stream **out);
/* Frees what this thread keeps of closed streams for reuse. */
void stream_pool_clear(void);

/* Sets who is told. */
void stream_set_owner(stream *self, const stream_events *events, void *owner);
loop *stream_loop(const stream *self);
/* The two ends; the peer's is learnt at the first call. Valid as long as the stream. No more than
 * their len is there of them: they are not to be assigned. */
const address *stream_peer(stream *self);
const address *stream_local(stream *self);
/* The ends as a proxy says that they are, instead of the kernel's. CSGI_ENOMEM: they are unchanged.
 * What stream_peer and stream_local returned before is no longer valid. */
csgi_status stream_replace_ends(stream *self, const address *peer, const address *local);

/* Reading may be started and stopped at will. 0 or CSGI_EFAIL. */
csgi_status stream_read_start(stream *self);
void stream_read_stop(stream *self);

/* What the kernel knows of the peer, asked while reading is stopped: nothing is told then. */
typedef enum stream_peer_state {
    STREAM_PEER_OPEN,
    STREAM_PEER_DONE, /* it sends no more than what is unread; it may still read */
    STREAM_PEER_GONE  /* reset */
} stream_peer_state;
stream_peer_state stream_look_at_peer(const stream *self);
/* Are there bytes that have yet to be read? */
bool stream_has_unread(const stream *self);

/* Writes the pieces in one system call if the kernel takes them; copies what it did not take.
 * CSGI_EDISCONNECTED: broken or closing. CSGI_ENOMEM: nothing may be written any more. */
csgi_status stream_write(stream *self, const csgi_str *pieces, size_t count);
/* Has the kernel send a part of a file (sendfile), as much as it takes at once; the file's own
 * position is neither used nor moved. *sent counts it; 0 with CSGI_OK: it takes nothing now,
 * something is queued, or the file has ended there: read and write instead. A file that is not in
 * memory is read from the disk meanwhile. CSGI_ENOTSUP: not this file; read it. CSGI_EDISCONNECTED:
 * broken or closing. */
csgi_status stream_send_file(stream *self, int fd, uint64_t offset, size_t len, size_t *sent);
/* From now on, when writing fails, on_broken is told only after all that the peer had sent before
 * it closed: it may have answered early. */
void stream_hear_out(stream *self);
/* Bytes that wait for the kernel. */
size_t stream_queued(const stream *self);
/* A number that changes whenever the peer takes some of what was written, and only then: asks the
 * kernel. */
uint64_t stream_progress(const stream *self);
/* Why the connection is broken, where more than its breaking is known (TLS): "bad record mac". NULL
 * otherwise. Valid until the stream is closed. */
const char *stream_broken_reason(const stream *self);
/* No more writing: the peer sees the end of file once the queue is empty. */
void stream_shutdown(stream *self);
/* Drops what is queued, and closes. on_closed comes later. Once. */
void stream_close(stream *self);
/* As stream_close, with a TCP reset instead of an orderly end. */
void stream_abort(stream *self);

/* Connects; on_done, called from the loop, gets the stream, or NULL with a status (CSGI_EUNREACH
 * and the reason as text: "connection refused"). It may be given up before that: then on_done will
 * not be called. CSGI_ENOMEM. */
typedef struct connecting connecting;
typedef void (*connect_fn)(void *arg, stream *connected, csgi_status status, const char *reason);
csgi_status stream_connect(loop *loop, const address *to, connect_fn on_done, void *arg,
                           connecting **out);
void connecting_cancel(connecting *self);

#endif
