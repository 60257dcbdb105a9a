/* SPDX-License-Identifier: MIT
 * For the tests of transfers: one transfer, driven step by step in a task. */
#ifndef CAPRICORN_TEST_TRANSFER_RIG_H
#define CAPRICORN_TEST_TRANSFER_RIG_H

#include "client/transfer.h"
#include "rig.h"

typedef struct moved moved;

struct moved {
    rig bench; /* without a client */
    pool pool;
    dialer dialer;
    arena arena;
    csgi_client_request request;
    request_facts facts; /* a test changes them before run */
    url to;
    bool in_pieces;
    uint64_t deadline_ms;
    transfer transfer;
    pending within;
    buffer why;
    void (*steps)(moved *self);
    char text[300];
    csgi_field fields[1];
};

static inline void on_unused(pool *self)
{
    (void)self;
}

static inline void prepare_transfer(moved *self, serve_fn serve, const client_options *options)
{
    client_options chosen = options ? *options : (client_options){ 0 };

    memset(self, 0, sizeof *self);
    begin(&self->bench, serve, NULL);
    client_close(self->bench.client);
    self->bench.client = NULL;
    if (!chosen.idle_ms) chosen.idle_ms = 30000;
    if (!chosen.max_idle_per_origin) chosen.max_idle_per_origin = 16;
    pool_init(&self->pool, self->bench.loop, &chosen, on_unused);
    assert_int_equal(dialer_init(&self->dialer, self->bench.loop, NULL, NULL), CSGI_OK);
    arena_init(&self->arena, NULL, 0);
    self->request.size = sizeof self->request;
    self->in_pieces = true;
    self->deadline_ms = UINT64_MAX;
    snprintf(self->text, sizeof self->text, "http://127.0.0.1:%u/", self->bench.server.port);
    self->request.url = str_from(self->text);
}

static inline void check_transfer(moved *self)
{
    const char *wrong;

    assert_int_equal(request_check(&self->request, &self->facts, &self->why), CSGI_OK);
    assert_int_equal(url_parse(self->request.url, &self->to, &wrong), CSGI_OK);
}

static inline csgi_status run_steps(void *arg)
{
    moved *self = arg;

    pending_init(&self->within, self->bench.loop, self->to.origin, &self->why,
                 self->facts.total_timeout_ms, self->deadline_ms);
    self->steps(self);
    transfer_close(&self->transfer);
    return CSGI_OK;
}

static inline void on_steps_done(void *arg, csgi_status result)
{
    (void)result;
    loop_stop(((moved *)arg)->bench.loop);
}

/* After check_transfer. */
static inline void run_transfer(moved *self, void (*steps)(moved *self))
{
    self->steps = steps;
    self->why.len = 0;
    assert_int_equal(task_spawn(self->bench.loop, &label, 0, run_steps, on_steps_done, self,
                                &self->bench.victim),
                     CSGI_OK);
    loop_run(self->bench.loop);
}

static inline csgi_status open_transfer(moved *self)
{
    return transfer_open(&self->transfer,
                         &(transfer_request){ .pool = &self->pool,
                                              .dialer = &self->dialer,
                                              .request = &self->request,
                                              .facts = &self->facts,
                                              .to = &self->to,
                                              .in_pieces = self->in_pieces },
                         &self->arena, &self->within);
}

static inline void assert_why(moved *self, const char *reason)
{
    char text[600];

    snprintf(text, sizeof text, "%.*s", STR_ARG(buffer_str(&self->why)));
    if (!strstr(text, reason)) fail_msg("'%s' lacks '%s'", text, reason);
}

/* Every connection is gone or idle. */
static inline void end_transfer(moved *self)
{
    pool_close(&self->pool);
    loop_run(self->bench.loop);
    assert_int_equal(self->pool.connections, 0);
    pool_free_responses(&self->pool);
    dialer_fini(&self->dialer);
    buffer_fini(&self->why);
    arena_reset(&self->arena);
    finish(&self->bench);
}

#endif
