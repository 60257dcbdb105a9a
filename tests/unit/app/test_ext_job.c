/* SPDX-License-Identifier: MIT
 * Jobs: tasks of an app, from its start-up until it is shut down.
 */
#include "fixture.h"

#include <time.h>

#include "failing_malloc.h"

static const csgi_host *host;
static const csgi_task_extension *tasks;
static csgi_status seen[4];
static int ended;
static bool has_ended_apps, is_idle;

static void on_started(void *arg, csgi_status status)
{
    (void)arg;
    assert_int_equal(status, CSGI_OK);
}

static void on_apps_ended(void *arg, csgi_status status)
{
    (void)arg, (void)status;
    has_ended_apps = true;
}

static void on_idle(void *arg)
{
    (void)arg;
    is_idle = true;
}

static csgi_status create(const csgi_host *given, csgi_str config_json, void **out)
{
    (void)config_json;
    host = given;
    tasks = host->extension(host, CSGI_TASK_EXTENSION);
    *out = NULL;
    return CSGI_OK;
}

static csgi_status nap(const csgi_scope *scope, void *arg)
{
    (void)arg;
    assert_int_equal(scope->type, 0);
    assert_non_null(host->alloc(scope->arena, 100, 0));
    assert_int_equal(tasks->sleep_ms(host, 5), CSGI_OK);
    ended++;
    return CSGI_OK;
}

static csgi_status sleep_for_ever(const csgi_scope *scope, void *arg)
{
    csgi_status *result = arg;

    (void)scope;
    *result = tasks->sleep_ms(host, 60000);
    ended++;
    return *result;
}

static csgi_status fail_at_once(const csgi_scope *scope, void *arg)
{
    (void)scope, (void)arg;
    return (host->fail)(host, CSGI_EFAIL, STR("the mail server sleeps"));
}

static csgi_status ignore_all(const csgi_scope *scope, void *arg)
{
    const bool *may_end = arg;

    (void)scope;
    while (!*may_end)
        tasks->sleep_ms(host, 60000);
    return CSGI_OK;
}

static csgi_status start(const char *name, uint32_t flags, csgi_job_fn fn, void *arg)
{
    return tasks->start_job(host, str_from(name), flags, fn, arg);
}

static csgi_status reply_and_start(void *self, const csgi_scope *scope, csgi_receive *receive,
                                   csgi_send *send)
{
    (void)self, (void)scope, (void)receive;
    assert_int_equal(start("nap", 0, nap, NULL), CSGI_OK);
    return reply(send, 202, "later");
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("it"), CSGI_STR("/it"), CSGI_STR("GET"), CSGI_HTTP, 0, reply_and_start, NULL },
};

static void begin(fixture *f)
{
    plugin *made;

    ended = 0;
    has_ended_apps = is_idle = false;
    memset(seen, 0x7f, sizeof seen);
    fixture_open(f, NULL);
    made = fixture_plugin(f, "mailer", endpoints, 1);
    made->descriptor.create = create;
    fixture_add(f, made);
    fixture_route(f);
    assert_int_equal(start("early", 0, nap, NULL), CSGI_ESTATE);
    fixture_serve_added(f);
    app_set_startup(f->set, on_started, NULL);
    loop_run(f->loop);
}

static void end(fixture *f)
{
    app_set_shutdown(f->set, on_apps_ended, NULL);
    loop_run(f->loop);
    assert_true(has_ended_apps);
    assert_int_equal(start("late", 0, nap, NULL), CSGI_ESTATE);
    fixture_close(f);
}

static void a_job_outlives_the_call_that_started_it(void **state)
{
    fixture f;
    answer got;
    const memory_request request = { .method = CSGI_STR("GET"), .raw_path = CSGI_STR("/it") };

    (void)state;
    begin(&f);
    ask_begin(&f, &got, &request);
    app_set_when_idle(f.set, on_idle, NULL);
    loop_run(f.loop);
    assert_int_equal(got.status, 202);
    assert_int_equal(ended, 1);
    assert_true(is_idle);
    end(&f);
}

static void who_waits_for_idleness_waits_for_jobs(void **state)
{
    fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(start("nap", 0, nap, NULL), CSGI_OK);
    app_set_when_idle(f.set, on_idle, NULL);
    assert_false(is_idle);
    loop_run(f.loop);
    assert_true(is_idle);
    assert_int_equal(ended, 1);
    end(&f);
}

static void draining_cancels_periodic_jobs_alone(void **state)
{
    fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(start("tick", CSGI_JOB_PERIODIC, sleep_for_ever, &seen[0]), CSGI_OK);
    assert_int_equal(start("nap", 0, nap, NULL), CSGI_OK);
    app_set_drain(f.set);
    assert_int_equal(start("tick", CSGI_JOB_PERIODIC, sleep_for_ever, &seen[0]), CSGI_ESTATE);
    assert_int_equal(start("nap", 0, nap, NULL), CSGI_OK);
    loop_run(f.loop);
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_int_equal(ended, 3);
    assert_not_logged(&f, "failed");
    end(&f);
}

static void cancelling_all_cancels_jobs(void **state)
{
    fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(start("slow", 0, sleep_for_ever, &seen[0]), CSGI_OK);
    app_set_log_jobs(f.set, "is slow");
    app_set_cancel_all(f.set);
    loop_run(f.loop);
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_logged(&f, "plugin mailer, job slow is slow");
    end(&f);
}

static void shutting_down_cancels_what_is_left(void **state)
{
    fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(start("slow", 0, sleep_for_ever, &seen[0]), CSGI_OK);
    end(&f);
    assert_int_equal(seen[0], CSGI_ECANCELED);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void a_job_that_ignores_its_end_is_left_behind(void **state)
{
    fixture f;
    static bool may_end;

    (void)state;
    may_end = false;
    begin(&f);
    assert_int_equal(start("deaf", 0, ignore_all, &may_end), CSGI_OK);
    app_set_shutdown(f.set, on_apps_ended, NULL);
    while (!has_ended_apps) {
        const struct timespec soon = { .tv_nsec = 1000000 };

        assert_int_equal(loop_post(f.loop, stop_loop, f.loop), CSGI_OK);
        loop_run(f.loop);
        nanosleep(&soon, NULL);
    }
    assert_true(app_set_is_stuck(f.set));
    assert_logged(&f, "plugin mailer, job deaf goes on although it was cancelled");
    may_end = true;
    loop_run(f.loop);
    assert_false(app_set_is_stuck(f.set));
    fixture_close(&f);
}

static void a_failure_is_logged_once_by_name(void **state)
{
    static const char line[] =
        "plugin mailer, job send mail failed with CSGI_EFAIL: the mail server sleeps";
    fixture f;
    const char *first;

    (void)state;
    begin(&f);
    assert_int_equal(start("send mail", 0, fail_at_once, NULL), CSGI_OK);
    loop_run(f.loop);
    first = strstr(fixture_log(&f), line);
    assert_non_null(first);
    assert_null(strstr(first + 1, line));
    end(&f);
}

static void what_cannot_be_is_refused(void **state)
{
    char name[130];
    fixture f;

    (void)state;
    memset(name, 'n', sizeof name);
    begin(&f);
    assert_int_equal(start("", 0, nap, NULL), CSGI_EINVAL);
    assert_int_equal(start("nap", 0, NULL, NULL), CSGI_EINVAL);
    assert_int_equal(start("nap", 2, nap, NULL), CSGI_EINVAL);
    assert_int_equal(tasks->start_job(host, (csgi_str){ name, 129 }, 0, nap, NULL), CSGI_EINVAL);
    assert_int_equal(tasks->start_job(host, (csgi_str){ name, 128 }, 0, nap, NULL), CSGI_OK);
    loop_run(f.loop);
    assert_int_equal(ended, 1);
    failing_malloc_after(0);
    assert_int_equal(start("nap", 0, nap, NULL), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests_of_jobs[] = {
        cmocka_unit_test(a_job_outlives_the_call_that_started_it),
        cmocka_unit_test(who_waits_for_idleness_waits_for_jobs),
        cmocka_unit_test(draining_cancels_periodic_jobs_alone),
        cmocka_unit_test(cancelling_all_cancels_jobs),
        cmocka_unit_test(shutting_down_cancels_what_is_left),
        cmocka_unit_test(a_job_that_ignores_its_end_is_left_behind),
        cmocka_unit_test(a_failure_is_logged_once_by_name),
        cmocka_unit_test(what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests_of_jobs, NULL, NULL);
}
