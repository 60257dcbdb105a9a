/* SPDX-License-Identifier: MIT
 * The framework as an author sees it: parameters, replies, failures, upstreams, start-up. */
#include <csgi/web.h>

#include <inttypes.h>

#include "fake_host.h"

#include "failing_malloc.h"

CSGI_GET(search, "/search", CSGI_SUMMARY("finds"), CSGI_QUERY_STR("q", .description = "what"),
         CSGI_QUERY_STR("in", .default_value = "all"), CSGI_QUERY_STR("by", .optional = 1),
         CSGI_QUERY_INT("page", .default_value = "1", .ge = "1", .le = "99"));

static csgi_status search(csgi_call *call)
{
    return csgi_reply_json(call, 200, "{'q': %s, 'in': %s, 'by': %s, 'page': %" PRId64 "}",
                           csgi_query_str(call, "q"), csgi_query_str(call, "in"),
                           csgi_query_str(call, "by"), csgi_query_int(call, "page"));
}

CSGI_GET(item, "/items/{id}/{part}", CSGI_PATH_INT("id"), CSGI_QUERY_STR("q"));

static csgi_status item(csgi_call *call)
{
    return csgi_reply_json(call, 201, "[%" PRId64 "]", csgi_path_int(call, "id"));
}

CSGI_GET(by_name, "/names/{name}");

static csgi_status by_name(csgi_call *call)
{
    return csgi_reply_text(call, 200, "hello, %s", csgi_path_str(call, "name"));
}

/* Says what the query's "how" tells it to. */
CSGI_GET(act, "/act", CSGI_QUERY_STR("how"));

static csgi_status act(csgi_call *call)
{
    const char *how = csgi_query_str(call, "how");

    if (!strcmp(how, "fail")) return csgi_fail(call, 409, "%s is \"taken\"", "name");
    if (!strcmp(how, "fail twice")) {
        csgi_fail(call, 404, "first");
        csgi_fail(call, 409, "second");
        assert_int_equal(csgi_failed(call), 404);
        return csgi_reply_json(call, 200, "{}");
    }
    if (!strcmp(how, "fail and forget")) {
        csgi_fail(call, 403, "kept");
        return CSGI_OK;
    }
    if (!strcmp(how, "catch")) {
        csgi_json_write(call, "[1, 2");
        csgi_fail(call, 404, "first");
        assert_int_equal(csgi_catch(call), 404);
        assert_int_equal(csgi_catch(call), 0);
        assert_int_equal(csgi_failed(call), 0);
        return csgi_reply_json(call, 200, "'caught'");
    }
    if (!strcmp(how, "fail after reply")) {
        csgi_reply_json(call, 200, "1");
        return csgi_fail(call, 409, "too late");
    }
    if (!strcmp(how, "reply twice")) {
        csgi_reply_json(call, 200, "1");
        return csgi_reply_json(call, 200, "2");
    }
    if (!strcmp(how, "no config"))
        return csgi_reply_text(call, 200, "%s", csgi_config_str(call, "none"));
    if (!strcmp(how, "no header"))
        return csgi_reply_text(call, 200, "%" PRId64, csgi_header_int(call, "age"));
    if (!strcmp(how, "odd status")) return csgi_fail(call, 200, "odd");
    if (!strcmp(how, "undeclared"))
        return csgi_reply_text(call, 200, "%s", csgi_query_str(call, "ho"));
    if (!strcmp(how, "wrong type"))
        return csgi_reply_text(call, 200, "%" PRId64, csgi_query_int(call, "how"));
    if (!strcmp(how, "not json")) return csgi_reply_json(call, 200, "{'a'}");
    if (!strcmp(how, "bytes")) return csgi_reply_json(call, 200, "%s", "\xff");
    if (!strcmp(how, "pieces")) {
        csgi_json_write(call, "{'all': [");
        csgi_json_write(call, "{'n': %d}", 1);
        csgi_json_write(call, "{'n': %d}", 2);
        return csgi_reply_json(call, 200, "]}");
    }
    return CSGI_ENOTSUP;
}

CSGI_POST(ask, "/ask");

static csgi_status ask(csgi_call *call)
{
    csgi_json answer = csgi_post_json(call, csgi_url(call, "http://h/%s", "a b"), "{'n': %d}", 3);
    csgi_json list = csgi_json_array(csgi_json_object(answer, "inner"), "list");
    size_t i;

    csgi_json_write(call, "{'note': %s, 'new': %i, 'has': [%i, %i], 'list': [",
                    csgi_json_str(answer, "note"), csgi_json_bool(answer, "new"),
                    csgi_json_has(answer, "note"), csgi_json_has(answer, "NOTE"));
    for (i = 0; i < csgi_json_count(list); i++)
        csgi_json_write(call, "%" PRId64, csgi_json_int(csgi_json_at(list, i), ""));
    if (csgi_failed(call)) assert_false(csgi_json_has(answer, "note"));
    return csgi_reply_json(call, 200, "]}");
}

static int started, stopped;

static csgi_status start_up(csgi_call *call)
{
    int *count = csgi_alloc(call, sizeof(*count));

    csgi_set_state(call, count);
    started++;
    if (csgi_config_int(call, "broken")) csgi_fail(call, 500, "no %s today", "luck");
    return CSGI_OK;
}

static csgi_status shut_down(csgi_call *call)
{
    assert_non_null(csgi_state(call));
    stopped++;
    return CSGI_OK;
}

CSGI_GET(pick, "/pick", CSGI_QUERY_INT("a"), CSGI_QUERY_INT("b"));

/* Two items of an array of arrays, in any order. */
static csgi_status pick(csgi_call *call)
{
    csgi_json list = csgi_get_json(call, "http://h/");
    csgi_json a = csgi_json_at(list, (size_t)csgi_query_int(call, "a"));
    csgi_json b = csgi_json_at(list, (size_t)csgi_query_int(call, "b"));

    return csgi_reply_json(call, 200, "[%zu, %s, %s]", csgi_json_count(list),
                           csgi_json_str(csgi_json_at(a, 0), ""),
                           csgi_json_str(csgi_json_at(b, csgi_json_count(b) - 1), ""));
}

CSGI_WEB_PLUGIN("tested", "1.0.0", "is tested", CSGI_ROUTES(search, item, by_name, act, ask, pick),
                CSGI_CONFIG_INT("broken", .default_value = "0"), CSGI_ON_STARTUP(start_up),
                CSGI_ON_SHUTDOWN(shut_down));

static void the_declarations_become_the_descriptor(void **state)
{
    const csgi_plugin *plugin = csgi_plugin_query(CSGI_ABI_MAJOR);

    (void)state;
    assert_int_equal(plugin->endpoint_count, 6);
    assert_string_equal(plugin->name.ptr, "tested");
    assert_string_equal(plugin->endpoints[1].name.ptr, "item");
    assert_string_equal(plugin->endpoints[1].path.ptr, "/items/{id}/{part}");
    assert_int_equal(plugin->endpoints[1].path.len, 18);
    assert_string_equal(plugin->endpoints[4].methods.ptr, "POST");
    assert_int_equal(plugin->endpoints[0].accepts, CSGI_HTTP);
}

static void parameters_have_values_or_defaults(void **state)
{
    (void)state;
    assert_answer("search", "q=x", NULL, 200,
                  "{\"q\":\"x\",\"in\":\"all\",\"by\":null,\"page\":1}");
    assert_answer("search", "page=%32&by=b&in=&q=", NULL, 200,
                  "{\"q\":\"\",\"in\":\"\",\"by\":\"b\",\"page\":2}");
}

static void queries_are_read_as_python_reads_them(void **state)
{
    static const struct {
        const char *query, *q;
    } cases[] = {
        { "q=a+b%20c", "a b c" },   { "q=1&q=2", "2" },      { "q", "" },
        { "q=a=b", "a=b" },         { "q=%zz%4", "%zz%4" },  { "%71=x", "x" },
        { "&&q=x&", "x" },          { "qq=1&q=x&Q=2", "x" }, { "q=%C3%A3", "\xc3\xa3" },
        { "q=a%26q%3Db", "a&q=b" }, { "q=a;q=b", "a;q=b" },  { "q=%2B", "+" },
        { "=1&q=x", "x" },
    };
    char body[200];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(body, sizeof(body), "{\"q\":\"%s\",\"in\":\"all\",\"by\":null,\"page\":1}",
                 cases[i].q);
        assert_answer("search", cases[i].query, NULL, 200, body);
    }
}

static void all_errors_of_a_request_are_told_at_once(void **state)
{
    (void)state;
    assert_answer("search", "page=x", NULL, 422,
                  "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"query\",\"q\"],"
                  "\"msg\":\"Field required\",\"input\":null},"
                  "{\"type\":\"int_parsing\",\"loc\":[\"query\",\"page\"],"
                  "\"msg\":\"Input should be a valid integer, unable to parse string as an "
                  "integer\",\"input\":\"x\"}]}");
    assert_answer("item", "", "id=a\"", 422,
                  "{\"detail\":[{\"type\":\"int_parsing\",\"loc\":[\"path\",\"id\"],"
                  "\"msg\":\"Input should be a valid integer, unable to parse string as an "
                  "integer\",\"input\":\"a\\\"\"},"
                  "{\"type\":\"missing\",\"loc\":[\"query\",\"q\"],"
                  "\"msg\":\"Field required\",\"input\":null}]}");
}

static void bounds_include_themselves(void **state)
{
    (void)state;
    assert_answer("search", "q=x&page=99", NULL, 200,
                  "{\"q\":\"x\",\"in\":\"all\",\"by\":null,\"page\":99}");
    assert_answer("search", "q=x&page=0", NULL, 422,
                  "{\"detail\":[{\"type\":\"greater_than_equal\",\"loc\":[\"query\",\"page\"],"
                  "\"msg\":\"Input should be greater than or equal to 1\",\"input\":\"0\","
                  "\"ctx\":{\"ge\":1}}]}");
    assert_answer("search", "q=x&page=100", NULL, 422,
                  "{\"detail\":[{\"type\":\"less_than_equal\",\"loc\":[\"query\",\"page\"],"
                  "\"msg\":\"Input should be less than or equal to 99\",\"input\":\"100\","
                  "\"ctx\":{\"le\":99}}]}");
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    assert_answer("search", "q=%ff", NULL, 422,
                  "{\"detail\":[{\"type\":\"string_unicode\",\"loc\":[\"query\",\"q\"],"
                  "\"msg\":\"Input should be a valid string, unable to parse raw data as a unicode "
                  "string\",\"input\":\"\xef\xbf\xbd\"}]}");
    assert_answer("search", "q=a%00b", NULL, 422,
                  "{\"detail\":[{\"type\":\"value_error\",\"loc\":[\"query\",\"q\"],"
                  "\"msg\":\"Value error, NUL is not allowed\",\"input\":\"a\\u0000b\","
                  "\"ctx\":{\"error\":{}}}]}");
}

static void ints_are_read_as_pydantic_reads_them(void **state)
{
    static const struct {
        const char *text, *body;
    } good[] = {
        { "id=7", "[7]" },
        { "id=-7", "[-7]" },
        { "id=+7", "[7]" },
        { "id= 7\t", "[7]" },
        { "id=007", "[7]" },
        { "id=7.0", "[7]" },
        { "id=7.000", "[7]" },
        { "id=1_000", "[1000]" },
        { "id=9223372036854775807", "[9223372036854775807]" },
        { "id=-9223372036854775808", "[-9223372036854775808]" },
    };
    static const char *const bad[] = { "id=",
                                       "id=-",
                                       "id=x",
                                       "id=7.5",
                                       "id=7.",
                                       "id=1e3",
                                       "id=0x7",
                                       "id=_1",
                                       "id=1__0",
                                       "id=1_",
                                       "id=7 7",
                                       "id=--7",
                                       "id=9223372036854775808",
                                       "id=-9223372036854775809",
                                       "id=99999999999999999999999" };
    fake_call call;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_answer("item", "q=", good[i].text, 201, good[i].body);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(fake_get_once(&call, "item", "q=", bad[i]), CSGI_OK);
        if (call.status != 422) fail_msg("%s: %u", bad[i], call.status);
        fake_call_fini(&call);
    }
}

static void a_parameter_of_the_path_needs_no_declaration(void **state)
{
    fake_call call;

    (void)state;
    assert_int_equal(fake_get_once(&call, "by_name", "", "name=S\xc3\xa3o"), CSGI_OK);
    assert_string_equal(call.body, "hello, S\xc3\xa3o");
    assert_string_equal(call.content_type, "text/plain; charset=utf-8");
    fake_call_fini(&call);
}

static void the_first_failure_sticks_and_is_answered(void **state)
{
    (void)state;
    assert_answer("act", "how=fail", NULL, 409, "{\"detail\":\"name is \\\"taken\\\"\"}");
    assert_answer("act", "how=fail+twice", NULL, 404, "{\"detail\":\"first\"}");
    assert_answer("act", "how=fail+and+forget", NULL, 403, "{\"detail\":\"kept\"}");
    assert_answer("act", "how=odd+status", NULL, 500, "{\"detail\":\"odd\"}");
    assert_string_equal(fake_log_text,
                        "act: csgi_fail with the status 200, which is no failure's; it "
                        "takes 400 to 599, so the client gets 500\n");
    assert_answer("act", "how=catch", NULL, 200, "\"caught\"");
}

static void the_authors_mistakes_are_a_500_and_a_line_in_the_log(void **state)
{
    static const char hidden[] = "{\"detail\":\"Internal Server Error\"}";

    (void)state;
    assert_answer("act", "how=undeclared", NULL, 500, hidden);
    assert_string_equal(fake_log_text,
                        "act reads the query parameter \"ho\", which is not declared; declare it: "
                        "CSGI_QUERY_STR(\"ho\")\n");
    assert_answer("act", "how=wrong+type", NULL, 500, hidden);
    assert_string_equal(fake_log_text, "act reads the query parameter \"how\" as int, but it is "
                                       "declared as str: read it with csgi_query_str\n");
    assert_answer("act", "how=no+config", NULL, 500, hidden);
    assert_string_equal(fake_log_text, "act reads the configuration key \"none\", which is not "
                                       "declared; declare it: CSGI_CONFIG_STR(\"none\")\n");
    assert_answer("act", "how=no+header", NULL, 500, hidden);
    assert_string_equal(fake_log_text,
                        "act reads the header \"age\", which is not declared; declare "
                        "it: CSGI_HEADER_INT(\"age\")\n");
    assert_answer("act", "how=not+json", NULL, 500, hidden);
    assert_string_equal(fake_log_text,
                        "the reply of act is not JSON: a \":\" is missing, at byte 4 of "
                        "the template {'a'}\n");
    assert_answer("act", "how=bytes", NULL, 500, hidden);
    assert_non_null(strstr(fake_log_text, "the reply of act is not JSON: a string is not UTF-8"));
    assert_answer("act", "how=fail+after+reply", NULL, 200, "1");
    assert_string_equal(fake_log_text, "act failed after its reply: too late\n");
    assert_answer("act", "how=reply+twice", NULL, 200, "1");
    assert_non_null(strstr(fake_log_text, "act: a second reply; a call replies once\n"));
}

static void a_code_of_the_handlers_own_goes_to_the_host(void **state)
{
    fake_call call;

    (void)state;
    assert_int_equal(fake_get_once(&call, "act", "how=other", NULL), CSGI_ENOTSUP);
    assert_int_equal(call.status, 0);
    fake_call_fini(&call);
}

static void a_client_that_is_gone_ends_the_call(void **state)
{
    fake_call call;
    void *instance;

    (void)state;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    fake_call_init(&call, CSGI_HTTP);
    call.send_fails_with = CSGI_EDISCONNECTED;
    assert_int_equal(fake_get(&call, instance, "search", "q=x", NULL), CSGI_EDISCONNECTED);
    assert_int_equal(fake_get(&call, instance, "search", "", NULL), CSGI_EDISCONNECTED);
    fake_call_fini(&call);
    fake_destroy(instance);
}

static void a_scope_that_is_not_http_is_refused(void **state)
{
    fake_call call;
    void *instance;

    (void)state;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    fake_call_init(&call, CSGI_WEBSOCKET);
    assert_int_equal(fake_get(&call, instance, "search", "q=x", NULL), CSGI_ENOTSUP);
    fake_call_fini(&call);
    fake_destroy(instance);
}

static void a_reply_may_be_written_in_pieces(void **state)
{
    (void)state;
    assert_answer("act", "how=pieces", NULL, 200, "{\"all\":[{\"n\":1},{\"n\":2}]}");
}

static void json_is_posted_and_its_answer_read(void **state)
{
    (void)state;
    memset(&fake_upstream, 0, sizeof(fake_upstream));
    fake_upstream.status = 201;
    fake_upstream.body = "{\"note\":\"S\\u00e3o\",\"new\":true,\"inner\":{\"list\":[1,2,3]}}";
    assert_answer("ask", "", NULL, 200,
                  "{\"note\":\"S\xc3\xa3o\",\"new\":true,\"has\":[true,false],\"list\":[1,2,3]}");
    assert_string_equal(fake_upstream.method, "POST");
    assert_string_equal(fake_upstream.url, "http://h/a%20b");
    assert_string_equal(fake_upstream.request_body, "{\"n\":3}");
    fake_upstream.body = "{\"note\":\"\",\"new\":true,\"inner\":{\"list\":[1,2.5]}}";
    assert_answer("ask", "", NULL, 502,
                  "{\"detail\":\"The upstream's answer has no integer \\\"\\\"\"}");
    fake_upstream.body = "{\"note\":\"\",\"new\":true,\"inner\":[]}";
    assert_answer("ask", "", NULL, 502,
                  "{\"detail\":\"The upstream's answer has no object \\\"inner\\\"\"}");
}

static void items_of_an_array_are_read_in_any_order(void **state)
{
    (void)state;
    memset(&fake_upstream, 0, sizeof(fake_upstream));
    fake_upstream.status = 200;
    fake_upstream.body = "[[\"a\",\"b\"],[\"c\"],[\"d\",\"e\",\"f\"],[]]";
    assert_answer("pick", "a=0&b=2", NULL, 200, "[4,\"a\",\"f\"]");
    assert_answer("pick", "a=2&b=0", NULL, 200, "[4,\"d\",\"b\"]");
    assert_answer("pick", "a=1&b=1", NULL, 200, "[4,\"c\",\"c\"]");
    assert_answer("pick", "a=4&b=1", NULL, 502,
                  "{\"detail\":\"The upstream's answer has no item \\\"4\\\"\"}");
    assert_answer("pick", "a=3&b=1", NULL, 502,
                  "{\"detail\":\"The upstream's answer has no item \\\"0\\\"\"}");
}

static void run_lifespan(fake_call *call, const char *config, const uint32_t *events)
{
    const csgi_plugin *plugin = csgi_plugin_query(CSGI_ABI_MAJOR);
    void *instance;

    started = stopped = 0;
    assert_int_equal(fake_create(config, &instance), CSGI_OK);
    fake_call_init(call, CSGI_LIFESPAN);
    call->events = events;
    assert_int_equal(plugin->lifespan(instance, &call->scope, &call->receive, &call->send),
                     CSGI_OK);
    fake_call_fini(call);
    fake_destroy(instance);
}

static void start_up_and_shutdown_functions_run_once(void **state)
{
    static const uint32_t events[] = { CSGI_LIFESPAN_STARTUP, 0x3ff, CSGI_LIFESPAN_SHUTDOWN, 0 };
    fake_call call;

    (void)state;
    run_lifespan(&call, "{}", events);
    assert_int_equal(started, 1);
    assert_int_equal(stopped, 1);
    assert_int_equal(call.lifespan_answer, CSGI_LIFESPAN_COMPLETE);
}

static void a_start_up_that_fails_says_why(void **state)
{
    static const uint32_t events[] = { CSGI_LIFESPAN_STARTUP, CSGI_LIFESPAN_SHUTDOWN, 0 };
    fake_call call;

    (void)state;
    run_lifespan(&call, "{\"broken\":1}", events);
    assert_int_equal(call.lifespan_answer, CSGI_LIFESPAN_FAILED);
    assert_string_equal(call.lifespan_message, "no luck today");
    assert_int_equal(stopped, 0);
}

static void every_allocation_that_fails_is_an_error_and_no_crash(void **state)
{
    static const struct {
        const char *endpoint, *query;
    } calls[] = {
        { "search", "q=1&page=2" }, { "search", "page=0" }, { "act", "how=pieces" }, { "ask", "" }
    };
    csgi_status status;
    fake_call call;
    void *instance;
    size_t i, n;

    (void)state;
    fake_upstream.status = 200;
    fake_upstream.body = "{\"note\":\"\",\"new\":true,\"inner\":{\"list\":[1]}}";
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        for (n = 0;; n++) {
            fake_call_init(&call, CSGI_HTTP);
            failing_malloc_after(n);
            status = fake_get(&call, instance, calls[i].endpoint, calls[i].query, NULL);
            fake_call_fini(&call);
            if (!failing_malloc_off()) break;
            if (call.status == 0) assert_int_equal(status, CSGI_ENOMEM);
        }
        assert_int_equal(status, CSGI_OK);
        assert_true(call.is_complete && n > 1);
    }
    fake_destroy(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_declarations_become_the_descriptor),
        cmocka_unit_test(parameters_have_values_or_defaults),
        cmocka_unit_test(queries_are_read_as_python_reads_them),
        cmocka_unit_test(all_errors_of_a_request_are_told_at_once),
        cmocka_unit_test(bounds_include_themselves),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(ints_are_read_as_pydantic_reads_them),
        cmocka_unit_test(a_parameter_of_the_path_needs_no_declaration),
        cmocka_unit_test(the_first_failure_sticks_and_is_answered),
        cmocka_unit_test(the_authors_mistakes_are_a_500_and_a_line_in_the_log),
        cmocka_unit_test(a_code_of_the_handlers_own_goes_to_the_host),
        cmocka_unit_test(a_client_that_is_gone_ends_the_call),
        cmocka_unit_test(a_scope_that_is_not_http_is_refused),
        cmocka_unit_test(a_reply_may_be_written_in_pieces),
        cmocka_unit_test(json_is_posted_and_its_answer_read),
        cmocka_unit_test(items_of_an_array_are_read_in_any_order),
        cmocka_unit_test(start_up_and_shutdown_functions_run_once),
        cmocka_unit_test(a_start_up_that_fails_says_why),
        cmocka_unit_test(every_allocation_that_fails_is_an_error_and_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
