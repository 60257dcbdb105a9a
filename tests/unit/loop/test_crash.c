/* SPDX-License-Identifier: MIT
 * The last words of a process: who overflowed its stack or crashed. Each crash happens in a child.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/str.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "overflow.h"
#include "stderr_capture.h"

static const task_label label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static loop *world;

static csgi_status write_astray(void *arg)
{
    static volatile uintptr_t nowhere = 48;

    (void)arg;
    *(volatile char *)nowhere = 1;
    return 0;
}

static csgi_status call_abort(void *arg)
{
    (void)arg;
    abort();
}

static csgi_status send_segv(void *arg)
{
    (void)arg;
    kill(getpid(), SIGSEGV);
    return 0;
}

static csgi_status call_exit(void *arg)
{
    (void)arg;
    exit(0);
}

static void on_due(timer *item)
{
    (void)item;
    write_astray(NULL);
}

/* The last exit handler: what a sanitizer would say of a child that ends on a task's stack is not
 * asked for. */
static void end_at_once(void)
{
    _exit(7);
}

typedef struct crash_case {
    task_fn fn; /* NULL: on the loop's own stack */
    stack_guard guard;
    size_t stack_size;
    int signum;
    const char *text;
} crash_case;

/* The crash itself; it does not return. */
static void run_child(const crash_case *self)
{
    loop_options options = { .max_tasks = 10, .guard = self->guard };
    struct rlimit no_core = { 0, 0 };
    timer item;

    setrlimit(RLIMIT_CORE, &no_core);
    /* In place of cmocka's, and of a sanitizer's. */
    signal(SIGSEGV, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    if (atexit(end_at_once) || loop_new(&options, &world) || task_install_crash_report()) _exit(90);
    timer_init(&item, on_due);
    if (!self->fn)
        timer_start(world, &item, 1);
    else if (task_spawn(world, &label, self->stack_size, self->fn, NULL, NULL, NULL))
        _exit(91);
    loop_run(world);
    _exit(92);
}

static void check_case(const crash_case *self)
{
    const char *text;
    pid_t child;
    int status;

    stderr_begin();
    child = fork();
    if (child == 0) run_child(self);
    assert_int_equal(waitpid(child, &status, 0), child);
    text = stderr_end();
    assert_string_equal(text, self->text);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), self->signum);
}

#define NEEDS                                                                                   \
    "it needs less on its stack (large arrays on the heap), or a larger one: --stack-size, or " \
    "stack_size in its plugin's descriptor"

static void a_stack_overflow_names_plugin_endpoint_and_size(void **state)
{
    static const char text[] =
        "CRITICAL: stack overflow in plugin weather, endpoint get_weather (256 KiB): " NEEDS "\n";
    static const crash_case installed = { overflow, STACK_GUARD_AUTO, 0, SIGSEGV, text };
    static const crash_case mapped = { overflow, STACK_GUARD_MPROTECT, 0, SIGSEGV, text };

    (void)state;
    check_case(&installed);
    check_case(&mapped);
}

static void an_overflow_of_a_plugins_own_stack_size_is_told_as_such(void **state)
{
    static const crash_case large = {
        overflow, STACK_GUARD_AUTO, 1000000, SIGSEGV,
        "CRITICAL: stack overflow in plugin weather, endpoint get_weather (1024 KiB): " NEEDS "\n"
    };

    (void)state;
    check_case(&large);
}

static void a_crash_names_plugin_endpoint_signal_and_address(void **state)
{
    static const crash_case astray = {
        write_astray, STACK_GUARD_AUTO, 0, SIGSEGV,
        "CRITICAL: crash in plugin weather, endpoint get_weather: SIGSEGV at address 0x30\n"
    };

    (void)state;
    check_case(&astray);
}

static void an_abort_is_told_as_well(void **state)
{
    static const crash_case aborted = {
        call_abort, STACK_GUARD_AUTO, 0, SIGABRT,
        "CRITICAL: crash in plugin weather, endpoint get_weather: SIGABRT\n"
    };

    (void)state;
    check_case(&aborted);
}

static void a_signal_that_was_sent_is_told_and_obeyed(void **state)
{
    static const crash_case sent = {
        send_segv, STACK_GUARD_AUTO, 0, SIGSEGV,
        "CRITICAL: crash in plugin weather, endpoint get_weather: SIGSEGV\n"
    };

    (void)state;
    check_case(&sent);
}

static void a_crash_of_the_servers_own_work_blames_no_plugin(void **state)
{
    static const crash_case own = {
        NULL, STACK_GUARD_AUTO, 0, SIGSEGV,
        "CRITICAL: crash in the server's own work: SIGSEGV at address 0x30\n"
    };

    (void)state;
    check_case(&own);
}

static void a_plugin_that_calls_exit_is_named(void **state)
{
    static const crash_case ended = { call_exit, STACK_GUARD_AUTO, 0, 0, NULL };
    pid_t child;
    int status;

    (void)state;
    stderr_begin();
    child = fork();
    if (child == 0) run_child(&ended);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_string_equal(stderr_end(), "CRITICAL: exit() was called in plugin weather, endpoint "
                                      "get_weather: that ends the whole server; return an error "
                                      "instead\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_overflow_names_plugin_endpoint_and_size),
        cmocka_unit_test(an_overflow_of_a_plugins_own_stack_size_is_told_as_such),
        cmocka_unit_test(a_crash_names_plugin_endpoint_signal_and_address),
        cmocka_unit_test(an_abort_is_told_as_well),
        cmocka_unit_test(a_plugin_that_calls_exit_is_named),
        cmocka_unit_test(a_signal_that_was_sent_is_told_and_obeyed),
        cmocka_unit_test(a_crash_of_the_servers_own_work_blames_no_plugin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
