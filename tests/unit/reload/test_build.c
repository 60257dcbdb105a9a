/* SPDX-License-Identifier: MIT
 * reload/build: running a compiler, and ending it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"
#include "base/str.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "reload/build.h"

typedef struct bench {
    loop *loop;
    task *task;
    build build;
    build_order order;
    buffer output;
    csgi_status status;
    timer due;
} bench;

static const task_label label = { CSGI_STR("test"), CSGI_STR("build") };

static csgi_status run(void *arg)
{
    bench *self = arg;

    self->status = build_run(&self->build, self->loop, &self->order, &self->output);
    return CSGI_OK;
}

static void on_end(void *arg, csgi_status status)
{
    bench *self = arg;

    (void)status;
    timer_stop(self->loop, &self->due);
}

static void on_due(timer *due)
{
    bench *self = CONTAINER_OF(due, bench, due);

    build_stop(&self->build);
    timer_start(self->loop, due, 20000); /* keeps the loop running */
}

static void run_script(bench *self, const char *script, uint64_t stop_after_ms)
{
    const loop_options of_loop = { 0 };
    char *arguments[] = { (char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)script, NULL };

    *self = (bench){ .order = { arguments, "/" } };
    assert_int_equal(loop_new(&of_loop, &self->loop), CSGI_OK);
    timer_init(&self->due, on_due);
    timer_start(self->loop, &self->due, stop_after_ms);
    assert_int_equal(task_spawn(self->loop, &label, 0, run, on_end, self, &self->task), CSGI_OK);
    loop_run(self->loop);
    loop_free(self->loop);
}

static void both_outputs_are_kept_and_the_status_counts(void **state)
{
    bench it;

    (void)state;
    run_script(&it, "echo one; echo two >&2; pwd", 20000);
    assert_int_equal(it.status, CSGI_OK);
    assert_true(str_eq(buffer_str(&it.output), STR("one\ntwo\n/\n")));
    buffer_fini(&it.output);
    run_script(&it, "exit 3", 20000);
    assert_int_equal(it.status, CSGI_EFAIL);
    buffer_fini(&it.output);
}

static void output_is_kept_up_to_its_limit(void **state)
{
    bench it;

    (void)state;
    run_script(&it, "head -c 262144 /dev/zero", 20000);
    assert_int_equal(it.output.len, BUILD_OUTPUT_MAX);
    buffer_fini(&it.output);
    run_script(&it, "head -c 262145 /dev/zero", 20000);
    assert_int_equal(it.status, CSGI_OK);
    assert_int_equal(it.output.len, BUILD_OUTPUT_MAX);
    buffer_fini(&it.output);
}

static void what_is_stopped_ends_with_all_that_it_started(void **state)
{
    bench it;

    (void)state;
    run_script(&it, "sleep 30 & sleep 30; true", 50);
    assert_int_equal(it.status, CSGI_EBUSY);
    buffer_fini(&it.output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_outputs_are_kept_and_the_status_counts),
        cmocka_unit_test(output_is_kept_up_to_its_limit),
        cmocka_unit_test(what_is_stopped_ends_with_all_that_it_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
