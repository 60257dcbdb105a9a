/* SPDX-License-Identifier: MIT
 * An HTTP/1 connection: its making, what its stream tells, and its timer. */
#include <stdlib.h>

#include "base/check.h"
#include "http1/conn_inside.h"

#define DEFAULT_MAX_LINE        8192u
#define DEFAULT_MAX_HEADER_SIZE 32768u
#define DEFAULT_MAX_HEADERS     100u
#define DEFAULT_MAX_BODY        16777216u
/* What the options may ask for at most. */
#define LIMIT_BYTES   16777216u
#define LIMIT_HEADERS 10000u

/* ---- the stream's events ---- */

static void on_read(void *owner, char *bytes, size_t len)
{
    http1_conn *self = owner;
    size_t done = 0;

    if (self->lingering) {
        conn_linger_read(self, len);
        return;
    }
    if (self->carry.len == 0) done = conn_feed(self, bytes, len);
    conn_keep(self, bytes + done, len - done);
}

static void on_eof(void *owner)
{
    http1_conn *self = owner;

    self->eof = true;
    self->reading = false;
    if (!self->lingering)
        conn_after_eof(self);
    else if (stream_queued(self->stream) == 0)
        conn_close(self);
}

static void on_broken(void *owner)
{
    conn_close(owner);
}

static void on_drained(void *owner)
{
    http1_conn *self = owner;

    self->writing = false;
    if (self->lingering) {
        if (self->eof) conn_close(self);
        return;
    }
    if (self->exchange) exchange_push_drained(self->exchange);
    conn_advance(self);
    if (self->draining && !self->closing && !self->lingering) /* it may be idle now */
        timer_start(self->loop, &self->timer, DRAIN_IDLE_MS);
}

static const stream_events stream_told = { on_read, on_eof, on_broken, on_drained, conn_on_closed };

/* ---- idling ---- */

static bool is_idle(const http1_conn *self)
{
    return !self->exchange && self->carry.len == 0 && !self->parser->head_complete &&
           self->client_due_ms == 0;
}

/* Reading is stopped: does the peer still wait for its response? */
static void look_at_peer(http1_conn *self)
{
    stream_peer_state peer = stream_look_at_peer(self->stream);

    if (peer == STREAM_PEER_GONE) {
        conn_close(self);
        return;
    }
    /* An unread body may yet be whole; what comes after the request is not this request's. */
    if (peer == STREAM_PEER_DONE && self->parser->has_ended)
        exchange_push_half_close(self->exchange);
    conn_look_at_times(self);
}

static void on_timer(timer *due)
{
    http1_conn *self = CONTAINER_OF(due, http1_conn, timer);

    if (self->lingering) {
        conn_linger_due(self);
    } else if (self->draining && is_idle(self) && stream_queued(self->stream) == 0) {
        conn_end_idle(self);
    } else if (self->exchange && !self->reading && !self->eof) {
        look_at_peer(self);
    } else {
        conn_look_at_times(self);
    }
}

/* ---- public ---- */

static request_limits limits_of(const http1_options *options)
{
    return (request_limits){
        .line = (uint32_t)conn_limit(options->max_request_line, DEFAULT_MAX_LINE, LIMIT_BYTES),
        .header_size =
            (uint32_t)conn_limit(options->max_header_size, DEFAULT_MAX_HEADER_SIZE, LIMIT_BYTES),
        .headers = (uint32_t)conn_limit(options->max_headers, DEFAULT_MAX_HEADERS, LIMIT_HEADERS),
        .body = options->max_body ? options->max_body : DEFAULT_MAX_BODY,
    };
}

csgi_status http1_conn_new(stream *from, const http1_options *options, const http1_events *events,
                           void *owner, http1_conn **out)
{
    request_limits limits = limits_of(options);
    http1_conn *self = conn_reserve_places(limits.headers) ? calloc(1, sizeof *self) : NULL;

    if (!self) return CSGI_ENOMEM;
    self->stream = from;
    self->loop = stream_loop(from);
    self->options = options;
    self->events = events;
    self->owner = owner;
    self->limits = limits;
    self->idle_since_ms = loop_now_ms(self->loop);
    self->parser = &conn_idle_parser;
    timer_init(&self->timer, on_timer);
    conn_watch_idling(self);
    stream_set_owner(from, &stream_told, self);
    conn_read(self); /* if it fails the stream will say that it is broken */
    *out = self;
    return CSGI_OK;
}

void http1_conn_push(http1_conn *self, char *bytes, size_t len)
{
    on_read(self, bytes, len);
}

void http1_conn_drain(http1_conn *self)
{
    if (self->closing || self->draining) return;
    self->draining = true;
    if (self->lingering) {
        if (stream_queued(self->stream) == 0) conn_close(self);
    } else if (is_idle(self)) {
        timer_start(self->loop, &self->timer, DRAIN_IDLE_MS);
    }
}

void http1_conn_cut(http1_conn *self)
{
    conn_close(self);
}
