/* SPDX-License-Identifier: MIT
 * A new connection that has yet to begin with a PROXY header: reads it, gives the stream the ends
 * that it names, and hands it on. A connection that begins otherwise is closed. */
#ifndef CAPRICORN_SESSION_PROXY_READING_H
#define CAPRICORN_SESSION_PROXY_READING_H

#include "net/stream.h"

typedef struct proxy_reading proxy_reading;

typedef struct proxy_reading_events {
    /* The header has come; bytes (perhaps none, writable, valid for the call) follow it. CSGI_OK:
     * the stream is the owner's, with an owner of its own, and this reading's memory goes by
     * itself. Any other: the reading closes the stream. */
    csgi_status (*on_ready)(void *owner, stream *ready, char *bytes, size_t len);
    /* The stream was closed, and the reading's memory is gone; not after on_ready took it. */
    void (*on_closed)(void *owner);
} proxy_reading_events;

/* Takes over the stream; the header has timeout_ms to come (UINT64_MAX: no limit). No event is
 * called before this returns. CSGI_ENOMEM: the stream is still the caller's. */
csgi_status proxy_reading_new(stream *from, uint64_t timeout_ms, const proxy_reading_events *events,
                              void *owner, proxy_reading **out);
/* Closes it soon, unless the header is there already. */
void proxy_reading_drain(proxy_reading *self);
/* Closes it now. */
void proxy_reading_cut(proxy_reading *self);

#endif
