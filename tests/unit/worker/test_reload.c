/* SPDX-License-Identifier: MIT
 * worker/reload: what it says when there is not even memory to begin. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/resource.h>

#include "base/str.h"
#include "worker/reload.h"
#include "worker/reload_probe.h"

#include "failing_malloc.h"

static size_t attempts;
static bool was_told_a_reason;

static void on_attempt(void *arg, csgi_str problem)
{
    (void)arg;
    attempts++;
    was_told_a_reason = problem.len > 0;
}

static void one_that_cannot_begin_is_told_as_a_failure(void **unused)
{
    const loop_options options = { 0 };
    static server_options of_server;
    reloader_parts parts = { .options = &of_server, .on_attempt = on_attempt };
    reloader *made;

    (void)unused;
    assert_int_equal(loop_new(&options, &parts.loop), CSGI_OK);
    assert_int_equal(reloader_new(&parts, &made), CSGI_OK);
    assert_null(reloader_record(made, 0));
    for (size_t n = 1; n <= RELOAD_HISTORY + 1; n++) {
        failing_malloc_after(0);
        reloader_request(made, "SIGHUP");
        assert_true(failing_malloc_off());
        assert_int_equal(attempts, n);
        assert_true(was_told_a_reason);
        assert_false(reloader_is_busy(made));
        assert_int_equal(reloader_record(made, 0)->number, n);
    }
    assert_false(reloader_record(made, 0)->is_ok);
    assert_string_equal(reloader_record(made, 0)->why, "SIGHUP");
    assert_non_null(reloader_record(made, RELOAD_HISTORY - 1));
    assert_int_equal(reloader_record(made, RELOAD_HISTORY - 1)->number, 2);
    assert_null(reloader_record(made, RELOAD_HISTORY));
    reloader_free(made);
    loop_free(parts.loop);
}

static void without_descriptors_that_is_the_reason(void **unused)
{
    char *const arguments[] = { (char *)(uintptr_t) "capricorn", NULL };
    struct rlimit before, none;
    buffer report = { 0 };
    csgi_status status;

    (void)unused;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    status = reload_probe_run(NULL, arguments, false, 1000, &report);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, CSGI_EFAIL);
    assert_int_equal(buffer_append(&report, "", 1), CSGI_OK);
    assert_string_equal(report.bytes, "no process to try it in: Too many open files\n");
    buffer_fini(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_cannot_begin_is_told_as_a_failure),
        cmocka_unit_test(without_descriptors_that_is_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
