/* SPDX-License-Identifier: MIT
 * worker/orphans: children that have ended are waited for, but not at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/list.h"
#include "worker/orphans.h"

typedef struct rig {
    loop *loop;
    orphans orphans;
    timer end;
} rig;

static void on_end(timer *end)
{
    loop_stop(CONTAINER_OF(end, rig, end)->loop);
}

static void rig_open(rig *self)
{
    const loop_options options = { 0 };

    *self = (rig){ 0 };
    assert_int_equal(loop_new(&options, &self->loop), CSGI_OK);
    timer_init(&self->end, on_end);
}

static void rig_close(rig *self)
{
    orphans_close(&self->orphans);
    loop_close_signals(self->loop);
    loop_run(self->loop);
    loop_free(self->loop);
}

static void run_for(rig *self, uint64_t ms)
{
    timer_start(self->loop, &self->end, ms);
    loop_run(self->loop);
}

static void begin_child(void)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) _exit(0);
}

/* Are there children, running or ended, that nobody has waited for? */
static int has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void children_that_ended_are_waited_for_all_at_once(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    assert_int_equal(orphans_watch(&r.orphans, r.loop), CSGI_OK);
    for (int i = 0; i < 3; i++)
        begin_child();
    run_for(&r, ORPHANS_REAP_AFTER_MS + 300);
    assert_false(has_children());
    rig_close(&r);
}

static void one_that_ended_before_the_watch_is_waited_for(void **state)
{
    siginfo_t info;
    rig r;

    (void)state;
    rig_open(&r);
    begin_child();
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(orphans_watch(&r.orphans, r.loop), CSGI_OK);
    run_for(&r, ORPHANS_REAP_AFTER_MS + 300);
    assert_false(has_children());
    rig_close(&r);
}

static void who_waits_for_a_child_of_its_own_is_not_forestalled(void **state)
{
    rig r;
    int status;

    (void)state;
    rig_open(&r);
    assert_int_equal(orphans_watch(&r.orphans, r.loop), CSGI_OK);
    begin_child();
    run_for(&r, 100);
    assert_true(waitpid(-1, &status, 0) > 0);
    assert_true(WIFEXITED(status));
    rig_close(&r);
}

static void closing_one_that_watches_nothing_is_harmless(void **state)
{
    orphans none = { 0 };

    (void)state;
    orphans_close(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_that_ended_are_waited_for_all_at_once),
        cmocka_unit_test(one_that_ended_before_the_watch_is_waited_for),
        cmocka_unit_test(who_waits_for_a_child_of_its_own_is_not_forestalled),
        cmocka_unit_test(closing_one_that_watches_nothing_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
