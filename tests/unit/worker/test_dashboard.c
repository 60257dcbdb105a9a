/* SPDX-License-Identifier: MIT
 * Who is shown the dashboard, what is answered where, and which pages get the script. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "exchange/memory_wire.h"
#include "log/log.h"
#include "worker/dashboard.h"

static loop *world;
static app_set *apps;
static dashboard *shown;
static buffer answer; /* the body */
static uint32_t status;
static char type[64];

static csgi_status print_status(void *arg, buffer *out)
{
    (void)arg;
    return buffer_append_str(out, STR("{}"));
}

static int begin(void **state)
{
    static const loop_options of_loop = { .max_tasks = 10 };
    static const app_options of_apps = { .server_url = CSGI_STR("http://localhost:8000") };
    reloader *reloads;
    dashboard_parts parts = { .has_live_reload = true,
                              .url = STR("http://localhost:8000"),
                              .print_status = print_status };
    static const server_options of_server;
    reloader_parts of_reloads = { .options = &of_server };

    log_init(LOG_ERROR, LOG_PLAIN);
    if (loop_new(&of_loop, &world) || app_set_new(world, NULL, &of_apps, &apps)) return -1;
    of_reloads.loop = parts.loop = world;
    if (reloader_new(&of_reloads, &reloads) || dashboard_new(&parts, &shown)) return -1;
    dashboard_open(shown, apps, reloads);
    *state = reloads;
    return 0;
}

static int end(void **state)
{
    dashboard_free(shown);
    reloader_free(*state);
    app_set_free(apps);
    exchange_pool_clear();
    loop_free(world);
    buffer_fini(&answer);
    return 0;
}

static void on_done(void *arg, csgi_status result, const memory_response *response)
{
    (void)arg;
    (void)result;
    status = response->status;
    answer.len = 0;
    buffer_append_str(&answer, response->body);
    buffer_append(&answer, "", 1);
    answer.len--;
    type[0] = '\0';
    for (size_t i = 0; i < response->headers.count; i++) {
        if (str_eq(response->headers.items[i].name, STR("content-type")))
            snprintf(type, sizeof type, "%.*s", STR_ARG(response->headers.items[i].value));
    }
}

/* Is it answered? What nobody answers is dropped. */
static bool is_answered(const char *method, const char *path, const char *peer, const char *host)
{
    csgi_field fields[] = { { STR("host"), str_from(host), 0, 0 } };
    address from;
    memory_request asked = { .method = str_from(method),
                             .raw_path = str_from(path),
                             .headers = { fields, 1 },
                             .client = &from };
    memory_call *made;
    exchange *request;
    bool taken;

    status = 0;
    if (address_from_ip(&from, peer, 1234) != CSGI_OK)
        assert_int_equal(address_from_path(&from, peer), CSGI_OK);
    assert_int_equal(memory_call_new(world, &asked, on_done, NULL, &made, &request), CSGI_OK);
    request->began_ns = loop_clock_ns();
    taken = dashboard_answer_first(shown, request);
    if (!taken) {
        static const csgi_field page = { CSGI_STR("content-type"), CSGI_STR("text/html"), 0, 0 };

        exchange_reply(request, 200, (csgi_fields){ &page, 1 }, STR("<body>hi</body>"));
        dashboard_on_answered(shown, request);
        exchange_app_release(request);
    }
    memory_call_free(made);
    return taken;
}

static void it_is_shown_to_this_machine(void **state)
{
    static const char *const peers[] = { "127.0.0.1", "127.255.3.9", "::1", "::ffff:127.0.0.1" };
    static const char *const hosts[] = { "localhost",        "localhost:8000", "LocalHost:1",
                                         "127.0.0.1:80",     "[::1]",          "[::1]:8000",
                                         "a.localhost:8000", "127.9.9.9" };

    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        for (size_t k = 0; k < sizeof hosts / sizeof *hosts; k++) {
            assert_true(is_answered("GET", "/_capricorn", peers[i], hosts[k]));
            assert_int_equal(status, 200);
            assert_non_null(strstr(answer.bytes, "<h2 id=\"h-plugins\">"));
        }
    }
}

static void it_is_not_shown_to_others(void **state)
{
    static const char *const peers[] = { "10.0.0.1",        "128.0.0.1", "126.255.255.255", "::2",
                                         "::ffff:10.0.0.1", "fe80::1",   "/tmp/socket" };

    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        assert_true(is_answered("GET", "/_capricorn", peers[i], "localhost"));
        assert_int_equal(status, 404);
    }
}

static void it_is_not_shown_under_another_name(void **state)
{
    static const char *const hosts[] = { "evil.example",
                                         "localhost.evil.example",
                                         "",
                                         "notlocalhost",
                                         "10.0.0.1",
                                         "[::2]",
                                         "[::1",
                                         "[::1]evil",
                                         "0.0.0.0",
                                         "128.0.0.1:8000",
                                         "127.0.0.1.evil.example",
                                         "[localhost" };

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        assert_true(is_answered("GET", "/_capricorn/status", "127.0.0.1", hosts[i]));
        assert_int_equal(status, 404);
    }
}

static void each_file_has_its_type(void **state)
{
    static const char *const files[][2] = {
        { "/_capricorn", "text/html; charset=utf-8" },
        { "/_capricorn/", "text/html; charset=utf-8" },
        { "/_capricorn/status", "application/json" },
        { "/_capricorn/style.css", "text/css; charset=utf-8" },
        { "/_capricorn/dashboard.js", "text/javascript; charset=utf-8" },
        { "/_capricorn/live.js", "text/javascript; charset=utf-8" },
        { "/_capricorn/icon.svg", "image/svg+xml" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_true(is_answered("GET", files[i][0], "127.0.0.1", "localhost"));
        assert_int_equal(status, 200);
        assert_string_equal(type, files[i][1]);
        assert_true(answer.len > 0);
    }
    assert_true(is_answered("GET", "/_capricorn/nothing", "127.0.0.1", "localhost"));
    assert_int_equal(status, 404);
    assert_true(is_answered("POST", "/_capricorn", "127.0.0.1", "localhost"));
    assert_int_equal(status, 405);
}

static void what_only_begins_like_it_is_the_apps(void **state)
{
    (void)state;
    assert_false(is_answered("GET", "/_capricorns", "127.0.0.1", "localhost"));
    assert_false(is_answered("GET", "/x/_capricorn", "127.0.0.1", "localhost"));
}

static void pages_get_the_script_where_the_dashboard_is_shown(void **state)
{
    (void)state;
    assert_false(is_answered("GET", "/page", "127.0.0.1", "localhost"));
    assert_non_null(
        strstr(answer.bytes, "<body>hi<script src=\"/_capricorn/live.js\" data-serving="));
    assert_false(is_answered("GET", "/page", "10.0.0.1", "localhost"));
    assert_string_equal(answer.bytes, "<body>hi</body>");
    assert_false(is_answered("GET", "/page", "127.0.0.1", "evil.example"));
    assert_string_equal(answer.bytes, "<body>hi</body>");
}

static void texts_from_outside_are_escaped(void **state)
{
    (void)state;
    assert_false(is_answered("GET", "/<script>&\"'", "127.0.0.1", "localhost"));
    assert_true(is_answered("GET", "/_capricorn", "127.0.0.1", "localhost"));
    assert_non_null(strstr(answer.bytes, "/&#60;script&#62;&#38;&#34;&#39;"));
    assert_null(strstr(answer.bytes, "/<script>"));
}

static void the_last_hundred_requests_are_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 101; i++) {
        char path[16];

        snprintf(path, sizeof path, "/n%d", i);
        is_answered("GET", path, "127.0.0.1", "localhost");
    }
    assert_true(is_answered("GET", "/_capricorn", "127.0.0.1", "localhost"));
    assert_null(strstr(answer.bytes, "GET /n0:"));
    assert_non_null(strstr(answer.bytes, "GET /n1:"));
    assert_non_null(strstr(answer.bytes, "GET /n100:"));
    assert_non_null(strstr(answer.bytes, "<dd>101</dd>"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(it_is_shown_to_this_machine),
        TEST(it_is_not_shown_to_others),
        TEST(it_is_not_shown_under_another_name),
        TEST(each_file_has_its_type),
        TEST(what_only_begins_like_it_is_the_apps),
        TEST(pages_get_the_script_where_the_dashboard_is_shown),
        TEST(texts_from_outside_are_escaped),
        TEST(the_last_hundred_requests_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
