/* SPDX-License-Identifier: MIT
 * From a stream's first bytes to its ends. */
#include "session/proxy_reading.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/str.h"
#include "log/log.h"
#include "loop/timer.h"
#include "session/complaint.h"
#include "session/proxy_header.h"

/* When draining, a header that the kernel has already is read within this time. */
#define DRAIN_MS 50u

struct proxy_reading {
    stream *stream;
    const proxy_reading_events *events;
    void *owner;
    buffer kept; /* a header whose end has not come, and what came with that */
    timer patience;
    bool closing;
};

static void close_stream(proxy_reading *self)
{
    if (self->closing) return;
    self->closing = true;
    timer_stop(stream_loop(self->stream), &self->patience);
    stream_close(self->stream);
}

static void hand_on(proxy_reading *self, const proxy_header *header, char *bytes, size_t len)
{
    stream *ready = self->stream;

    timer_stop(stream_loop(ready), &self->patience);
    if ((header->has_ends &&
         stream_replace_ends(ready, &header->peer, &header->local) != CSGI_OK) ||
        self->events->on_ready(self->owner, ready, bytes, len) != CSGI_OK) {
        log_error("a connection was closed: no memory for it");
        close_stream(self);
        return;
    }
    buffer_fini(&self->kept);
    free(self);
}

/* ---- the stream's events ---- */

static void on_read(void *owner, char *bytes, size_t len)
{
    proxy_reading *self = owner;
    proxy_header header;
    size_t used = 0;

    if (self->kept.len) {
        if (buffer_append(&self->kept, bytes, len)) {
            close_stream(self);
            return;
        }
        bytes = self->kept.bytes;
        len = self->kept.len;
    }
    switch (proxy_header_parse(bytes, len, &header, &used)) {
    case PROXY_MORE:
        if (self->kept.len == 0 && buffer_append(&self->kept, bytes, len)) close_stream(self);
        break;
    case PROXY_DONE:
        hand_on(self, &header, bytes + used, len - used);
        break;
    case PROXY_FAILED:
        complain(stream_peer(self->stream),
                 "its connection was closed: it does not begin with a PROXY "
                 "header, as all must with --proxy-protocol");
        close_stream(self);
        break;
    }
}

static void on_end(void *owner)
{
    close_stream(owner);
}

static void on_drained(void *owner)
{
    (void)owner; /* nothing is ever written here */
}

static void on_stream_closed(void *owner)
{
    proxy_reading *self = owner;
    const proxy_reading_events *events = self->events;
    void *its_owner = self->owner;

    buffer_fini(&self->kept);
    free(self);
    events->on_closed(its_owner);
}

static void on_patience_over(timer *due)
{
    close_stream(CONTAINER_OF(due, proxy_reading, patience));
}

/* ---- public ---- */

csgi_status proxy_reading_new(stream *from, uint64_t timeout_ms, const proxy_reading_events *events,
                              void *owner, proxy_reading **out)
{
    static const stream_events told = { on_read, on_end, on_end, on_drained, on_stream_closed };
    proxy_reading *self = calloc(1, sizeof *self);

    if (!self) return CSGI_ENOMEM;
    self->stream = from;
    self->events = events;
    self->owner = owner;
    timer_init(&self->patience, on_patience_over);
    if (timeout_ms != UINT64_MAX) timer_start(stream_loop(from), &self->patience, timeout_ms);
    stream_set_owner(from, &told, self);
    stream_read_start(from); /* if it fails, the patience ends */
    *out = self;
    return CSGI_OK;
}

void proxy_reading_drain(proxy_reading *self)
{
    if (!self->closing) timer_start(stream_loop(self->stream), &self->patience, DRAIN_MS);
}

void proxy_reading_cut(proxy_reading *self)
{
    close_stream(self);
}
