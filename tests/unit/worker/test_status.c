/* SPDX-License-Identifier: MIT
 * worker/status: what serves, what is older and still lives, and what runs on each. */
#include "../app/fixture.h"

#include "base/check.h"
#include "config/json_text.h"
#include "failing_malloc.h"
#include "worker/status.h"

static const csgi_host *the_host;

static csgi_status create(const csgi_host *host, csgi_str config_json, void **out)
{
    (void)config_json;
    the_host = host;
    *out = (void *)(uintptr_t)host;
    return CSGI_OK;
}

static csgi_status sleep_for_30_ms(const csgi_host *host)
{
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

    return tasks->sleep_ms(host, 30);
}

ENDPOINT(slow)
{
    UNUSED_ARGUMENTS;
    assert_int_equal(sleep_for_30_ms(self), CSGI_OK);
    return reply(send, 200, "slow");
}

static csgi_status work(const csgi_scope *scope, void *arg)
{
    (void)scope;
    return sleep_for_30_ms(arg);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("slow"), CSGI_STR("/slow"), CSGI_STR("GET,PUT"), CSGI_HTTP, 0, slow, NULL },
};

static plugin *version_of_app(fixture *f)
{
    plugin *made = fixture_plugin(f, "app", endpoints, COUNT_OF(endpoints));

    made->descriptor.create = create;
    made->generation = f->plugin_count;
    snprintf(made->hash, sizeof made->hash, "%016zx", f->plugin_count);
    return made;
}

static void on_started(void *arg, csgi_status status)
{
    (void)arg;
    assert_int_equal(status, CSGI_OK);
    loop_stop(the_fixture->loop);
}

/* The text of a document, printed and read. */
static const json_value *print(const fixture *f, buffer *text, arena *memory)
{
    const status_sources from = { .mode = "run",
                                  .state = "serving",
                                  .url = STR("http://a:1"),
                                  .began_ns = loop_clock_ns(),
                                  .apps = f->set };
    const json_value *root;
    buffer problem = { 0 };

    text->len = 0;
    assert_int_equal(status_print(&from, text), CSGI_OK);
    if (json_parse("status", buffer_str(text), memory, &root, &problem) != CSGI_OK)
        fail_msg("%.*s in %.*s", STR_ARG(buffer_str(&problem)), STR_ARG(buffer_str(text)));
    assert_null(json_find_repeated(root));
    return root;
}

static const json_value *member(const json_value *of, const char *key)
{
    const json_value *found = json_find(of, str_from(key));

    if (!found) fail_msg("no member %s", key);
    return found;
}

static void assert_member(const json_value *of, const char *key, const char *expected)
{
    csgi_str text = member(of, key)->text;

    if (!str_eq(text, str_from(expected)))
        fail_msg("%s is %.*s, not %s", key, STR_ARG(text), expected);
}

static void all_that_serves_is_told(void **state)
{
    fixture f;
    buffer text = { 0 };
    arena memory;
    const json_value *root, *app, *at_slow;

    (void)state;
    fixture_open(&f, NULL);
    fixture_add(&f, version_of_app(&f));
    f.plugins[0].file = (char *)(uintptr_t) "dir/app.so";
    fixture_route(&f);
    arena_init(&memory, NULL, 0);
    root = print(&f, &text, &memory);
    assert_member(member(root, "server"), "version", CAPRICORN_VERSION);
    assert_member(member(root, "server"), "mode", "run");
    assert_member(member(root, "server"), "state", "serving");
    assert_member(member(root, "server"), "url", "http://a:1");
    assert_int_equal(member(root, "apps")->count, 1);
    app = member(root, "apps")->first;
    assert_member(app, "name", "app");
    assert_member(app, "plugin", "app");
    assert_member(app, "version", "1.0.0");
    assert_member(app, "file", "dir/app.so");
    assert_member(app, "generation", "1");
    assert_member(app, "hash", "0000000000000001");
    assert_member(app, "requests", "0");
    assert_member(app, "jobs", "0");
    assert_true(member(app, "loaded_ms")->text.len == 13); /* until the year 2286 */
    assert_int_equal(member(root, "older")->count, 0);
    assert_int_equal(member(root, "routes")->count, 1);
    at_slow = member(root, "routes")->first;
    assert_member(at_slow, "path", "/slow");
    assert_int_equal(member(at_slow, "methods")->count, 2);
    assert_member(at_slow, "host", "null");
    assert_member(at_slow, "app", "app:slow");
    assert_member(at_slow, "plugin", "dir/app.so");
    assert_member(at_slow, "generation", "1");
    assert_int_equal(member(at_slow, "middleware")->count, 0);
    assert_member(member(root, "counters"), "requests", "0");
    assert_member(member(root, "counters"), "threads_refused", "0");
    assert_null(json_find(root, STR("reloads")));
    arena_reset(&memory);
    buffer_fini(&text);
    fixture_close(&f);
}

/* Puts a new generation in the place of what serves. */
static void replace(fixture *f)
{
    fixture_add(f, version_of_app(f));
    edition_start(f->next, NULL, on_started, NULL);
    loop_run(f->loop);
    fixture_route(f);
}

static void an_older_generation_is_told_for_as_long_as_something_runs_on_it(void **state)
{
    fixture f;
    answer got;
    buffer text = { 0 };
    arena memory;
    const json_value *root, *older;
    const memory_request request = { .method = STR("GET"), .raw_path = STR("/slow") };
    const csgi_task_extension *tasks;

    (void)state;
    fixture_open(&f, NULL);
    fixture_add(&f, version_of_app(&f));
    fixture_route(&f);
    app_set_startup(f.set, on_started, NULL);
    loop_run(f.loop);
    tasks = the_host->extension(the_host, CSGI_TASK_EXTENSION);
    assert_int_equal(tasks->start_job(the_host, STR("job"), 0, work, (void *)(uintptr_t)the_host),
                     CSGI_OK);
    ask_begin(&f, &got, &request);
    fixture_run_for(&f, 1);
    replace(&f);

    arena_init(&memory, NULL, 0);
    root = print(&f, &text, &memory);
    assert_int_equal(member(root, "apps")->count, 1);
    assert_member(member(root, "apps")->first, "generation", "2");
    assert_member(member(root, "apps")->first, "requests", "0");
    assert_int_equal(member(root, "older")->count, 1);
    older = member(root, "older")->first;
    assert_member(older, "name", "app");
    assert_member(older, "generation", "1");
    assert_member(older, "hash", "0000000000000001");
    assert_member(older, "requests", "1");
    assert_member(older, "jobs", "1");
    assert_member(member(root, "counters"), "requests", "1");
    assert_member(member(root, "routes")->first, "generation", "2");
    assert_member(member(root, "routes")->first, "plugin", "null");

    loop_run(f.loop);
    assert_int_equal(got.times, 1);
    root = print(&f, &text, &memory);
    assert_int_equal(member(root, "older")->count, 0);
    arena_reset(&memory);
    buffer_fini(&text);
    fixture_close(&f);
}

/* Its app never served. */
static void what_was_given_up_is_not_older(void **state)
{
    fixture f;
    buffer text = { 0 };
    arena memory;

    (void)state;
    fixture_open(&f, NULL);
    fixture_add(&f, version_of_app(&f));
    fixture_route(&f);
    fixture_add(&f, version_of_app(&f));
    edition_discard(f.next);
    f.next = NULL;
    arena_init(&memory, NULL, 0);
    assert_int_equal(member(print(&f, &text, &memory), "older")->count, 0);
    arena_reset(&memory);
    buffer_fini(&text);
    fixture_close(&f);
}

static void memory_that_runs_out_is_told(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, NULL);
    fixture_add(&f, version_of_app(&f));
    fixture_route(&f);
    for (size_t n = 0;; n++) {
        const status_sources from = { .mode = "run", .apps = f.set };
        buffer text = { 0 };
        csgi_status status;

        failing_malloc_after(n);
        status = status_print(&from, &text);
        buffer_fini(&text);
        if (!failing_malloc_off()) {
            assert_int_equal(status, CSGI_OK);
            break;
        }
        assert_int_equal(status, CSGI_ENOMEM);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_serves_is_told),
        cmocka_unit_test(an_older_generation_is_told_for_as_long_as_something_runs_on_it),
        cmocka_unit_test(what_was_given_up_is_not_older),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
