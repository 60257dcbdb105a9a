/* SPDX-License-Identifier: MIT
 * How an HTTP/1 connection ends: at once, or after the peer has read what was sent. */
#include <stdlib.h>

#include "base/check.h"
#include "http1/conn_inside.h"

void conn_drop_partial(http1_conn *self)
{
    if (!self->partial) return;
    buffer_fini(&self->partial->bytes);
    free(self->partial);
    self->partial = NULL;
}

/* Lets go of an exchange whose response will not end well. */
static void drop_exchange(http1_conn *self)
{
    exchange *dropped = self->exchange;

    if (!dropped) return;
    self->exchange = NULL;
    self->head = NULL;
    if (self->flushed) self->events->on_response(self->owner, dropped);
    exchange_wire_release(dropped);
    if (!self->handed_up) exchange_app_release(dropped);
}

static void end(http1_conn *self, bool resets)
{
    if (self->closing) return;
    self->closing = true;
    timer_stop(self->loop, &self->timer);
    if (resets)
        stream_abort(self->stream);
    else
        stream_close(self->stream);
    drop_exchange(self);
}

void conn_close(http1_conn *self)
{
    /* An orderly end would pass for the end of such a body. */
    end(self, self->exchange && self->flushed && self->until_close);
}

void conn_abort(http1_conn *self)
{
    end(self, true);
}

void conn_linger(http1_conn *self)
{
    CHECK(!self->exchange);
    if (self->closing || self->lingering) return;
    if (self->eof && stream_queued(self->stream) == 0) {
        conn_close(self);
        return;
    }
    self->lingering = true;
    self->discarded = 0;
    buffer_fini(&self->carry);
    self->carry_start = 0;
    conn_drop_partial(self);
    stream_shutdown(self->stream);
    if (!self->eof) conn_read(self);
    timer_start(self->loop, &self->timer, LINGER_MS);
}

/* A request that crosses the end gets no answer, but an orderly end without one, by which its
 * client knows that it was not served (RFC 9112 section 9.6): a reset would tell it nothing, and
 * might cost it the response before. */
void conn_end_idle(http1_conn *self)
{
    if (stream_has_unread(self->stream)) {
        timer_start(self->loop, &self->timer, DRAIN_IDLE_MS);
        return;
    }
    conn_linger(self);
    if (!self->closing) timer_start(self->loop, &self->timer, DRAIN_LINGER_MS);
}

void conn_linger_read(http1_conn *self, size_t len)
{
    self->discarded += len;
    if (self->discarded > LINGER_MAX && stream_queued(self->stream) == 0) conn_close(self);
}

void conn_linger_due(http1_conn *self)
{
    /* The peer is still reading: the time begins when it has all. */
    if (conn_is_stalled(self))
        conn_abort(self);
    else if (stream_queued(self->stream))
        timer_start(self->loop, &self->timer, LINGER_MS);
    else
        conn_close(self);
}

void conn_on_closed(void *owner)
{
    http1_conn *self = owner;

    CHECK(self->closing && !self->exchange);
    conn_drop_partial(self);
    buffer_fini(&self->carry);
    conn_share_parser(self, &conn_idle_parser);
    self->events->on_closed(self->owner, self);
    free(self);
}
