/* SPDX-License-Identifier: MIT
 * fetch of "app:NAME/path": calls of one app by another, in process.
 */
#include "fixture.h"

#include "app/extensions.h"

/* What front asks, and what came of it. */
static csgi_client_request asked;
static csgi_status fetched;
static char detail[256];

static csgi_status fetch(const csgi_host *host, const csgi_scope *scope, const char *url,
                         const csgi_client_response **response)
{
    const csgi_client_extension *outbound = host->extension(host, CSGI_CLIENT_EXTENSION);
    csgi_client_request request = asked;

    request.size = sizeof request;
    request.url = str_from(url);
    return outbound->fetch(host, scope->arena, &request, response);
}

static const char *front_url;
ENDPOINT(front)
{
    const csgi_host *host = self;
    const csgi_client_response *response = NULL;
    csgi_str said;

    (void)receive;
    fetched = fetch(host, scope, front_url, &response);
    if (fetched != CSGI_OK) {
        host->last_error(host, &said);
        snprintf(detail, sizeof detail, "%.*s", STR_ARG(said));
        return fetched == CSGI_ECANCELED ? fetched : reply(send, 502, detail);
    }
    assert_int_equal(response->size, sizeof *response);
    assert_int_equal(response->body.ptr[response->body.len], '\0');
    return reply(send, response->status, response->body.ptr);
}

ENDPOINT(echo)
{
    const csgi_event *event;
    char text[512];
    int at = 0;

    (void)self;
    assert_int_equal(receive->call(receive, &event), CSGI_OK);
    at = snprintf(text, sizeof text, "%s %s?%s %.*s", scope->method.ptr, scope->path.ptr,
                  scope->query_string.ptr, STR_ARG(((const csgi_http_body *)event)->body));
    for (size_t i = 0; i < scope->headers.count; i++) {
        at += snprintf(text + at, sizeof text - (size_t)at, " %s=%s",
                       scope->headers.items[i].name.ptr, scope->headers.items[i].value.ptr);
    }
    return reply(send, 201, text);
}

static csgi_status waited;
ENDPOINT(hang)
{
    const csgi_event *event;

    UNUSED_ARGUMENTS;
    receive->call(receive, &event);
    receive->call(receive, &event);
    waited = event->type == CSGI_HTTP_DISCONNECT ? CSGI_OK : CSGI_EFAIL;
    return CSGI_EDISCONNECTED;
}

ENDPOINT(half)
{
    UNUSED_ARGUMENTS;
    send_start(send, 200);
    send_body(send, "half", true);
    return CSGI_EFAIL;
}

ENDPOINT(large)
{
    UNUSED_ARGUMENTS;
    send_start(send, 200);
    for (int i = 0; i < 100; i++) {
        csgi_status status = send_body(send, "0123456789", true);

        if (status != CSGI_OK) return status;
    }
    return send_body(send, "", false);
}

/* Longer than the read timeout in all, but never between two pieces. */
ENDPOINT(steady)
{
    const csgi_host *host = self;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

    (void)scope;
    (void)receive;
    send_start(send, 200);
    for (int i = 0; i < 6; i++) {
        send_body(send, ".", true);
        if (tasks->sleep_ms(host, 20)) return CSGI_ECANCELED;
    }
    return send_body(send, "", false);
}

ENDPOINT(recurse)
{
    const csgi_host *host = self;
    const csgi_client_response *response = NULL;
    csgi_status status = fetch(host, scope, "app:back/recurse", &response);
    csgi_str said;

    (void)receive;
    if (status == CSGI_OK) return reply(send, response->status, response->body.ptr);
    host->last_error(host, &said);
    snprintf(detail, sizeof detail, "%.*s", STR_ARG(said));
    return reply(send, 508, detail);
}

static const csgi_endpoint front_endpoint = {
    CSGI_STR("front"), CSGI_STR("/front"), CSGI_STR(""), CSGI_HTTP, 0, front, NULL
};
static const csgi_endpoint back_endpoints[] = {
    { CSGI_STR("echo"), CSGI_STR("/echo/{name}"), CSGI_STR(""), CSGI_HTTP, 0, echo, NULL },
    { CSGI_STR("hang"), CSGI_STR("/hang"), CSGI_STR(""), CSGI_HTTP, 0, hang, NULL },
    { CSGI_STR("half"), CSGI_STR("/half"), CSGI_STR(""), CSGI_HTTP, 0, half, NULL },
    { CSGI_STR("large"), CSGI_STR("/large"), CSGI_STR(""), CSGI_HTTP, 0, large, NULL },
    { CSGI_STR("steady"), CSGI_STR("/steady"), CSGI_STR(""), CSGI_HTTP, 0, steady, NULL },
    { CSGI_STR("recurse"), CSGI_STR("/recurse"), CSGI_STR(""), CSGI_HTTP, 0, recurse, NULL },
};

static void open_both(fixture *f, const app_options *options)
{
    asked = (csgi_client_request){ 0 };
    fetched = waited = 99;
    detail[0] = '\0';
    fixture_open(f, options);
    fixture_add(f, fixture_plugin(f, "front", &front_endpoint, 1));
    fixture_add(f, fixture_plugin(f, "back", back_endpoints, COUNT_OF(back_endpoints)));
    fixture_route(f);
}

static answer get_front(fixture *f, const char *url)
{
    front_url = url;
    return get(f, "/front");
}

static void an_app_asks_another_by_name(void **state)
{
    static const csgi_field trace = { CSGI_STR("X-Trace"), CSGI_STR("t1"), 0, 0 };
    fixture f;
    answer got;

    (void)state;
    open_both(&f, NULL);
    got = get_front(&f, "app:back/echo/S%C3%A3o?a=%20b");
    assert_int_equal(got.status, 201);
    assert_string_equal(got.body, "GET /echo/São?a=%20b  host=back");
    asked.method = STR("PUT");
    asked.body = STR("data");
    asked.headers = (csgi_fields){ &trace, 1 };
    got = get_front(&f, "app:back/echo/x");
    assert_string_equal(got.body, "PUT /echo/x? data host=back x-trace=t1 content-length=4");
    fixture_close(&f);
}

static void without_a_name_the_routes_of_all_apps_count(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_both(&f, NULL);
    got = get_front(&f, "app:/echo/x?a=b");
    assert_int_equal(got.status, 201);
    assert_string_equal(got.body, "GET /echo/x?a=b  host=localhost");
    assert_int_equal(get_front(&f, "app:/front").status, 502); /* leads to itself, to an end */
    assert_non_null(strstr(detail, "more than 16 deep"));
    assert_int_equal(get_front(&f, "app:").status, 404);
    fixture_close(&f);
}

static void any_status_is_a_success(void **state)
{
    fixture f;

    (void)state;
    open_both(&f, NULL);
    assert_int_equal(get_front(&f, "app:back/nowhere").status, 404);
    assert_int_equal(get_front(&f, "app:back").status, 404);
    assert_int_equal(get_front(&f, "app:back/front").status, 404); /* another app's route */
    assert_int_equal(fetched, CSGI_OK);
    fixture_close(&f);
}

static void an_unknown_app_is_unreachable_and_the_known_are_named(void **state)
{
    fixture f;

    (void)state;
    open_both(&f, NULL);
    get_front(&f, "app:bakc/echo/x");
    assert_int_equal(fetched, CSGI_EUNREACH);
    assert_string_equal(detail, "there is no app named bakc (there are: front, back)");
    fixture_close(&f);
}

static void a_bad_request_is_einval(void **state)
{
    static const csgi_field host_field = { CSGI_STR("Host"), CSGI_STR("x"), 0, 0 };
    static const csgi_field broken_field = { CSGI_STR("x"), CSGI_STR("a\r\nb: c"), 0, 0 };
    fixture f;

    (void)state;
    open_both(&f, NULL);
    get_front(&f, "app:back/a b");
    assert_int_equal(fetched, CSGI_EINVAL);
    get_front(&f, "app:back/x#y");
    assert_int_equal(fetched, CSGI_EINVAL);
    get_front(&f, "app:back/%zz");
    assert_int_equal(fetched, CSGI_EINVAL);
    asked.headers = (csgi_fields){ &host_field, 1 };
    get_front(&f, "app:back/echo/x");
    assert_int_equal(fetched, CSGI_EINVAL);
    assert_non_null(strstr(detail, "Host"));
    asked.headers = (csgi_fields){ &broken_field, 1 };
    get_front(&f, "app:back/echo/x");
    assert_int_equal(fetched, CSGI_EINVAL);
    asked.headers = (csgi_fields){ NULL, 1 };
    get_front(&f, "app:back/echo/x");
    assert_int_equal(fetched, CSGI_EINVAL);
    asked.headers.count = 0;
    asked.method = STR("GE T");
    get_front(&f, "app:back/echo/x");
    assert_int_equal(fetched, CSGI_EINVAL);
    fixture_close(&f);
}

static void a_response_cut_short_is_a_broken_protocol(void **state)
{
    fixture f;

    (void)state;
    open_both(&f, NULL);
    get_front(&f, "app:back/half");
    assert_int_equal(fetched, CSGI_EPROTO);
    assert_string_equal(detail, "app:back: it cut its response short");
    fixture_close(&f);
}

static void a_response_above_the_limit_is_elimit(void **state)
{
    fixture f;

    (void)state;
    open_both(&f, NULL);
    asked.max_response_size = 999;
    get_front(&f, "app:back/large");
    assert_int_equal(fetched, CSGI_ELIMIT);
    assert_not_logged(&f, "endpoint large failed"); /* it is not the answerer's fault */
    asked.max_response_size = 1000;
    assert_int_equal(get_front(&f, "app:back/large").status, 200);
    fixture_close(&f);
}

static void a_silent_app_runs_into_the_read_timeout(void **state)
{
    fixture f;

    (void)state;
    open_both(&f, NULL);
    asked.read_timeout_ms = 20;
    get_front(&f, "app:back/hang");
    assert_int_equal(fetched, CSGI_ETIMEDOUT);
    assert_string_equal(detail, "app:back: it did not answer in time");
    assert_int_equal(waited, CSGI_OK); /* it saw a disconnect */
    fixture_close(&f);
}

static void the_total_timeout_counts_from_the_call(void **state)
{
    fixture f;

    (void)state;
    open_both(&f, NULL);
    asked.read_timeout_ms = 80;
    assert_string_equal(get_front(&f, "app:back/steady").body, "......");
    asked.total_timeout_ms = 50;
    get_front(&f, "app:back/steady");
    assert_int_equal(fetched, CSGI_ETIMEDOUT);
    asked.total_timeout_ms = UINT64_MAX;
    assert_string_equal(get_front(&f, "app:back/steady").body, "......");
    fixture_close(&f);
}

static void calls_that_lead_to_themselves_end(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_both(&f, NULL);
    got = get_front(&f, "app:back/recurse");
    assert_int_equal(got.status, 508);
    assert_non_null(strstr(got.body, "more than 16 deep"));
    fixture_close(&f);
}

static void the_concurrency_limit_does_not_count_them(void **state)
{
    const app_options options = { .max_concurrency = 1 };
    fixture f;

    (void)state;
    open_both(&f, &options);
    assert_int_equal(get_front(&f, "app:back/echo/x").status, 201);
    fixture_close(&f);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void they_end_with_their_caller(void **state)
{
    const memory_request request = { .raw_path = CSGI_STR("/front") };
    fixture f;
    answer got;

    (void)state;
    open_both(&f, NULL);
    front_url = "app:back/hang";
    ask_begin(&f, &got, &request);
    for (int i = 0; i < 20 && app_set_running(f.set) < 2; i++) {
        loop_post(f.loop, stop_loop, f.loop);
        loop_run(f.loop);
    }
    assert_int_equal(app_set_running(f.set), 2);
    app_set_cancel_all(f.set);
    loop_run(f.loop);
    assert_int_equal(fetched, CSGI_ECANCELED);
    assert_int_equal(app_set_running(f.set), 0);
    assert_int_equal(got.status, 503);
    fixture_close(&f);
}

static void without_a_client_other_urls_are_enosys(void **state)
{
    fixture f;

    (void)state;
    open_both(&f, NULL);
    get_front(&f, "http://127.0.0.1:1/");
    assert_int_equal(fetched, CSGI_ENOSYS);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_app_asks_another_by_name),
        cmocka_unit_test(without_a_name_the_routes_of_all_apps_count),
        cmocka_unit_test(any_status_is_a_success),
        cmocka_unit_test(an_unknown_app_is_unreachable_and_the_known_are_named),
        cmocka_unit_test(a_bad_request_is_einval),
        cmocka_unit_test(a_response_cut_short_is_a_broken_protocol),
        cmocka_unit_test(a_response_above_the_limit_is_elimit),
        cmocka_unit_test(a_silent_app_runs_into_the_read_timeout),
        cmocka_unit_test(the_total_timeout_counts_from_the_call),
        cmocka_unit_test(calls_that_lead_to_themselves_end),
        cmocka_unit_test(the_concurrency_limit_does_not_count_them),
        cmocka_unit_test(they_end_with_their_caller),
        cmocka_unit_test(without_a_client_other_urls_are_enosys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
