/* SPDX-License-Identifier: MIT
 * csgi_http and clients, as an author sees them. */
#include "fake_host.h"

#include <csgi/web.h>

CSGI_GET(put, "/put");
CSGI_GET(plain, "/plain");
CSGI_GET(own, "/own");

static csgi_status put(csgi_call *call)
{
    const csgi_http_request request = {
        .method = "PUT",
        .url = csgi_url(call, "http://h/items/%d", 7),
        .headers = (const char *const[]){ "x-a", "1", NULL },
        .json = csgi_json_text(call, "{'name': %s}", "a\"b"),
        .bearer = "token",
        .follow_redirects = 1,
        .retry = 1,
        .timeout_ms = 250,
    };
    csgi_http_response answer = csgi_http(call, &request);

    return csgi_reply_json(call, 200, "[%d, %s, %s, %s, %d]", answer.status,
                           csgi_http_header(&answer, "ETag"), csgi_http_header(&answer, "x-no"),
                           answer.url, (int)csgi_json_int(csgi_http_json(&answer), "n"));
}

static csgi_status plain(csgi_call *call)
{
    csgi_http_request request = { .url = "/x", .body = "a\0b", .size = 3, .method = "POST" };
    csgi_http_response answer = csgi_http(call, &request);

    return csgi_reply_text(call, 200, "%d %s", answer.status, answer.body);
}

static csgi_status own(csgi_call *call)
{
    csgi_set_client(call, NULL);
    csgi_get_json(call, "/x");
    return csgi_reply_text(call, 200, "ok");
}

static csgi_status start(csgi_call *call)
{
    csgi_client_options options = { .base_url = CSGI_STR("http://b"),
                                    .flags = CSGI_CLIENT_COOKIES };

    csgi_set_client(call, csgi_make_client(call, &options));
    return CSGI_OK;
}

CSGI_WEB_PLUGIN("http", "1", "Asks", CSGI_ROUTES(put, plain, own), CSGI_ON_STARTUP(start));

static void given(csgi_status fails_with, uint32_t status, const char *body)
{
    static const csgi_field etag = { CSGI_STR("etag"), CSGI_STR("v1"), 0, 0 };

    memset(&fake_upstream, 0, sizeof(fake_upstream));
    fake_upstream.fails_with = fails_with;
    fake_upstream.status = status;
    fake_upstream.body = body;
    fake_upstream.headers = (csgi_fields){ &etag, 1 };
}

static void a_request_of_any_kind_goes_out_and_any_status_is_an_answer(void **state)
{
    (void)state;
    given(CSGI_OK, 503, "{\"n\":5}");
    assert_answer("put", "", NULL, 200, "[503,\"v1\",null,\"http://h/items/7\",5]");
    assert_string_equal(fake_upstream.method, "PUT");
    assert_string_equal(fake_upstream.url, "http://h/items/7");
    assert_string_equal(fake_upstream.request_body, "{\"name\":\"a\\\"b\"}");
    assert_string_equal(fake_upstream.request_headers, "x-a: 1\ncontent-type: application/json\n");
    assert_int_equal(fake_upstream.request.flags, CSGI_CLIENT_FOLLOW_REDIRECTS | CSGI_CLIENT_RETRY);
    assert_int_equal(fake_upstream.request.bearer.len, 5);
    assert_int_equal(fake_upstream.total_timeout_ms, 250);
    assert_null(fake_upstream.request.client);
}

static void an_answer_that_is_no_json_fails_the_call_when_it_is_read_as_such(void **state)
{
    (void)state;
    given(CSGI_OK, 200, "x");
    assert_answer("put", "", NULL, 502, "{\"detail\":\"The upstream's answer is not JSON\"}");
}

static void without_an_answer_the_call_fails(void **state)
{
    (void)state;
    given(CSGI_ETIMEDOUT, 0, "");
    assert_answer("put", "", NULL, 504, "{\"detail\":\"The upstream took too long to answer\"}");
    given(CSGI_EUNREACH, 0, "");
    assert_answer("put", "", NULL, 502, "{\"detail\":\"The upstream cannot be reached\"}");
}

static void a_path_alone_asks_this_server_unless_there_is_a_client(void **state)
{
    fake_call call;

    (void)state;
    given(CSGI_OK, 204, "");
    assert_int_equal(fake_get_once(&call, "plain", "", NULL), CSGI_OK);
    assert_string_equal(call.body, "204 ");
    assert_string_equal(fake_upstream.method, "POST");
    assert_int_equal(fake_upstream.request.body.len, 3);
    assert_string_equal(fake_upstream.request_headers, "");
    assert_true(strncmp(fake_upstream.url, "http://", 7) == 0);
    fake_call_fini(&call);
}

static const uint32_t startup[] = { CSGI_LIFESPAN_STARTUP, 0 };

/* Starts an instance; the call is to be ended. */
static void start_up(fake_call *call, void *instance)
{
    fake_call_init(call, CSGI_LIFESPAN);
    call->events = startup;
    csgi_plugin_query(CSGI_ABI_MAJOR)
        ->lifespan(instance, &call->scope, &call->receive, &call->send);
}

static void a_client_of_the_start_counts_for_all_calls(void **state)
{
    fake_call call;
    void *instance;

    (void)state;
    given(CSGI_OK, 200, "{}");
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    start_up(&call, instance);
    assert_int_equal(call.lifespan_answer, CSGI_LIFESPAN_COMPLETE);
    assert_int_equal(fake_upstream.options.flags, CSGI_CLIENT_COOKIES);
    fake_call_fini(&call);

    fake_call_init(&call, CSGI_HTTP);
    assert_int_equal(fake_get(&call, instance, "plain", "", NULL), CSGI_OK);
    assert_ptr_equal(fake_upstream.request.client, &fake_upstream);
    assert_string_equal(fake_upstream.url, "/x");
    fake_call_fini(&call);

    fake_call_init(&call, CSGI_HTTP);
    assert_int_equal(fake_get(&call, instance, "own", "", NULL), CSGI_OK);
    assert_null(fake_upstream.request.client);
    fake_call_fini(&call);
    fake_destroy(instance);
}

static void a_start_with_a_wrong_option_fails_and_says_which(void **state)
{
    fake_call call;
    void *instance;

    (void)state;
    given(CSGI_OK, 200, "{}");
    fake_upstream.client_fails_with = CSGI_EINVAL;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    start_up(&call, instance);
    assert_int_equal(call.lifespan_answer, CSGI_LIFESPAN_FAILED);
    assert_string_equal(call.lifespan_message, "client_new: base_url: it has no host");
    fake_call_fini(&call);
    fake_destroy(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_of_any_kind_goes_out_and_any_status_is_an_answer),
        cmocka_unit_test(an_answer_that_is_no_json_fails_the_call_when_it_is_read_as_such),
        cmocka_unit_test(without_an_answer_the_call_fails),
        cmocka_unit_test(a_path_alone_asks_this_server_unless_there_is_a_client),
        cmocka_unit_test(a_client_of_the_start_counts_for_all_calls),
        cmocka_unit_test(a_start_with_a_wrong_option_fails_and_says_which),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
