/* SPDX-License-Identifier: MIT
 * One connection to another server: what the stream tells becomes a response, its failure, or the
 * connection's return to the pool. */
#include "client/connection.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/str.h"
#include "client/pool.h"

static void stop_reading(connection *self)
{
    if (!self->reading) return;
    pool_put_response(self->origin->pool, self->reading);
    self->reading = NULL;
}

static void begin_close(connection *self)
{
    self->with = NULL;
    stop_reading(self);
    stream_close(self->stream);
}

/* ---- the end of a conversation ---- */

static void settle(connection *self, csgi_status status, bool reusable)
{
    conversation *with = self->with;

    self->with = NULL;
    stop_reading(self);
    if (reusable)
        origin_put(self->origin, self);
    else
        begin_close(self);
    with->on_settled(with, status);
}

static void fail(connection *self)
{
    csgi_status status = self->reading ? self->reading->failure : CSGI_ENOMEM;

    buffer_printf(self->with->why, "%.*s: ", STR_ARG(self->with->origin_name));
    if (self->reading)
        response_print_failure(self->reading, self->with->why);
    else
        buffer_printf(self->with->why, "no memory to read the answer");
    settle(self, status, false);
}

static void succeed(connection *self, bool nothing_left)
{
    bool reusable = nothing_left && self->reading->keep_alive && stream_queued(self->stream) == 0;

    self->with->response = self->reading->result;
    settle(self, CSGI_OK, reusable);
}

/* ---- what the stream tells ---- */

/* False: no memory. */
static bool begin_reading(connection *self)
{
    if (self->reading) return true;
    self->reading = pool_take_response(self->origin->pool);
    if (!self->reading) return false;
    response_begin(self->reading, self->into, self->is_head, self->max_body);
    return true;
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
        fail(self);
        return;
    }
    switch (response_read(self->reading, bytes, len, &used)) {
    case RESPONSE_MORE:
        self->with->on_progress(self->with);
        break;
    case RESPONSE_DONE:
        succeed(self, used == len);
        break;
    case RESPONSE_FAILED:
        fail(self);
        break;
    }
}

static void end(connection *self, bool clean)
{
    if (!self->with)
        connection_close(self);
    else if (begin_reading(self) && response_end(self->reading, clean) == RESPONSE_DONE)
        succeed(self, false);
    else
        fail(self);
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
    connection_close(CONTAINER_OF(due, connection, idle));
}

/* ---- for the fetch ---- */

connection *connection_new(origin *to, stream *connected)
{
    connection *self = calloc(1, sizeof *self);

    if (!self) {
        stream_close(connected);
        return NULL;
    }
    self->stream = connected;
    self->origin = to;
    list_init(&self->node);
    timer_init(&self->idle, on_idle_due);
    origin_hold(to);
    to->pool->connections++;
    stream_set_owner(connected, &events, self);
    if (stream_read_start(connected) == CSGI_OK) return self;
    begin_close(self);
    return NULL;
}

csgi_status connection_talk(connection *self, conversation *with, csgi_str head, csgi_str body,
                            arena *into, bool is_head, uint64_t max_body)
{
    const csgi_str pieces[] = { head, body };
    csgi_status status;

    CHECK(!self->with && !self->is_idle);
    status = stream_write(self->stream, pieces, COUNT_OF(pieces));
    if (status) {
        begin_close(self);
        return status;
    }
    with->answered = false;
    self->with = with;
    self->into = into;
    self->is_head = is_head;
    self->max_body = max_body;
    return CSGI_OK;
}

size_t connection_queued(const connection *self)
{
    return stream_queued(self->stream);
}

void connection_give_up(connection *self)
{
    CHECK(self->with);
    begin_close(self);
}

void connection_close(connection *self)
{
    CHECK(!self->with);
    if (self->is_idle) origin_forget(self->origin, self);
    begin_close(self);
}
