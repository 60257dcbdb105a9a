/* SPDX-License-Identifier: MIT
 * Editions: what is kept, what is new, and how what was replaced ends.
 */
#include "fixture.h"

#include <csgi/ext/draft/notice.h>

#include "failing_malloc.h"

static char trace[512];

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    size_t len = strlen(trace);
    va_list args;

    va_start(args, format);
    vsnprintf(trace + len, sizeof trace - len, format, args);
    va_end(args);
}

/* ---- apps whose version is their plugin's ---- */

typedef struct state {
    const csgi_host *host;
    int counter;
} state;

static int versions_made;
static const csgi_host *last_host; /* of the instance that was made last */

static csgi_status create(const csgi_host *host, csgi_str config_json, void **out)
{
    state *self = calloc(1, sizeof *self);

    (void)config_json;
    if (!self) return CSGI_ENOMEM;
    self->host = last_host = host;
    self->counter = ++versions_made;
    note("+%d ", self->counter);
    *out = self;
    return CSGI_OK;
}

static void destroy(void *made)
{
    note("-%d ", ((state *)made)->counter);
    free(made);
}

static csgi_status lifespan(void *made, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    const csgi_event *event;
    csgi_lifespan done = { .event = CSGI_EVENT(csgi_lifespan, CSGI_LIFESPAN_COMPLETE),
                           .message = { "", 0 } };

    (void)scope;
    for (;;) {
        csgi_status status = receive->call(receive, &event);

        if (status) return status;
        note("%s%d ", event->type == CSGI_LIFESPAN_STARTUP ? "up" : "down",
             ((state *)made)->counter);
        status = send->call(send, &done.event);
        if (status || event->type == CSGI_LIFESPAN_SHUTDOWN) return status;
    }
}

static csgi_status tell_version(void *made, const csgi_scope *scope, csgi_receive *receive,
                                csgi_send *send)
{
    char text[16];

    (void)scope;
    (void)receive;
    snprintf(text, sizeof text, "%d", ((state *)made)->counter);
    return reply(send, 200, text);
}

static int32_t draining_before, draining_after;
static uint32_t told_why;

static void on_draining(void *arg, uint32_t why)
{
    (void)arg;
    told_why = why;
}

static csgi_status sleep_and_tell(void *made, const csgi_scope *scope, csgi_receive *receive,
                                  csgi_send *send)
{
    const csgi_host *host = ((state *)made)->host;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);
    const csgi_notice_extension *notices = host->extension(host, CSGI_NOTICE_EXTENSION);

    draining_before = host->is_draining(scope);
    assert_int_equal(notices->on_draining(scope, on_draining, NULL, NULL), CSGI_OK);
    assert_int_equal(tasks->sleep_ms(host, 30), CSGI_OK);
    draining_after = host->is_draining(scope);
    return tell_version(made, scope, receive, send);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("version"), CSGI_STR("/version"), CSGI_STR(""), CSGI_HTTP, 0, tell_version, NULL },
    { CSGI_STR("slow"), CSGI_STR("/slow"), CSGI_STR(""), CSGI_HTTP, 0, sleep_and_tell, NULL },
};

static plugin *versioned(fixture *f, const char *name)
{
    plugin *made = fixture_plugin(f, name, endpoints, COUNT_OF(endpoints));

    made->descriptor.create = create;
    made->descriptor.destroy = destroy;
    made->descriptor.lifespan = lifespan;
    made->generation = f->plugin_count;
    return made;
}

static void on_started(void *arg, csgi_status status)
{
    *(csgi_status *)arg = status;
}

static void on_first_started(void *arg, csgi_status status)
{
    *(csgi_status *)arg = status;
    loop_stop(the_fixture->loop);
}

static void open_first(fixture *f)
{
    csgi_status status = 99;

    trace[0] = '\0';
    versions_made = 0;
    fixture_open(f, NULL);
    fixture_add(f, versioned(f, "app"));
    fixture_route(f);
    app_set_startup(f->set, on_first_started, &status);
    loop_run(f->loop);
    assert_int_equal(status, CSGI_OK);
}

/* The answer of one request, while lifespans go on. */
static answer *run_get(fixture *f, const char *target)
{
    static answer got;
    const memory_request request = { .method = STR("GET"), .raw_path = str_from(target) };

    ask_begin(f, &got, &request);
    for (int i = 0; i < 1000 && !got.times; i++)
        fixture_run_for(f, 2);
    assert_int_equal(got.times, 1);
    return &got;
}

/* Some of it may take a while. */
static void expect_trace(fixture *f, const char *expected)
{
    for (int i = 0; i < 1000 && strcmp(trace, expected) != 0; i++)
        fixture_run_for(f, 2);
    assert_string_equal(trace, expected);
}

static void stop_all(fixture *f)
{
    csgi_status status = 99;

    app_set_shutdown(f->set, on_started, &status);
    loop_run(f->loop);
    assert_int_equal(status, CSGI_OK);
    fixture_close(f);
}

static void start_next(fixture *f)
{
    csgi_status status = 99;

    edition_start(fixture_next(f), NULL, on_first_started, &status);
    loop_run(f->loop);
    assert_int_equal(status, CSGI_OK);
}

static void an_app_that_is_unchanged_is_kept(void **unused)
{
    fixture f;

    (void)unused;
    open_first(&f);
    fixture_add(&f, &f.plugins[0]);
    assert_false(edition_has_news(fixture_next(&f)));
    start_next(&f);
    fixture_route(&f);
    assert_string_equal(run_get(&f, "/version")->body, "1");
    stop_all(&f);
    assert_string_equal(trace, "+1 up1 down1 -1 ");
}

static void another_configuration_makes_another_app(void **unused)
{
    fixture f;
    buffer problem = { 0 };

    (void)unused;
    open_first(&f);
    assert_int_equal(edition_add(fixture_next(&f), &f.plugins[0], STR("app"), STR("{\"a\":1}"),
                                 &problem),
                     CSGI_OK);
    assert_true(edition_has_news(fixture_next(&f)));
    start_next(&f);
    fixture_route(&f);
    assert_string_equal(run_get(&f, "/version")->body, "2");
    expect_trace(&f, "+1 up1 +2 up2 down1 -1 ");
    stop_all(&f);
}

static void a_request_ends_on_the_code_that_it_began_with(void **unused)
{
    fixture f;
    answer got;
    const memory_request request = { .method = STR("GET"), .raw_path = STR("/slow") };

    (void)unused;
    open_first(&f);
    fixture_add(&f, versioned(&f, "app"));
    start_next(&f);
    ask_begin(&f, &got, &request);
    fixture_run_for(&f, 2);
    fixture_route(&f);
    assert_string_equal(run_get(&f, "/version")->body, "2");
    assert_int_equal(got.times, 0);
    assert_null(strstr(trace, "down1"));
    for (int i = 0; i < 1000 && !got.times; i++)
        fixture_run_for(&f, 2);
    assert_int_equal(got.times, 1);
    assert_string_equal(got.body, "1");
    assert_int_equal(draining_before, 0);
    assert_int_equal(draining_after, 1);
    assert_int_equal(told_why, CSGI_DRAINING_RELOAD);
    expect_trace(&f, "+1 up1 +2 up2 down1 -1 ");
    assert_int_equal(f.plugins[0].references, 1);
    stop_all(&f);
}

static void one_that_is_discarded_changes_nothing(void **unused)
{
    fixture f;

    (void)unused;
    open_first(&f);
    fixture_add(&f, versioned(&f, "app"));
    start_next(&f);
    edition_discard(f.next);
    f.next = NULL;
    assert_string_equal(run_get(&f, "/version")->body, "1");
    expect_trace(&f, "+1 up1 +2 up2 down2 -2 ");
    stop_all(&f);
}

static void one_may_be_discarded_while_it_starts(void **unused)
{
    fixture f;
    csgi_status status = 99;

    (void)unused;
    open_first(&f);
    fixture_add(&f, versioned(&f, "app"));
    edition_start(fixture_next(&f), NULL, on_started, &status);
    edition_discard(f.next);
    f.next = NULL;
    assert_string_equal(run_get(&f, "/version")->body, "1");
    assert_int_equal(status, 99);
    for (int i = 0; i < 1000 && !strstr(trace, "-2 "); i++)
        fixture_run_for(&f, 2);
    assert_non_null(strstr(trace, "-2 "));
    stop_all(&f);
}

static void an_app_that_is_left_out_ends(void **unused)
{
    fixture f;

    (void)unused;
    open_first(&f);
    assert_true(edition_has_news(fixture_next(&f)));
    fixture_route(&f);
    assert_int_equal(run_get(&f, "/version")->status, 404);
    expect_trace(&f, "+1 up1 down1 -1 ");
    stop_all(&f);
}

static void a_stop_ends_what_was_replaced_too(void **unused)
{
    fixture f;

    (void)unused;
    open_first(&f);
    fixture_add(&f, versioned(&f, "app"));
    start_next(&f);
    fixture_route(&f);
    stop_all(&f); /* at once: generation 1 has not begun to end */
    assert_non_null(strstr(trace, "down1"));
    assert_non_null(strstr(trace, "down2"));
    assert_non_null(strstr(trace, "-1 "));
    assert_non_null(strstr(trace, "-2 "));
}

/* ---- state ---- */

static csgi_status save_status, restore_status;
static char restored[64];

static size_t big_state; /* so many bytes more, whatever becomes of them */

static csgi_status save(void *made, csgi_sink *out, uint32_t *version)
{
    csgi_status status = out->write(out, STR("forty"));

    *version = 7;
    if (status == CSGI_OK) status = out->write(out, STR("-two"));
    (void)made;
    for (size_t i = 0; i < big_state; i++)
        out->write(out, STR("."));
    return status ? status : save_status;
}

static csgi_status restore(void *made, uint32_t version, csgi_str bytes)
{
    (void)made;
    snprintf(restored, sizeof restored, "%u %.*s", version, STR_ARG(bytes));
    return restore_status;
}

static plugin *add_saving(fixture *f)
{
    plugin *made = versioned(f, "app");

    made->descriptor.save = save;
    made->descriptor.restore = restore;
    fixture_add(f, made);
    return made;
}

static csgi_status serve_second(fixture *f, buffer *problem)
{
    csgi_status status;

    open_first(f);
    f->plugins[0].descriptor.save = save;
    add_saving(f);
    start_next(f);
    restored[0] = '\0';
    assert_int_equal(edition_route_defaults(f->next, problem), CSGI_OK);
    status = edition_serve(f->next, problem);
    if (status == CSGI_OK) f->next = NULL;
    return status;
}

static void state_is_handed_over(void **unused)
{
    fixture f;
    buffer problem = { 0 };

    (void)unused;
    save_status = restore_status = CSGI_OK;
    assert_int_equal(serve_second(&f, &problem), CSGI_OK);
    assert_string_equal(restored, "7 forty-two");
    assert_logged(&f, "app took over the state of its predecessor (version 7, 9 bytes)");
    stop_all(&f);
}

static void an_unknown_version_is_a_fresh_start(void **unused)
{
    fixture f;
    buffer problem = { 0 };

    (void)unused;
    save_status = CSGI_OK;
    restore_status = CSGI_ENOTSUP;
    assert_int_equal(serve_second(&f, &problem), CSGI_OK);
    assert_logged(&f, "app starts afresh: it does not know version 7 of its predecessor's state");
    stop_all(&f);
}

static void a_failing_save_is_a_fresh_start(void **unused)
{
    fixture f;
    buffer problem = { 0 };

    (void)unused;
    save_status = CSGI_EFAIL;
    assert_int_equal(serve_second(&f, &problem), CSGI_OK);
    assert_string_equal(restored, "");
    assert_logged(&f, "app starts afresh: its predecessor could not save its state");
    stop_all(&f);
}

static void a_failing_restore_keeps_the_old(void **unused)
{
    fixture f;
    buffer problem = { 0 };

    (void)unused;
    save_status = CSGI_OK;
    restore_status = CSGI_EINVAL;
    assert_int_equal(serve_second(&f, &problem), CSGI_EFAIL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(strstr(problem.bytes, "app could not take over the state (version 7, 9 bytes"));
    buffer_fini(&problem);
    edition_discard(f.next);
    f.next = NULL;
    assert_string_equal(run_get(&f, "/version")->body, "1");
    stop_all(&f);
}

static csgi_status refuse_state(void *made, uint32_t version, csgi_str bytes)
{
    (void)made;
    (void)version;
    (void)bytes;
    return CSGI_EINVAL;
}

static void nothing_is_said_of_state_before_all_have_taken_over(void **unused)
{
    fixture f;
    buffer problem = { 0 };
    csgi_status status = 99;

    (void)unused;
    save_status = restore_status = CSGI_OK;
    trace[0] = '\0';
    fixture_open(&f, NULL);
    for (int i = 0; i < 2; i++) {
        plugin *made = versioned(&f, i ? "other" : "app");

        made->descriptor.save = save;
        made->descriptor.endpoints = i ? NULL : endpoints;
        made->descriptor.endpoint_count = i ? 0 : COUNT_OF(endpoints);
        fixture_add(&f, made);
    }
    fixture_route(&f);
    app_set_startup(f.set, on_first_started, &status);
    loop_run(f.loop);
    for (int i = 0; i < 2; i++) {
        plugin *made = versioned(&f, i ? "other" : "app");

        made->descriptor.save = save;
        made->descriptor.restore = i ? refuse_state : restore;
        made->descriptor.endpoint_count = i ? 0 : COUNT_OF(endpoints);
        fixture_add(&f, made);
    }
    start_next(&f);
    assert_int_equal(edition_route_defaults(f.next, &problem), CSGI_OK);
    assert_int_equal(edition_serve(f.next, &problem), CSGI_EFAIL);
    assert_not_logged(&f, "app took over");
    buffer_fini(&problem);
    edition_discard(f.next);
    f.next = NULL;
    stop_all(&f);
}

static void what_create_said_is_no_reason_of_restore(void **unused)
{
    fixture f;
    buffer problem = { 0 };

    (void)unused;
    save_status = CSGI_OK;
    open_first(&f);
    f.plugins[0].descriptor.save = save;
    add_saving(&f)->descriptor.restore = refuse_state;
    start_next(&f);
    assert_int_equal(edition_route_defaults(f.next, &problem), CSGI_OK);
    (last_host->fail)(last_host, CSGI_EFAIL, STR("an old story"));
    assert_int_equal(edition_serve(f.next, &problem), CSGI_EFAIL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_null(strstr(problem.bytes, "an old story"));
    buffer_fini(&problem);
    edition_discard(f.next);
    f.next = NULL;
    stop_all(&f);
}

static void a_state_that_was_not_written_whole_is_not_handed_over(void **unused)
{
    fixture f;
    buffer problem = { 0 };

    (void)unused;
    save_status = restore_status = CSGI_OK;
    open_first(&f);
    f.plugins[0].descriptor.save = save;
    add_saving(&f);
    start_next(&f);
    restored[0] = '\0';
    assert_int_equal(edition_route_defaults(f.next, &problem), CSGI_OK);
    big_state = 100000;
    failing_malloc_after(3);
    assert_int_equal(edition_serve(f.next, &problem), CSGI_OK);
    assert_true(failing_malloc_off());
    big_state = 0;
    f.next = NULL;
    assert_string_equal(restored, "");
    assert_string_equal(run_get(&f, "/version")->body, "2");
    stop_all(&f);
}

/* As the reloader does it, with each allocation failing in turn. */
static csgi_status try_next(fixture *f, plugin *made, csgi_status *started)
{
    buffer problem = { 0 };
    csgi_status status = edition_new(f->set, &f->next);

    if (status == CSGI_OK)
        status = edition_add(f->next, made, made->descriptor.name, STR("{}"), &problem);
    if (status == CSGI_OK) status = edition_route_defaults(f->next, &problem);
    if (status == CSGI_OK) {
        edition_start(f->next, NULL, on_first_started, started);
        loop_run(f->loop);
        status = *started;
    }
    if (status == CSGI_OK) status = edition_serve(f->next, &problem);
    if (status != CSGI_OK) edition_discard(f->next);
    f->next = NULL;
    buffer_fini(&problem);
    return status;
}

static void without_memory_the_old_app_goes_on(void **unused)
{
    fixture f;
    plugin *second;
    bool failed = true;
    size_t n;

    (void)unused;
    save_status = restore_status = CSGI_OK;
    open_first(&f);
    f.plugins[0].descriptor.save = save;
    second = versioned(&f, "app");
    second->descriptor.save = save;
    second->descriptor.restore = restore;
    for (n = 0; failed; n++) {
        csgi_status started = 99, status;

        trace[0] = '\0';
        failing_malloc_after(n);
        status = try_next(&f, second, &started);
        failed = failing_malloc_off();
        if (status == CSGI_OK) break; /* what is logged, and what is saved, may be missing */
        assert_true(failed);
        assert_string_equal(run_get(&f, "/version")->body, "1");
    }
    assert_true(n > 5);
    assert_string_not_equal(run_get(&f, "/version")->body, "1");
    stop_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_app_that_is_unchanged_is_kept),
        cmocka_unit_test(another_configuration_makes_another_app),
        cmocka_unit_test(a_request_ends_on_the_code_that_it_began_with),
        cmocka_unit_test(one_that_is_discarded_changes_nothing),
        cmocka_unit_test(one_may_be_discarded_while_it_starts),
        cmocka_unit_test(an_app_that_is_left_out_ends),
        cmocka_unit_test(a_stop_ends_what_was_replaced_too),
        cmocka_unit_test(state_is_handed_over),
        cmocka_unit_test(an_unknown_version_is_a_fresh_start),
        cmocka_unit_test(a_failing_save_is_a_fresh_start),
        cmocka_unit_test(a_failing_restore_keeps_the_old),
        cmocka_unit_test(what_create_said_is_no_reason_of_restore),
        cmocka_unit_test(nothing_is_said_of_state_before_all_have_taken_over),
        cmocka_unit_test(a_state_that_was_not_written_whole_is_not_handed_over),
        cmocka_unit_test(without_memory_the_old_app_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
