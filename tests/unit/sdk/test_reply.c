/* SPDX-License-Identifier: MIT
 * The framework's headers, of requests and of replies, and sleeping. */
#include <csgi/web.h>

#include <inttypes.h>

#include "fake_host.h"

#include "failing_malloc.h"

/* Reads headers and sends some. */
CSGI_GET(heads, "/heads", CSGI_HEADER_STR("User_Agent", .optional = 1),
         CSGI_HEADER_STR("x-token", .default_value = "none"),
         CSGI_HEADER_INT("max_age", .default_value = "0", .ge = "0"),
         CSGI_QUERY_STR("how", .default_value = ""));

static csgi_status heads(csgi_call *call)
{
    const char *how = csgi_query_str(call, "how"), *agent = csgi_header_str(call, "User_Agent");

    if (agent) csgi_reply_header(call, "X-Agent", agent);
    csgi_reply_header(call, "set-cookie",
                      csgi_format(call, "age=%" PRId64, csgi_header_int(call, "max_age")));
    csgi_reply_header(call, "set-cookie", csgi_header_str(call, "x-token"));
    if (!strcmp(how, "fail")) return csgi_fail(call, 409, "no");
    if (!strcmp(how, "type")) csgi_reply_header(call, "Content-Type", "image/svg+xml");
    if (!strcmp(how, "null")) csgi_reply_header(call, "x-null", NULL);
    csgi_reply_text(call, 200, "<svg/>");
    if (!strcmp(how, "late")) csgi_reply_header(call, "x-late", "1");
    return CSGI_OK;
}

CSGI_GET(nap, "/nap");

static csgi_status nap(csgi_call *call)
{
    if (csgi_sleep(call, 250) == CSGI_OK) csgi_sleep(call, -1);
    return csgi_reply_text(call, 200, "slept");
}

CSGI_WEB_PLUGIN("replies", "1.0.0", "replies", CSGI_ROUTES(heads, nap));

/* One call of heads with these request headers; the response is in *call. */
static void ask_heads(fake_call *call, const char *query, const csgi_field *headers, size_t count)
{
    void *instance;

    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    fake_call_init(call, CSGI_HTTP);
    call->scope.headers = (csgi_fields){ headers, count };
    assert_int_equal(fake_get(call, instance, "heads", query, NULL), CSGI_OK);
    fake_destroy(instance);
    fake_call_fini(call);
}

static void headers_are_parameters_whose_underscores_are_dashes(void **state)
{
    static const csgi_field sent[] = { { CSGI_STR("user"), CSGI_STR("no"), 0, 0 },
                                       { CSGI_STR("user-agent"), CSGI_STR("S\xc3\xa3o"), 0, 0 },
                                       { CSGI_STR("user_agent"), CSGI_STR("no"), 0, 0 },
                                       { CSGI_STR("user-agents"), CSGI_STR("no"), 0, 0 },
                                       { CSGI_STR("max-age"), CSGI_STR("7"), 0, 0 },
                                       { CSGI_STR("x-token"), CSGI_STR("first"), 0, 0 },
                                       { CSGI_STR("x-token"), CSGI_STR("second"), 0, 0 } };
    static const csgi_field wrong[] = { { CSGI_STR("max-age"), CSGI_STR("-1"), 0, 0 },
                                        { CSGI_STR("x-token"), CSGI_STR("\xff"), 0, 0 } };
    fake_call call;

    (void)state;
    ask_heads(&call, "", sent, 7);
    assert_string_equal(call.headers, "X-Agent: S\xc3\xa3o\nset-cookie: age=7\nset-cookie: first\n"
                                      "content-type: text/plain; charset=utf-8\n");
    ask_heads(&call, "", NULL, 0);
    assert_string_equal(call.headers, "set-cookie: age=0\nset-cookie: none\n"
                                      "content-type: text/plain; charset=utf-8\n");
    ask_heads(&call, "", wrong, 2);
    assert_int_equal(call.status, 422);
    assert_string_equal(call.headers, "content-type: application/json\n");
    assert_string_equal(
        call.body,
        "{\"detail\":[{\"type\":\"string_unicode\",\"loc\":[\"header\",\"x-token\"],\"msg\":"
        "\"Input "
        "should be a valid string, unable to parse raw data as a unicode string\",\"input\":"
        "\"\xef\xbf\xbd\"},{\"type\":\"greater_than_equal\",\"loc\":[\"header\",\"max-age\"],"
        "\"msg\":"
        "\"Input should be greater than or equal to 0\",\"input\":\"-1\",\"ctx\":{\"ge\":0}}]}");
}

static void a_reply_has_the_headers_that_were_added_before_it(void **state)
{
    fake_call call;

    (void)state;
    ask_heads(&call, "how=type", NULL, 0);
    assert_string_equal(call.headers,
                        "set-cookie: age=0\nset-cookie: none\nContent-Type: image/svg+xml\n");
    ask_heads(&call, "how=fail", NULL, 0);
    assert_int_equal(call.status, 409);
    assert_string_equal(call.headers, "content-type: application/json\n");
    ask_heads(&call, "how=late", NULL, 0);
    assert_int_equal(call.status, 200);
    assert_non_null(
        strstr(fake_log_text, "heads: the reply header \"x-late\" comes after the reply"));
    ask_heads(&call, "how=null", NULL, 0);
    assert_int_equal(call.status, 500);
    assert_non_null(strstr(fake_log_text, "heads: the reply header \"x-null\" has no value"));
}

static void a_call_sleeps_and_ends_when_it_is_cancelled_meanwhile(void **state)
{
    fake_call call;

    (void)state;
    assert_int_equal(fake_get_once(&call, "nap", "", NULL), CSGI_OK);
    assert_string_equal(call.body, "slept");
    assert_int_equal(fake_slept_ms, 250);
    fake_call_fini(&call);
    fake_sleep_fails_with = CSGI_ECANCELED;
    assert_int_equal(fake_get_once(&call, "nap", "", NULL), CSGI_ECANCELED);
    assert_int_equal(call.status, 0);
    fake_call_fini(&call);
    fake_sleep_fails_with = CSGI_OK;
}

static void every_allocation_that_fails_is_an_error_and_no_crash(void **state)
{
    static const csgi_field sent = { CSGI_STR("user-agent"), CSGI_STR("x"), 0, 0 };
    csgi_status status;
    fake_call call;
    void *instance;
    size_t n;

    (void)state;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    for (n = 0;; n++) {
        fake_call_init(&call, CSGI_HTTP);
        call.scope.headers = (csgi_fields){ &sent, 1 };
        failing_malloc_after(n);
        status = fake_get(&call, instance, "heads", "", NULL);
        fake_call_fini(&call);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
        assert_int_equal(call.status, 0);
    }
    assert_int_equal(status, CSGI_OK);
    assert_true(call.is_complete && n > 5);
    fake_destroy(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_parameters_whose_underscores_are_dashes),
        cmocka_unit_test(a_reply_has_the_headers_that_were_added_before_it),
        cmocka_unit_test(a_call_sleeps_and_ends_when_it_is_cancelled_meanwhile),
        cmocka_unit_test(every_allocation_that_fails_is_an_error_and_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
