/* SPDX-License-Identifier: MIT
 * The functions of csgi_host.
 */
#include "fixture.h"

#include <pthread.h>

static char trace[256];

static void note(const char *text)
{
    size_t len = strlen(trace);

    snprintf(trace + len, sizeof trace - len, "%s ", text);
}

static void serve(fixture *f, const app_options *options,
                  csgi_status (*call)(void *, const csgi_scope *, csgi_receive *, csgi_send *))
{
    trace[0] = '\0';
    fixture_open(f, options);
    fixture_serve(f, call);
}

/* ---- memory and copies ---- */

ENDPOINT(use_memory)
{
    const csgi_host *host = self;
    const csgi_event tiny = { 4, 1 };
    csgi_arena *child, *left_open;
    csgi_event *copy;
    struct {
        csgi_http_body known;
        char later[8];
    } larger = { { { sizeof larger, CSGI_HTTP_RESPONSE_BODY }, CSGI_STR("x"), 0, 0, { NULL, 0 } },
                 "later" };
    csgi_scope *derived;
    char *bytes;

    (void)receive;
    bytes = host->alloc(scope->arena, 10, 64);
    assert_non_null(bytes);
    assert_int_equal((uintptr_t)bytes % 64, 0);
    assert_null(host->alloc(scope->arena, 10, 3));
    assert_null(host->alloc(scope->arena, SIZE_MAX, 0));
    assert_null(host->alloc(NULL, 10, 0));
    assert_int_equal(host->arena_open(scope, &child), CSGI_OK);
    assert_non_null(host->alloc(child, 100000, 0));
    host->arena_close(child);
    assert_int_equal(host->arena_open(scope, &left_open), CSGI_OK); /* ends with the request */
    assert_non_null(host->alloc(left_open, 100000, 0));
    host->arena_close(NULL);
    assert_int_equal(host->arena_open(NULL, &child), CSGI_EINVAL);

    assert_int_equal(host->copy_event(scope->arena, &larger.known.event, &copy), CSGI_OK);
    assert_memory_equal(copy, &larger, sizeof larger);
    assert_int_equal(host->copy_event(scope->arena, &tiny, &copy), CSGI_EINVAL);
    assert_int_equal(host->copy_event(scope->arena, NULL, &copy), CSGI_EINVAL);

    assert_int_equal(host->derive(scope, &derived), CSGI_OK);
    assert_memory_equal(derived, scope, sizeof *scope);
    assert_int_equal(host->derive(NULL, &derived), CSGI_EINVAL);
    assert_int_equal(host->defer(NULL, NULL, NULL), CSGI_EINVAL);
    assert_int_equal(host->is_draining(NULL), 0);
    return reply(send, 200, "ok");
}

static void memory_and_copies_live_with_the_call(void **state)
{
    fixture f;

    (void)state;
    serve(&f, NULL, use_memory);
    assert_string_equal(get(&f, "/it").body, "ok");
    fixture_close(&f);
}

/* ---- errors, log, extensions ---- */

static char *last_error(const csgi_host *host)
{
    static char text[128];
    csgi_str detail;

    host->last_error(host, &detail);
    assert_non_null(detail.ptr);
    snprintf(text, sizeof text, "%.*s", STR_ARG(detail));
    return text;
}

ENDPOINT(use_errors)
{
    const csgi_host *host = self;

    (void)scope;
    (void)receive;
    assert_string_equal(last_error(host), "");
    assert_int_equal((host->fail)(host, CSGI_ELIMIT, STR("too much")), CSGI_ELIMIT);
    assert_string_equal(last_error(host), "too much");
    assert_int_equal((host->fail)(host, CSGI_EFAIL, (csgi_str){ NULL, 5 }), CSGI_EFAIL);
    assert_string_equal(last_error(host), "");
    host->log(host, CSGI_LOG_INFO, STR("hello\nthere"));
    host->log(host, CSGI_LOG_DEBUG, STR("quiet"));
    host->log(host, 31, STR("between"));
    host->log(host, 99, STR("loud"));
    host->log(host, CSGI_LOG_INFO, (csgi_str){ NULL, 3 });
    assert_non_null(host->extension(host, CSGI_TASK_EXTENSION));
    assert_non_null(host->extension(host, CSGI_CLIENT_EXTENSION));
    assert_null(host->extension(host, "csgi.client/1"));
    assert_null(host->extension(host, NULL));
    assert_true(host->now_ns(host) <= host->now_ns(host));
    assert_int_not_equal(host->now_ns(host), 0);
    return reply(send, 200, "ok");
}

static void errors_and_the_log_are_the_callers_own(void **state)
{
    fixture f;

    (void)state;
    serve(&f, NULL, use_errors);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_logged(&f, "INFO:     [test] hello\\x0athere\n");
    assert_logged(&f, "DEBUG:    [test] quiet\n");
    assert_logged(&f, "WARNING:  [test] between\n");
    assert_logged(&f, "ERROR:    [test] loud\n");
    fixture_close(&f);
}

ENDPOINT(look_at_host)
{
    const csgi_host *host = self; /* without create, an instance is its host */

    (void)scope;
    (void)receive;
    assert_int_equal(host->size, sizeof *host);
    assert_int_equal(host->flags, CSGI_HOST_DEV);
    assert_int_equal(host->abi_major, CSGI_ABI_MAJOR);
    assert_int_equal(host->abi_minor, CSGI_ABI_MINOR);
    assert_int_equal(host->worker, 0);
    assert_int_equal(host->workers, 1);
    assert_string_equal(host->app.ptr, "test");
    assert_string_equal(host->plugin_dir.ptr, "");
    assert_string_equal(host->server_url.ptr, "http://127.0.0.1:1");
    return reply(send, 200, "ok");
}

static void the_host_says_where_it_is(void **state)
{
    const app_options options = { .server_url = CSGI_STR("http://127.0.0.1:1"),
                                  .host_flags = CSGI_HOST_DEV };
    fixture f;

    (void)state;
    serve(&f, &options, look_at_host);
    assert_string_equal(get(&f, "/it").body, "ok");
    fixture_close(&f);
}

/* ---- defer ---- */

typedef struct cleanup {
    const csgi_host *host;
    const csgi_scope *scope;
    const char *name;
} cleanup;

static csgi_status sleep_ms(const csgi_host *host, uint64_t ms)
{
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

    return tasks->sleep_ms(host, ms);
}

static void note_cleanup(void *arg)
{
    const cleanup *self = arg;

    note(self->name);
    note(sleep_ms(self->host, 1) == CSGI_OK ? "slept" : "cancelled");
}

static void defer_another(void *arg)
{
    cleanup *self = arg;

    note("first");
    self->name = "added";
    assert_int_equal(self->host->defer(self->scope, note_cleanup, self), CSGI_OK);
}

ENDPOINT(defer_two)
{
    static cleanup one, two;

    (void)receive;
    one = (cleanup){ self, scope, "one" };
    two = (cleanup){ self, scope, "two" };
    assert_int_equal(one.host->defer(scope, defer_another, &one), CSGI_OK);
    assert_int_equal(one.host->defer(scope, note_cleanup, &two), CSGI_OK);
    note("app");
    return reply(send, 200, "ok");
}

static void deferred_functions_run_last_first_and_may_suspend(void **state)
{
    fixture f;

    (void)state;
    serve(&f, NULL, defer_two);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_string_equal(trace, "app two slept first added slept ");
    fixture_close(&f);
}

ENDPOINT(defer_then_wait)
{
    static cleanup rollback;
    const csgi_event *event;
    csgi_status status;

    (void)send;
    rollback = (cleanup){ self, scope, "rollback" };
    rollback.host->defer(scope, note_cleanup, &rollback);
    receive->call(receive, &event);
    status = receive->call(receive, &event);
    note(status == CSGI_ECANCELED ? "ecanceled" : "other");
    return status;
}

static void deferred_functions_are_shielded_from_cancellation(void **state)
{
    const memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    answer got;

    (void)state;
    serve(&f, NULL, defer_then_wait);
    ask_begin(&f, &got, &request);
    loop_run(f.loop);
    app_set_cancel_all(f.set);
    loop_run(f.loop);
    assert_string_equal(trace, "ecanceled rollback slept ");
    fixture_close(&f);
}

static void never_end(void *arg)
{
    const cleanup *self = arg;

    note(sleep_ms(self->host, 60000) == CSGI_ECANCELED ? "ecanceled" : "slept");
}

ENDPOINT(defer_endless)
{
    static cleanup endless;

    (void)receive;
    endless = (cleanup){ self, scope, "endless" };
    endless.host->defer(scope, never_end, &endless);
    return reply(send, 200, "ok");
}

static void deferred_functions_have_a_time_limit(void **state)
{
    const app_options options = { .defer_timeout_ms = 20 };
    fixture f;

    (void)state;
    serve(&f, &options, defer_endless);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_string_equal(trace, "ecanceled ");
    assert_logged(&f, "plugin test, endpoint it: its deferred functions did not finish within 20 "
                      "ms");
    fixture_close(&f);
}

/* ---- post ---- */

#define POSTS_PER_THREAD 200

typedef struct poster {
    const csgi_host *host;
    int number, refused;
} poster;

static int posted_counts[2];
static uint64_t last_sequence[2];

typedef struct post {
    int thread;
    uint64_t sequence;
} post;

static void on_posted(void *arg)
{
    post *self = arg;

    posted_counts[self->thread]++;
    assert_int_equal(self->sequence, last_sequence[self->thread] + 1); /* in order */
    last_sequence[self->thread] = self->sequence;
    free(self);
}

static void *post_many(void *arg)
{
    poster *self = arg;

    for (uint64_t i = 1; i <= POSTS_PER_THREAD; i++) {
        post *made = malloc(sizeof *made);

        *made = (post){ self->number, i };
        if (self->host->post(self->host, on_posted, made) == CSGI_OK) continue;
        self->refused++;
        free(made);
    }
    return NULL;
}

static const csgi_host *created_host;
static csgi_status post_in_destroy;

static csgi_status create_posting(const csgi_host *host, csgi_str config_json, void **instance_out)
{
    (void)config_json;
    created_host = host;
    *instance_out = &created_host;
    return CSGI_OK;
}

static void destroy_posting(void *self)
{
    (void)self;
    note("destroy");
    post_in_destroy = created_host->post(created_host, on_posted, NULL);
}

static void open_posting(fixture *f)
{
    plugin *made;

    trace[0] = '\0';
    memset(posted_counts, 0, sizeof posted_counts);
    memset(last_sequence, 0, sizeof last_sequence);
    fixture_open(f, NULL);
    made = fixture_plugin(f, "poster", NULL, 0);
    made->descriptor.create = create_posting;
    made->descriptor.destroy = destroy_posting;
    fixture_add(f, made);
}

static void posts_from_threads_run_on_the_loop_in_order(void **state)
{
    fixture f;
    pthread_t threads[2];
    poster posters[2];

    (void)state;
    open_posting(&f);
    for (int i = 0; i < 2; i++) {
        posters[i] = (poster){ created_host, i, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    loop_run(f.loop); /* while they post */
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    loop_run(f.loop);
    assert_int_equal(posted_counts[0], POSTS_PER_THREAD);
    assert_int_equal(posted_counts[1], POSTS_PER_THREAD);
    assert_int_equal(created_host->post(created_host, NULL, NULL), CSGI_EINVAL);
    fixture_close(&f);
}

static void on_late_post(void *arg)
{
    note(arg);
}

static void what_is_still_posted_runs_before_destroy_and_nothing_after(void **state)
{
    static char text[] = "posted";
    fixture f;

    (void)state;
    open_posting(&f);
    assert_int_equal(created_host->post(created_host, on_late_post, text), CSGI_OK);
    fixture_close(&f);
    assert_string_equal(trace, "posted destroy ");
    assert_int_equal(post_in_destroy, CSGI_ESTATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_and_copies_live_with_the_call),
        cmocka_unit_test(errors_and_the_log_are_the_callers_own),
        cmocka_unit_test(the_host_says_where_it_is),
        cmocka_unit_test(deferred_functions_run_last_first_and_may_suspend),
        cmocka_unit_test(deferred_functions_are_shielded_from_cancellation),
        cmocka_unit_test(deferred_functions_have_a_time_limit),
        cmocka_unit_test(posts_from_threads_run_on_the_loop_in_order),
        cmocka_unit_test(what_is_still_posted_runs_before_destroy_and_nothing_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
