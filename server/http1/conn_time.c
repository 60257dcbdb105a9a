/* SPDX-License-Identifier: MIT
 * The times of a connection: how long it may be idle, and how long a client may take over a head,
 * a body, or a response. One timer serves all of them. Requests do not start it: when a wait begins
 * it is moved only if it would look too late, and when it is due it looks at what is being waited
 * for now. */
#include "http1/conn_inside.h"

#define DEFAULT_KEEP_ALIVE_MS 75000u
#define DEFAULT_BODY_MS       10000u
#define DEFAULT_WRITE_MS      60000u
/* "No limit": 100 years, so that sums do not overflow. */
#define FOREVER_MS (UINT64_C(36500) * 86400 * 1000)
/* What a client must send of its body, on average. */
#define BODY_BYTES_PER_S 1024u

static uint64_t time_or(uint64_t asked_ms, uint64_t otherwise_ms)
{
    return conn_limit(asked_ms, otherwise_ms, FOREVER_MS);
}

static uint64_t keep_alive_ms(const http1_conn *self)
{
    return time_or(self->options->keep_alive_ms, DEFAULT_KEEP_ALIVE_MS);
}

static uint64_t body_ms(const http1_conn *self)
{
    return time_or(self->options->body_ms, DEFAULT_BODY_MS);
}

static uint64_t write_ms(const http1_conn *self)
{
    return time_or(self->options->write_ms, DEFAULT_WRITE_MS);
}

/* Between two looks at a client that takes nothing: a part of its time, so that it is not much
 * more. */
static uint64_t write_look_ms(const http1_conn *self)
{
    return write_ms(self) / 4 + 1;
}

/* Moves the timer if it would look later than that. */
static void look_by(http1_conn *self, uint64_t due_ms)
{
    uint64_t now_ms = loop_now_ms(self->loop);

    if (self->closing || self->lingering) return;
    /* A timer's millisecond is counted in full. */
    if (timer_is_running(&self->timer) && self->timer.due_ms <= due_ms + 1) return;
    timer_start(self->loop, &self->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

/* ---- the client's part: heads and bodies ---- */

/* Is it the client's turn? Not while its bytes are kept back, nor before it was told to go on. */
static bool awaits_client(const http1_conn *self)
{
    if (self->client_due_ms == 0) return false;
    if (!self->parser->head_complete) return true;
    return self->reading && !self->parser->has_ended && self->carry.len == 0 &&
           !conn_is_waiting_for_continue(self);
}

void conn_await_head(http1_conn *self, const char *bytes, size_t len)
{
    size_t at = 0;

    if (self->client_due_ms) return;
    while (at < len && (bytes[at] == '\r' || bytes[at] == '\n')) /* lines before it are idleness */
        at++;
    if (at == len) return;
    self->client_due_ms =
        loop_now_ms(self->loop) + time_or(self->options->headers_ms, HTTP1_DEFAULT_HEADERS_MS);
}

void conn_await_body(http1_conn *self)
{
    self->client_due_ms = loop_now_ms(self->loop) + body_ms(self);
    self->credit_rest = 0;
}

/* However much has come, the client is never further ahead than by the whole time. */
void conn_credit_body(http1_conn *self, size_t len)
{
    uint64_t most_ms = loop_now_ms(self->loop) + body_ms(self);
    uint64_t credit = (uint64_t)len * 1000 + self->credit_rest;

    self->client_due_ms += credit / BODY_BYTES_PER_S;
    self->credit_rest = (uint32_t)(credit % BODY_BYTES_PER_S);
    if (self->client_due_ms > most_ms) self->client_due_ms = most_ms;
}

void conn_watch(http1_conn *self)
{
    if (awaits_client(self)) look_by(self, self->client_due_ms);
}

/* ---- the client's part: responses ---- */

void conn_watch_writing(http1_conn *self)
{
    self->writing = true;
    self->taken_ms = loop_now_ms(self->loop);
    look_by(self, self->taken_ms + write_look_ms(self));
}

bool conn_is_stalled(http1_conn *self)
{
    uint64_t now_ms = loop_now_ms(self->loop);
    uint64_t taken;

    if (!self->writing) return false;
    taken = stream_progress(self->stream);
    if (taken == self->taken) return now_ms - self->taken_ms >= write_ms(self);
    self->taken = taken;
    self->taken_ms = now_ms;
    return false;
}

/* ---- reading is stopped ---- */

static bool is_kept_back(const http1_conn *self)
{
    return self->exchange && !self->reading && !self->eof;
}

void conn_watch_peer(http1_conn *self)
{
    look_by(self, loop_now_ms(self->loop) + LOOK_MS);
}

/* ---- idling, and all of it ---- */

static bool is_idle_for_too_long(const http1_conn *self, uint64_t now_ms)
{
    if (self->exchange || awaits_client(self) || stream_queued(self->stream)) return false;
    return now_ms - self->idle_since_ms >= keep_alive_ms(self);
}

void conn_watch_idling(http1_conn *self)
{
    look_by(self, loop_now_ms(self->loop) + keep_alive_ms(self));
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When to look next, if nothing happens until then. */
static uint64_t next_look_ms(const http1_conn *self, uint64_t now_ms)
{
    uint64_t next_ms = self->idle_since_ms + keep_alive_ms(self);

    if (self->exchange || next_ms <= now_ms) next_ms = now_ms + keep_alive_ms(self);
    if (awaits_client(self)) next_ms = earlier(next_ms, self->client_due_ms);
    if (self->writing) next_ms = earlier(next_ms, now_ms + write_look_ms(self));
    if (is_kept_back(self)) next_ms = earlier(next_ms, now_ms + LOOK_MS);
    return next_ms;
}

void conn_look_at_times(http1_conn *self)
{
    uint64_t now_ms = loop_now_ms(self->loop);

    if (conn_is_stalled(self))
        conn_abort(self);
    else if (awaits_client(self) && now_ms >= self->client_due_ms)
        conn_refuse_late(self);
    else if (is_idle_for_too_long(self, now_ms))
        conn_close(self);
    else
        look_by(self, next_look_ms(self, now_ms));
}
