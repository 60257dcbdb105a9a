/* SPDX-License-Identifier: MIT
 * Without memory: making a set says so and leaves nothing behind, and a call ends with an answer.
 */
#include "fixture.h"

#include "failing_malloc.h"

static csgi_status fill_and_reply(void *self, const csgi_scope *scope, csgi_receive *receive,
                                  csgi_send *send)
{
    const csgi_host *host = self;
    const csgi_event *event;
    csgi_arena *child;
    csgi_scope *derived;

    if (receive->call(receive, &event)) return CSGI_ENOMEM;
    if (!host->alloc(scope->arena, 10000, 0)) return CSGI_ENOMEM;
    if (host->arena_open(scope, &child)) return CSGI_ENOMEM;
    if (host->derive(scope, &derived)) return CSGI_ENOMEM;
    return reply(send, 200, "ok");
}

static csgi_status pass_on(void *self, csgi_app *inner, const csgi_scope *scope,
                           csgi_receive *receive, csgi_send *send)
{
    (void)self;
    return inner->call(inner, scope, receive, send);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("it"), CSGI_STR("/it"), CSGI_STR("GET"), CSGI_HTTP, 0, fill_and_reply, NULL },
    { CSGI_STR("wrap"), CSGI_STR("/"), CSGI_STR(""), CSGI_HTTP, 0, NULL, pass_on },
};

/* Makes a set with a plugin and its routes. The first allocation that fails ends it. */
static csgi_status make(fixture *f, plugin *made, app_set **out, buffer *problem)
{
    csgi_status status = app_set_new(f->loop, NULL, &f->options, out);
    edition *first = NULL;

    if (status != CSGI_OK) return status;
    status = edition_new(*out, &first);
    if (status == CSGI_OK) status = edition_add(first, made, STR("test"), STR("{}"), problem);
    if (status == CSGI_OK) status = edition_route_defaults(first, problem);
    if (status == CSGI_OK) return edition_serve(first, problem);
    edition_discard(first);
    app_set_free(*out);
    return status;
}

static void making_a_set_fails_whole(void **state)
{
    fixture f;
    plugin *made;
    bool failed = true;

    (void)state;
    fixture_open(&f, NULL);
    made = fixture_plugin(&f, "test", endpoints, COUNT_OF(endpoints));
    for (size_t n = 0; failed; n++) {
        app_set *set = NULL;
        buffer problem = { 0 };
        csgi_status status;

        failing_malloc_after(n);
        status = make(&f, made, &set, &problem);
        failed = failing_malloc_off();
        assert_int_equal(status, failed ? CSGI_ENOMEM : CSGI_OK);
        if (!failed) app_set_free(set);
        assert_int_equal(made->references, 1);
        buffer_fini(&problem);
    }
    fixture_close(&f);
}

static void a_call_without_memory_is_answered(void **state)
{
    const memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    bool failed = true;
    size_t answered = 0;

    (void)state;
    fixture_open(&f, NULL);
    fixture_add(&f, fixture_plugin(&f, "test", endpoints, COUNT_OF(endpoints)));
    fixture_route(&f);
    for (size_t n = 0; failed; n++) {
        answer got = { 0 };
        exchange *asked;

        assert_int_equal(memory_call_new(f.loop, &request, on_answer, &got, &got.call, &asked),
                         CSGI_OK);
        failing_malloc_after(n);
        app_set_dispatch(f.set, asked);
        loop_run(f.loop);
        failed = failing_malloc_off();
        assert_int_equal(got.times, 1);
        if (failed && got.result == CSGI_OK) assert_in_range(got.status, 500, 503);
        if (!failed) assert_int_equal(got.status, 200);
        answered++;
        exchange_pool_clear(); /* so that the next one allocates again */
    }
    assert_in_range(answered, 3, 100);
    fixture_close(&f);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static const csgi_host *created_host;
static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance_out)
{
    (void)config_json;
    created_host = host;
    *instance_out = NULL;
    return CSGI_OK;
}

static void a_post_without_memory_is_refused(void **state)
{
    fixture f;
    plugin *made;
    bool failed = true;

    (void)state;
    fixture_open(&f, NULL);
    made = fixture_plugin(&f, "test", NULL, 0);
    made->descriptor.create = create;
    fixture_add(&f, made);
    for (size_t n = 0; failed; n++) {
        csgi_status status;

        failing_malloc_after(n);
        status = created_host->post(created_host, do_nothing, NULL);
        failed = failing_malloc_off();
        assert_int_equal(status, failed ? CSGI_ENOMEM : CSGI_OK);
    }
    loop_run(f.loop);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_a_set_fails_whole),
        cmocka_unit_test(a_call_without_memory_is_answered),
        cmocka_unit_test(a_post_without_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
