/* SPDX-License-Identifier: MIT
 * For the tests of exchange/: a wire that writes down what it is told, and a loop with tasks. */
#ifndef CAPRICORN_TEST_FAKE_WIRE_H
#define CAPRICORN_TEST_FAKE_WIRE_H

#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "exchange/exchange.h"
#include "exchange/exchange_inside.h"

typedef struct fake_wire {
    exchange *exchange; /* NULL once let go */
    buffer log;         /* "start 200;body 5;last 0;" */
    buffer bytes;
    size_t queued, largest; /* said to wait for the kernel; the largest piece */
    int wanted, resumed;
    csgi_status failure; /* of start and body */
    csgi_status file_failure;
    size_t file_takes; /* of one file's piece */
} fake_wire;

static loop *world;
static fake_wire wire;

static void fake_want_body(exchange *self)
{
    (void)self;
    wire.wanted++;
}

static void fake_resume(exchange *self)
{
    (void)self;
    wire.resumed++;
}

static csgi_status fake_start(exchange *self, uint32_t status, csgi_fields headers)
{
    (void)self;
    if (wire.failure) return wire.failure;
    buffer_printf(&wire.log, "start %u/%zu;", status, headers.count);
    return CSGI_OK;
}

static void fake_unstart(exchange *self)
{
    (void)self;
    buffer_printf(&wire.log, "unstart;");
}

static void fake_let_go(void)
{
    exchange *gone = wire.exchange;

    wire.exchange = NULL;
    exchange_wire_release(gone);
}

static csgi_status fake_body(exchange *self, csgi_str bytes, bool last)
{
    (void)self;
    if (wire.failure) return wire.failure;
    buffer_printf(&wire.log, "%s %zu;", last ? "last" : "body", bytes.len);
    buffer_append_str(&wire.bytes, bytes);
    if (bytes.len > wire.largest) wire.largest = bytes.len;
    if (last) fake_let_go();
    return CSGI_OK;
}

static size_t fake_queued(const exchange *self)
{
    (void)self;
    return wire.queued;
}

static void fake_cut(exchange *self)
{
    (void)self;
    buffer_printf(&wire.log, "cut;");
    fake_let_go();
}

static csgi_status fake_hint(exchange *self, csgi_fields fields)
{
    (void)self;
    if (wire.failure) return wire.failure;
    buffer_printf(&wire.log, "hint %zu;", fields.count);
    return CSGI_OK;
}

static csgi_status fake_trailers(exchange *self, csgi_fields fields, bool first, bool last)
{
    (void)self;
    if (wire.failure) return wire.failure;
    buffer_printf(&wire.log, "%s%strailers %zu;", first ? "first " : "", last ? "last " : "",
                  fields.count);
    if (last) fake_let_go();
    return CSGI_OK;
}

static csgi_status fake_file(exchange *self, int fd, uint64_t offset, size_t len, size_t *sent)
{
    (void)self;
    (void)fd;
    if (wire.file_failure) return wire.file_failure;
    *sent = len < wire.file_takes ? len : wire.file_takes;
    buffer_printf(&wire.log, "file %zu+%zu/%zu;", (size_t)offset, *sent, len);
    return CSGI_OK;
}

static const exchange_wire fake_wire_told = {
    fake_want_body, fake_resume, fake_start, fake_unstart,  fake_body,
    fake_queued,    fake_cut,    fake_hint,  fake_trailers, fake_file,
};

static inline const char *wire_log(void)
{
    CHECK(buffer_append(&wire.log, "", 1) == CSGI_OK);
    wire.log.len--;
    return wire.log.bytes;
}

static const task_label fake_label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static csgi_status task_result;

static inline void on_task_end(void *arg, csgi_status result)
{
    exchange *self = arg;

    task_result = result;
    exchange_app_release(self);
}

/* A GET with no body, whose application is this task. */
static inline exchange *begin_call(task_fn fn)
{
    exchange *self = exchange_new(world, &fake_wire_told, &wire);
    task *runner;

    CHECK(self);
    self->method = STR("GET");
    self->http_version = STR("1.1");
    wire.exchange = self;
    CHECK(task_spawn(world, &fake_label, 0, fn, on_task_end, self, &runner) == CSGI_OK);
    exchange_app_hold(self, runner);
    return self;
}

/* Another task of the same call, whose end is nothing to the exchange. */
static inline void also_run(exchange *self, task_fn fn)
{
    task *runner;

    CHECK(task_spawn(world, &fake_label, 0, fn, NULL, self, &runner) == CSGI_OK);
}

static inline int begin_world(void **state)
{
    loop_options options = { .max_tasks = 100 };

    (void)state;
    memset(&wire, 0, sizeof wire);
    task_result = 1;
    return loop_new(&options, &world);
}

static inline int end_world(void **state)
{
    (void)state;
    if (wire.exchange) fake_let_go();
    buffer_fini(&wire.log);
    buffer_fini(&wire.bytes);
    exchange_pool_clear();
    loop_free(world);
    return 0;
}

#endif
