/* SPDX-License-Identifier: MIT
 * An exchange's life, what the wire pushes in, and receiving it. Sending is in sending.c. */
#include "exchange/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "exchange/exchange_inside.h"

#define POOL_MAX         1024 /* exchanges kept for reuse */
#define POOLED_INBOX_MAX 4096 /* bytes of buffer that a pooled exchange may keep */

static list_node pool = { &pool, &pool };
static size_t pool_count;

/* ---- memory ---- */

static void trim(buffer *self)
{
    self->len = 0;
    if (self->capacity > POOLED_INBOX_MAX) buffer_fini(self);
}

static void dispose(exchange *self)
{
    buffer_fini(&self->inbox);
    buffer_fini(&self->lent);
    free(self);
}

void exchange_hold(exchange *self)
{
    self->references++;
}

void exchange_drop(exchange *self)
{
    CHECK(self->references > 0);
    if (--self->references) return;
    timer_stop(self->loop, &self->grace);
    if (self->on_over) self->on_over(self->on_over_arg);
    arena_reset(&self->arena);
    if (pool_count >= POOL_MAX) {
        dispose(self);
        return;
    }
    trim(&self->inbox);
    trim(&self->lent);
    list_prepend(&pool, &self->node);
    pool_count++;
}

void exchange_pool_clear(void)
{
    list_node *node;

    while ((node = list_pop(&pool)))
        dispose(CONTAINER_OF(node, exchange, node));
    pool_count = 0;
}

/* ---- disconnects ---- */

static void on_grace_due(timer *due)
{
    exchange *self = CONTAINER_OF(due, exchange, grace);

    /* A complete response is the application's own, unless it was disconnected by ours. */
    if (!self->task || (self->phase == EXCHANGE_COMPLETE && !self->disconnected)) return;
    exchange_disconnect(self); /* after a half-close: no answer is waited for any longer */
    task_cancel(self->task);
}

static void start_grace(exchange *self)
{
    if (self->task && !timer_is_running(&self->grace))
        timer_start(self->loop, &self->grace, EXCHANGE_GRACE_MS);
}

void exchange_wake_receiver(exchange *self)
{
    if (self->receiver) task_wake(self->receiver, CSGI_OK);
}

static void tell_gone(exchange *self)
{
    void (*on_gone)(void *arg) = self->on_gone;

    self->on_gone = NULL;
    if (on_gone) on_gone(self->on_gone_arg);
}

void exchange_disconnect(exchange *self)
{
    if (self->disconnected) return;
    self->disconnected = true;
    tell_gone(self);
    exchange_wake_receiver(self);
    if (self->drain_waiter) task_wake(self->drain_waiter, CSGI_EDISCONNECTED);
    start_grace(self);
}

bool exchange_is_bodyless(const exchange *self)
{
    return self->status == 204 || self->status == 205 || self->status == 304 ||
           str_eq(self->method, STR("HEAD"));
}

/* ---- for the wire ---- */

exchange *exchange_new(loop *runner, const exchange_wire *wire, void *wire_owner)
{
    list_node *node = list_pop(&pool);
    exchange *self = node ? CONTAINER_OF(node, exchange, node) : malloc(sizeof *self);
    buffer inbox = { 0 }, lent = { 0 };

    if (!self) return NULL;
    if (node) {
        pool_count--;
        inbox = self->inbox;
        lent = self->lent;
    }
    memset(self, 0, offsetof(exchange, memory));
    self->inbox = inbox;
    self->lent = lent;
    self->loop = runner;
    self->wire = wire;
    self->wire_owner = wire_owner;
    self->references = 2;
    self->phase = EXCHANGE_IDLE;
    list_init(&self->senders);
    list_init(&self->node);
    timer_init(&self->grace, on_grace_due);
    arena_init(&self->arena, self->memory, sizeof self->memory);
    return self;
}

void exchange_wire_release(exchange *self)
{
    CHECK(self->wire_owner);
    self->wire_owner = NULL;
    self->client = self->server = NULL;
    if (self->phase != EXCHANGE_COMPLETE) {
        self->phase = EXCHANGE_CUT;
        exchange_disconnect(self);
    }
    exchange_drop(self);
}

bool exchange_push_body(exchange *self, const char *bytes, size_t len)
{
    if (self->disconnected || self->body_ended || self->phase == EXCHANGE_COMPLETE) return true;
    if (buffer_append(&self->inbox, bytes, len)) {
        exchange_disconnect(self);
        return true;
    }
    exchange_wake_receiver(self);
    self->wire_waits = self->inbox.len >= EXCHANGE_INBOX_HIGH;
    return !self->wire_waits;
}

void exchange_push_end(exchange *self, csgi_fields trailers)
{
    self->body_ended = true;
    self->trailers = trailers;
    exchange_wake_receiver(self);
}

void exchange_push_half_close(exchange *self)
{
    if (self->phase == EXCHANGE_COMPLETE || self->half_closed) return;
    self->half_closed = true;
    tell_gone(self);
    exchange_wake_receiver(self);
    start_grace(self);
}

void exchange_push_drained(exchange *self)
{
    if (self->drain_waiter) task_wake(self->drain_waiter, CSGI_OK);
}

/* ---- for the application side ---- */

void exchange_app_hold(exchange *self, task *runner)
{
    CHECK(!self->app_released);
    self->task = runner;
    if (self->disconnected || self->half_closed) start_grace(self);
}

void exchange_app_watch(exchange *self, void (*on_gone)(void *arg), void *arg)
{
    self->on_gone = on_gone;
    self->on_gone_arg = arg;
    if (self->disconnected || (self->half_closed && self->phase != EXCHANGE_COMPLETE))
        tell_gone(self);
}

void exchange_app_release(exchange *self)
{
    CHECK(!self->app_released);
    self->app_released = true;
    self->task = NULL;
    timer_stop(self->loop, &self->grace);
    exchange_conclude(self);
    exchange_drop(self);
}

/* Lends what has come, if there is something to report. */
static bool take_piece(exchange *self, csgi_str *bytes, bool *more, csgi_fields *trailers)
{
    buffer arrived = self->inbox;

    if (self->body_reported || (arrived.len == 0 && !self->body_ended)) return false;
    self->inbox = self->lent;
    self->inbox.len = 0;
    self->lent = arrived;
    *bytes = arrived.len ? buffer_str(&arrived) : STR("");
    *more = !self->body_ended;
    *trailers = self->body_ended ? self->trailers : (csgi_fields){ 0 };
    self->body_reported = self->body_ended;
    return true;
}

static void report_disconnect(exchange *self, exchange_received *kind)
{
    if (self->disconnect_told) task_penalty(self->loop, "receives after the end");
    self->disconnect_told = true;
    if (self->phase != EXCHANGE_COMPLETE) exchange_disconnect(self);
    *kind = EXCHANGE_GOT_DISCONNECT;
}

static void ask_wire(exchange *self)
{
    if (!self->body_wanted && self->wire_owner && !self->body_ended) self->wire->want_body(self);
    self->body_wanted = true;
}

static void let_wire_go_on(exchange *self)
{
    if (!self->wire_waits) return;
    self->wire_waits = false;
    if (self->wire_owner) self->wire->resume(self);
}

csgi_status exchange_receive(exchange *self, exchange_received *kind, csgi_str *bytes, bool *more,
                             csgi_fields *trailers)
{
    if (self->receiver) return CSGI_EBUSY;
    ask_wire(self);
    for (;;) {
        csgi_status status;

        if (!self->disconnected && self->phase != EXCHANGE_COMPLETE &&
            take_piece(self, bytes, more, trailers)) {
            *kind = EXCHANGE_GOT_BODY;
            let_wire_go_on(self);
            return CSGI_OK;
        }
        if (self->disconnected || self->half_closed || self->phase == EXCHANGE_COMPLETE) {
            report_disconnect(self, kind);
            return CSGI_OK;
        }
        status = task_wait_at(self->loop, &self->receiver);
        if (status) return status;
    }
}
