/* SPDX-License-Identifier: MIT
 * Lifespan: start-up and shut-down of the apps of a set.
 */
#include "fixture.h"

typedef struct outcome {
    int times;
    csgi_status status;
} outcome;

static void on_done(void *arg, csgi_status status)
{
    outcome *self = arg;

    self->times++;
    self->status = status;
}

static void on_done_stop(void *arg, csgi_status status)
{
    on_done(arg, status);
    loop_stop(the_fixture->loop);
}

static csgi_status start(fixture *f)
{
    outcome got = { 0, 99 };

    fixture_serve_added(f);
    app_set_startup(f->set, on_done, &got);
    assert_int_equal(got.times, 0); /* always from the loop */
    loop_run(f->loop);
    assert_int_equal(got.times, 1);
    return got.status;
}

static csgi_status stop(fixture *f)
{
    outcome got = { 0, 99 };

    app_set_shutdown(f->set, on_done, &got);
    assert_int_equal(got.times, 0);
    loop_run(f->loop);
    assert_int_equal(got.times, 1);
    return got.status;
}

static char trace[256];

static void note(const char *text)
{
    size_t len = strlen(trace);

    snprintf(trace + len, sizeof trace - len, "%s ", text);
}

static csgi_status answer_with(csgi_send *send, uint32_t type, const char *message)
{
    const csgi_lifespan event = { .event = CSGI_EVENT(csgi_lifespan, type),
                                  .message = str_from(message) };

    return send->call(send, &event.event);
}

static csgi_status wait_for(csgi_receive *receive, uint32_t type)
{
    const csgi_event *event;
    csgi_status status = receive->call(receive, &event);

    if (status != CSGI_OK) return status;
    assert_int_equal(event->type, type);
    assert_int_equal(event->size, sizeof(csgi_lifespan));
    return CSGI_OK;
}

#define LIFESPAN(name)                                                                  \
    static csgi_status name(void *self, const csgi_scope *scope, csgi_receive *receive, \
                            csgi_send *send)
#define UNUSED_ARGUMENTS (void)self, (void)scope, (void)receive, (void)send

/* Opens a set with one app, "app". */
static void open_with(fixture *f, const app_options *options,
                      csgi_status (*lifespan)(void *, const csgi_scope *, csgi_receive *,
                                              csgi_send *))
{
    plugin *made;

    trace[0] = '\0';
    fixture_open(f, options);
    made = fixture_plugin(f, "app", NULL, 0);
    made->descriptor.lifespan = lifespan;
    fixture_add(f, made);
}

LIFESPAN(behave)
{
    const csgi_host *host = self;
    csgi_status status;

    assert_int_equal(scope->type, CSGI_LIFESPAN);
    assert_int_equal(scope->size, sizeof *scope);
    assert_string_equal(scope->app.ptr, "app");
    assert_string_equal(scope->method.ptr, "");
    assert_non_null(host->alloc(scope->arena, 100, 0));
    status = wait_for(receive, CSGI_LIFESPAN_STARTUP);
    if (status != CSGI_OK) return status;
    note("started");
    answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
    status = wait_for(receive, CSGI_LIFESPAN_SHUTDOWN);
    if (status != CSGI_OK) return status;
    note("stopped");
    return answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
}

static void an_app_starts_waits_and_stops(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, NULL, behave);
    assert_int_equal(start(&f), CSGI_OK);
    assert_string_equal(trace, "started ");
    assert_int_equal(task_count(f.loop), 1);
    assert_int_equal(stop(&f), CSGI_OK);
    assert_string_equal(trace, "started stopped ");
    assert_int_equal(task_count(f.loop), 0);
    assert_string_equal(fixture_log(&f), "");
    fixture_close(&f);
}

LIFESPAN(unsupported)
{
    UNUSED_ARGUMENTS;
    return CSGI_ENOTSUP;
}

static void no_lifespan_and_enotsup_mean_none(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, NULL, NULL);
    assert_int_equal(start(&f), CSGI_OK);
    assert_int_equal(stop(&f), CSGI_OK);
    fixture_close(&f);
    open_with(&f, NULL, unsupported);
    assert_int_equal(start(&f), CSGI_OK);
    assert_int_equal(stop(&f), CSGI_OK);
    assert_string_equal(fixture_log(&f), "");
    fixture_close(&f);
}

LIFESPAN(say_failed)
{
    UNUSED_ARGUMENTS;
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    answer_with(send, CSGI_LIFESPAN_FAILED, "no database");
    return wait_for(receive, CSGI_LIFESPAN_SHUTDOWN); /* never comes */
}

static void a_failed_start_up_is_logged_with_its_message(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, NULL, say_failed);
    assert_int_equal(start(&f), CSGI_EFAIL);
    assert_logged(&f, "app: start-up failed: no database");
    assert_int_equal(stop(&f), CSGI_OK); /* ends the task that is left */
    assert_int_equal(task_count(f.loop), 0);
    fixture_close(&f);
}

LIFESPAN(fail_early)
{
    UNUSED_ARGUMENTS;
    return (((const csgi_host *)self)->fail)(self, CSGI_EFAIL, STR("out of luck"));
}

LIFESPAN(return_early)
{
    UNUSED_ARGUMENTS;
    return wait_for(receive, CSGI_LIFESPAN_STARTUP);
}

static void failing_in_it_is_an_error_not_silence(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, NULL, fail_early);
    assert_int_equal(start(&f), CSGI_EFAIL);
    assert_logged(&f, "app: start-up failed: its lifespan function failed with CSGI_EFAIL: out of "
                      "luck");
    fixture_close(&f);
    open_with(&f, NULL, return_early);
    assert_int_equal(start(&f), CSGI_EFAIL);
    assert_logged(&f, "returned without answering lifespan.startup");
    fixture_close(&f);
}

LIFESPAN(start_only)
{
    UNUSED_ARGUMENTS;
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    return answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
}

static void returning_after_start_up_is_fine(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, NULL, start_only);
    assert_int_equal(start(&f), CSGI_OK);
    assert_int_equal(stop(&f), CSGI_OK);
    assert_string_equal(fixture_log(&f), "");
    fixture_close(&f);
}

LIFESPAN(hang)
{
    UNUSED_ARGUMENTS;
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    return wait_for(receive, CSGI_LIFESPAN_SHUTDOWN);
}

static void a_start_up_that_hangs_runs_out_of_time(void **state)
{
    const app_options options = { .startup_timeout_ms = 20 };
    fixture f;

    (void)state;
    open_with(&f, &options, hang);
    assert_int_equal(start(&f), CSGI_EFAIL);
    assert_logged(&f, "app: start-up did not finish within 20 ms");
    assert_int_equal(stop(&f), CSGI_OK);
    fixture_close(&f);
}

LIFESPAN(hang_at_shutdown)
{
    const csgi_event *event;
    csgi_status status;

    UNUSED_ARGUMENTS;
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
    wait_for(receive, CSGI_LIFESPAN_SHUTDOWN);
    status = receive->call(receive, &event);
    assert_int_equal(status, CSGI_ECANCELED);
    return status;
}

static void a_shut_down_that_hangs_is_cancelled(void **state)
{
    const app_options options = { .shutdown_timeout_ms = 1000 };
    fixture f;

    (void)state;
    open_with(&f, &options, hang_at_shutdown);
    assert_int_equal(start(&f), CSGI_OK);
    assert_int_equal(stop(&f), CSGI_EFAIL);
    assert_logged(&f, "app: shut-down did not finish within 1 s\n");
    fixture_close(&f);
}

static bool may_end;
LIFESPAN(ignore_everything)
{
    const csgi_host *host = self;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

    UNUSED_ARGUMENTS;
    while (!may_end)
        tasks->sleep_ms(host, 1000);
    return CSGI_OK;
}

static void an_app_that_ignores_its_cancellation_is_stuck(void **state)
{
    const app_options options = { .startup_timeout_ms = 1 };
    fixture f;
    outcome got = { 0, 99 };

    (void)state;
    may_end = false;
    open_with(&f, &options, ignore_everything);
    fixture_serve_added(&f);
    app_set_startup(f.set, on_done_stop, &got);
    loop_run(f.loop);
    assert_int_equal(got.status, CSGI_EFAIL);
    app_set_shutdown(f.set, on_done_stop, &got);
    loop_run(f.loop);
    assert_int_equal(got.times, 2);
    assert_true(app_set_is_stuck(f.set));
    assert_logged(&f, "app: its lifespan function goes on although it was cancelled");
    may_end = true;
    loop_run(f.loop);
    assert_false(app_set_is_stuck(f.set));
    fixture_close(&f);
}

LIFESPAN(fail_at_shutdown)
{
    UNUSED_ARGUMENTS;
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
    wait_for(receive, CSGI_LIFESPAN_SHUTDOWN);
    return answer_with(send, CSGI_LIFESPAN_FAILED, "disk full");
}

LIFESPAN(silent_at_shutdown)
{
    UNUSED_ARGUMENTS;
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
    return wait_for(receive, CSGI_LIFESPAN_SHUTDOWN);
}

static void a_failed_shut_down_is_logged(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, NULL, fail_at_shutdown);
    assert_int_equal(start(&f), CSGI_OK);
    assert_int_equal(stop(&f), CSGI_EFAIL);
    assert_logged(&f, "app: shut-down failed: disk full");
    fixture_close(&f);
    open_with(&f, NULL, silent_at_shutdown);
    assert_int_equal(start(&f), CSGI_OK);
    assert_int_equal(stop(&f), CSGI_EFAIL);
    assert_logged(&f, "returned without answering lifespan.shutdown");
    fixture_close(&f);
}

static csgi_status seen[6];
LIFESPAN(answer_badly)
{
    const csgi_http_body alien = { .event = CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY) };

    UNUSED_ARGUMENTS;
    seen[0] = answer_with(send, CSGI_LIFESPAN_COMPLETE, ""); /* nobody has asked */
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    seen[1] = send->call(send, &alien.event);
    seen[2] = answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
    seen[3] = answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
    return CSGI_OK;
}

static void answers_out_of_order_are_refused(void **state)
{
    fixture f;

    (void)state;
    open_with(&f, NULL, answer_badly);
    assert_int_equal(start(&f), CSGI_OK);
    assert_int_equal(seen[0], CSGI_ESTATE);
    assert_int_equal(seen[1], CSGI_ENOTSUP);
    assert_int_equal(seen[2], CSGI_OK);
    assert_int_equal(seen[3], CSGI_ESTATE);
    assert_logged(&f, "plugin app, endpoint lifespan: send of lifespan.complete was refused");
    fixture_close(&f);
}

/* Each of two apps answers only when the other has been asked. */
static int asked;
LIFESPAN(meet)
{
    const csgi_host *host = self;

    (void)scope;
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    for (asked++; asked < 2;) {
        const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

        if (tasks->sleep_ms(host, 1)) return CSGI_ECANCELED;
    }
    return answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
}

static void apps_start_side_by_side(void **state)
{
    const app_options options = { .startup_timeout_ms = 2000 };
    fixture f;
    plugin *other;

    (void)state;
    asked = 0;
    open_with(&f, &options, meet);
    other = fixture_plugin(&f, "other", NULL, 0);
    other->descriptor.lifespan = meet;
    fixture_add(&f, other);
    assert_int_equal(start(&f), CSGI_OK);
    assert_int_equal(stop(&f), CSGI_OK);
    fixture_close(&f);
}

static void one_failure_fails_the_start_up_of_all_and_the_others_can_stop(void **state)
{
    fixture f;
    plugin *other;

    (void)state;
    open_with(&f, NULL, behave);
    other = fixture_plugin(&f, "other", NULL, 0);
    other->descriptor.lifespan = fail_early;
    fixture_add(&f, other);
    assert_int_equal(start(&f), CSGI_EFAIL);
    assert_logged(&f, "other: start-up failed");
    assert_int_equal(stop(&f), CSGI_OK);
    assert_string_equal(trace, "started stopped ");
    fixture_close(&f);
}

/* ---- create and destroy ---- */

static csgi_status create_noted(const csgi_host *host, csgi_str config_json, void **instance_out)
{
    note("create");
    note(config_json.ptr);
    assert_int_equal(host->size, sizeof *host);
    *instance_out = trace;
    return CSGI_OK;
}

static void destroy_noted(void *self)
{
    assert_ptr_equal(self, trace);
    note("destroy");
}

LIFESPAN(start_with_state)
{
    (void)scope;
    assert_ptr_equal(self, trace);
    wait_for(receive, CSGI_LIFESPAN_STARTUP);
    return answer_with(send, CSGI_LIFESPAN_COMPLETE, "");
}

static void on_step(csgi_str plugin_name, const char *step)
{
    assert_string_equal(plugin_name.ptr, "app");
    note(step ? step : "-");
}

static void create_and_destroy_frame_an_instance(void **state)
{
    const app_options options = { .on_step = on_step };
    fixture f;
    plugin *made;
    buffer problem = { 0 };

    (void)state;
    trace[0] = '\0';
    fixture_open(&f, &options);
    made = fixture_plugin(&f, "app", NULL, 0);
    made->descriptor.create = create_noted;
    made->descriptor.destroy = destroy_noted;
    made->descriptor.lifespan = start_with_state;
    assert_int_equal(edition_add(fixture_next(&f), made, STR("named"), STR(""), &problem), CSGI_OK);
    assert_int_equal(start(&f), CSGI_OK);
    fixture_close(&f);
    assert_string_equal(trace, "create create {} - destroy destroy - ");
}

static csgi_status create_failing(const csgi_host *host, csgi_str config_json, void **instance_out)
{
    (void)config_json;
    (void)instance_out;
    return (host->fail)(host, CSGI_EINVAL, STR("config: \"city\" is missing"));
}

static void a_create_that_fails_says_why(void **state)
{
    fixture f;
    plugin *made;
    buffer problem = { 0 };

    (void)state;
    fixture_open(&f, NULL);
    made = fixture_plugin(&f, "app", NULL, 0);
    made->descriptor.create = create_failing;
    made->descriptor.destroy = destroy_noted; /* not called: no instance was made */
    trace[0] = '\0';
    assert_int_equal(edition_add(fixture_next(&f), made, STR("app"), STR(""), &problem),
                     CSGI_EFAIL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(strstr(problem.bytes, "CSGI_EINVAL: config: \"city\" is missing"));
    assert_int_equal(made->references, 1);
    buffer_fini(&problem);
    fixture_close(&f);
    assert_string_equal(trace, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_app_starts_waits_and_stops),
        cmocka_unit_test(no_lifespan_and_enotsup_mean_none),
        cmocka_unit_test(a_failed_start_up_is_logged_with_its_message),
        cmocka_unit_test(failing_in_it_is_an_error_not_silence),
        cmocka_unit_test(returning_after_start_up_is_fine),
        cmocka_unit_test(a_start_up_that_hangs_runs_out_of_time),
        cmocka_unit_test(a_shut_down_that_hangs_is_cancelled),
        cmocka_unit_test(an_app_that_ignores_its_cancellation_is_stuck),
        cmocka_unit_test(a_failed_shut_down_is_logged),
        cmocka_unit_test(answers_out_of_order_are_refused),
        cmocka_unit_test(apps_start_side_by_side),
        cmocka_unit_test(one_failure_fails_the_start_up_of_all_and_the_others_can_stop),
        cmocka_unit_test(create_and_destroy_frame_an_instance),
        cmocka_unit_test(a_create_that_fails_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
