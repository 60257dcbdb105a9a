/* SPDX-License-Identifier: MIT
 * One connection to another server: what the stream tells becomes a response, its failure, or the
 * connection's return to the pool. */
#include "client/connection.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/str.h"
#include "client/pool.h"

static void begin_close(connection *self)
{
    self->with = NULL;
    timer_stop(self->origin->pool->loop, &self->idle);
    stream_close(self->stream);
    origin_free_place(self->origin);
}

/* ---- the end of a conversation ---- */

void conversation_give_up(conversation *self, csgi_status status)
{
    if (self->is_over) return;
    if (self->on) begin_close(self->on);
    self->on = NULL;
    self->is_over = true;
    self->status = status;
}

void conversation_end(conversation *self, origin *with)
{
    CHECK(!self->on);
    if (self->reading) pool_put_response(with->pool, self->reading);
    self->reading = NULL;
}

static void settle(connection *self, csgi_status status, bool reusable)
{
    conversation *with = self->with;

    self->with = NULL;
    with->on = NULL;
    with->is_over = true;
    with->status = status;
    if (with->reading && with->reading->head_done) with->result = with->reading->result;
    if (!with->wanted.in_pieces) conversation_end(with, self->origin);
    if (reusable)
        origin_put(self->origin, self);
    else
        begin_close(self);
    with->on_progress(with);
}

static void fail(connection *self, bool was_reset)
{
    conversation *with = self->with;
    csgi_status status = with->reading ? with->reading->failure : CSGI_ENOMEM;
    const char *reason = stream_broken_reason(self->stream);

    buffer_printf(with->why, "%.*s: ", STR_ARG(with->origin_name));
    if (with->reading)
        response_print_failure(with->reading, with->why);
    else
        buffer_printf(with->why, "no memory to read the answer");
    if (reason)
        buffer_printf(with->why, " (TLS: %s)", reason);
    else if (was_reset)
        buffer_printf(with->why, " (the connection was reset)");
    settle(self, status, false);
}

static void succeed(connection *self, bool nothing_left)
{
    bool reusable = nothing_left && self->with->is_sent && self->with->reading->keep_alive &&
                    stream_queued(self->stream) == 0;

    settle(self, CSGI_OK, reusable);
}

/* ---- what the stream tells ---- */

/* False: no memory. */
static bool begin_reading(connection *self)
{
    conversation *with = self->with;

    if (with->reading) return true;
    with->reading = pool_take_response(self->origin->pool);
    if (!with->reading) return false;
    response_begin(with->reading, with->memory, with->wanted);
    return true;
}

static void go_on(connection *self)
{
    conversation *with = self->with;

    if (with->wanted.in_pieces && with->reading->gathered.len >= RESPONSE_AHEAD_MAX) {
        self->is_stopped = true;
        stream_read_stop(self->stream);
    }
    with->on_progress(with);
}

static void on_read(void *owner, char *bytes, size_t len)
{
    connection *self = owner;
    size_t used = 0;

    if (!self->with) { /* nobody asked: whatever follows could not be trusted */
        connection_close(self);
        return;
    }
    self->with->answered = true;
    if (!begin_reading(self)) {
        fail(self, false);
        return;
    }
    switch (response_read(self->with->reading, bytes, len, &used)) {
    case RESPONSE_MORE:
        go_on(self);
        break;
    case RESPONSE_DONE:
        succeed(self, used == len);
        break;
    case RESPONSE_FAILED:
        fail(self, false);
        break;
    }
}

static void end(connection *self, bool clean)
{
    if (!self->with)
        connection_close(self);
    else if (begin_reading(self) && response_end(self->with->reading, clean) == RESPONSE_DONE)
        succeed(self, false);
    else
        fail(self, !clean);
}

static void on_eof(void *owner)
{
    end(owner, true);
}

static void on_broken(void *owner)
{
    end(owner, false);
}

static void on_drained(void *owner)
{
    connection *self = owner;

    if (self->with) self->with->on_progress(self->with);
}

static void on_closed(void *owner)
{
    connection *self = owner;
    origin *from = self->origin;

    free(self);
    from->pool->connections--;
    origin_release(from);
}

static const stream_events events = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_broken = on_broken,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

static void on_idle_due(timer *due)
{
    connection *self = CONTAINER_OF(due, connection, idle);

    origin_end_idle(self->origin, self);
}

/* ---- for the transfer ---- */

connection *connection_new(origin *to, stream *connected)
{
    connection *self = calloc(1, sizeof *self);

    if (!self) {
        stream_close(connected);
        origin_free_place(to);
        return NULL;
    }
    self->stream = connected;
    self->origin = to;
    list_init(&self->node);
    timer_init(&self->idle, on_idle_due);
    origin_hold(to);
    to->pool->connections++;
    stream_set_owner(connected, &events, self);
    stream_hear_out(connected);
    if (stream_read_start(connected) == CSGI_OK) return self;
    begin_close(self);
    return NULL;
}

void connection_begin(connection *self, conversation *with)
{
    CHECK(!self->with && !self->is_idle && !with->on && !with->reading);
    self->with = with;
    with->on = self;
    with->answered = with->is_over = false;
}

csgi_status connection_send(connection *self, const csgi_str *pieces, size_t count)
{
    return stream_write(self->stream, pieces, count);
}

size_t connection_queued(const connection *self)
{
    return stream_queued(self->stream);
}

uint64_t connection_progress(const connection *self)
{
    return stream_progress(self->stream);
}

void connection_resume(connection *self)
{
    if (!self->is_stopped) return;
    self->is_stopped = false;
    if (stream_read_start(self->stream)) end(self, false);
}

void connection_close(connection *self)
{
    CHECK(!self->with);
    if (self->is_idle) origin_forget(self->origin, self);
    begin_close(self);
}
