/* SPDX-License-Identifier: MIT
 * The contract of HTTP calls: scope, receive, send, and how a call ends.
 */
#include "fixture.h"

/* What the last call saw, for the tests to look at. */
static csgi_status seen[8];

static void serve(fixture *f,
                  csgi_status (*call)(void *, const csgi_scope *, csgi_receive *, csgi_send *))
{
    memset(seen, 0x7f, sizeof seen);
    fixture_open(f, NULL);
    fixture_serve(f, call);
}

/* ---- the scope ---- */

static void assert_text(csgi_str text, const char *expected)
{
    assert_string_equal(text.ptr, expected); /* NUL-terminated, and never NULL */
    assert_int_equal(text.len, strlen(expected));
}

ENDPOINT(look_at_scope)
{
    (void)self;
    (void)receive;
    assert_int_equal(scope->size, sizeof *scope);
    assert_int_equal(scope->type, CSGI_HTTP);
    assert_int_equal(scope->features, CSGI_CAN_PATHSEND | CSGI_CAN_ZEROCOPYSEND);
    assert_text(scope->http_version, "1.1");
    assert_text(scope->method, "GET");
    assert_text(scope->scheme, "http");
    assert_text(scope->path, "/it");
    assert_text(scope->raw_path, "/%69t");
    assert_text(scope->query_string, "a=%20b");
    assert_text(scope->root_path, "");
    assert_text(scope->app, "test");
    assert_text(scope->endpoint, "it");
    assert_text(scope->route, "/it");
    assert_text(scope->route_config, "");
    assert_text(scope->client_host, "192.0.2.1");
    assert_int_equal(scope->client_port, 4711);
    assert_text(scope->server_host, "");
    assert_int_equal(scope->headers.count, 2);
    assert_text(scope->headers.items[0].name, "x-one");
    assert_text(scope->headers.items[1].value, "2");
    assert_int_equal(scope->subprotocol_count, 0);
    assert_null(scope->tls);
    assert_null(scope->arena->blocks); /* a plain request takes nothing from the heap */
    return reply(send, 200, "seen");
}

static void the_scope_says_what_was_asked(void **state)
{
    static const csgi_field headers[] = { { CSGI_STR("X-One"), CSGI_STR("1"), 0, 0 },
                                          { CSGI_STR("x-two"), CSGI_STR("2"), 0, 0 } };
    address peer;
    memory_request request = { .raw_path = CSGI_STR("/%69t"),
                               .query_string = CSGI_STR("a=%20b"),
                               .headers = { headers, 2 },
                               .client = &peer };
    fixture f;
    answer got;

    (void)state;
    assert_int_equal(address_from_ip(&peer, "192.0.2.1", 4711), CSGI_OK);
    serve(&f, look_at_scope);
    ask_begin(&f, &got, &request);
    loop_run(f.loop);
    assert_string_equal(got.body, "seen");
    fixture_close(&f);
}

/* ---- receive ---- */

ENDPOINT(receive_all)
{
    const csgi_event *event;
    csgi_http_body last;
    char text[64];

    (void)self;
    (void)scope;
    assert_int_equal(receive->call(receive, &event), CSGI_OK);
    assert_int_equal(event->type, CSGI_HTTP_REQUEST);
    assert_int_equal(event->size, sizeof last);
    memcpy(&last, event, sizeof last);
    assert_false(last.flags & CSGI_MORE);
    assert_non_null(last.body.ptr);
    snprintf(text, sizeof text, "[%.*s]", STR_ARG(last.body));
    assert_int_equal(reply(send, 200, text), CSGI_OK);
    for (int i = 0; i < 2; i++) { /* sticky */
        assert_int_equal(receive->call(receive, &event), CSGI_OK);
        assert_int_equal(event->type, CSGI_HTTP_DISCONNECT);
        assert_int_equal(event->size, sizeof(csgi_event));
    }
    assert_int_equal(receive->call(receive, NULL), CSGI_EINVAL);
    return CSGI_OK;
}

static void receive_yields_the_body_then_disconnect_for_ever(void **state)
{
    memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    answer got;

    (void)state;
    serve(&f, receive_all);
    ask_begin(&f, &got, &request);
    loop_run(f.loop);
    assert_string_equal(got.body, "[]"); /* a body is reported even when there is none */
    request.body = STR("payload");
    ask_begin(&f, &got, &request);
    loop_run(f.loop);
    assert_string_equal(got.body, "[payload]");
    fixture_close(&f);
}

ENDPOINT(wait_for_disconnect)
{
    const csgi_event *event;
    csgi_status status;

    (void)self;
    (void)scope;
    status = receive->call(receive, &event);
    while (status == CSGI_OK && event->type != CSGI_HTTP_DISCONNECT)
        status = receive->call(receive, &event);
    seen[0] = status;
    seen[1] = send_start(send, 200);
    return seen[1];
}

static void after_a_disconnect_sends_fail_and_returning_that_is_no_failure(void **state)
{
    const memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    answer got;

    (void)state;
    serve(&f, wait_for_disconnect);
    ask_begin(&f, &got, &request);
    loop_run(f.loop);
    assert_int_equal(app_set_running(f.set), 1);
    ask_abandon(&got);
    loop_run(f.loop);
    assert_int_equal(app_set_running(f.set), 0);
    assert_int_equal(seen[0], CSGI_OK);
    assert_int_equal(seen[1], CSGI_EDISCONNECTED);
    assert_string_equal(fixture_log(&f), "");
    fixture_close(&f);
}

/* ---- send: what is refused ---- */

/* Sends an event that must be refused, then answers 200: nothing may have been on the wire. */
static const csgi_event *bad_event;
static csgi_str bad_detail;

ENDPOINT(send_bad_event_then_reply)
{
    static char detail[256];
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { NULL, 0 }
    };

    (void)self;
    (void)receive;
    (void)scope;
    seen[0] = send->call(send, bad_event);
    bad_detail = (csgi_str){ detail, 0 };
    ((const csgi_host *)self)->last_error(self, &bad_detail);
    snprintf(detail, sizeof detail, "%.*s", STR_ARG(bad_detail));
    bad_detail = str_from(detail);
    seen[1] = send->call(send, &start.event);
    return send_body(send, "good", false);
}

static void assert_refused(const void *event, csgi_status code, const char *logged)
{
    fixture f;
    answer got;

    bad_event = event;
    serve(&f, send_bad_event_then_reply);
    got = get(&f, "/it");
    assert_int_equal(seen[0], code);
    assert_int_equal(seen[1], CSGI_OK);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "good");
    assert_logged(&f, "plugin test, endpoint it: send of ");
    assert_logged(&f, logged);
    assert_null(strchr(strchr(fixture_log(&f), '\n') + 1, '\n')); /* one sentence */
    assert_int_not_equal(bad_detail.len, 0);
    fixture_close(&f);
}

static void malformed_events_are_refused_with_a_sentence(void **state)
{
    const csgi_event unknown = CSGI_EVENT(csgi_event, 0x1ff);
    const csgi_event received = CSGI_EVENT(csgi_event, CSGI_HTTP_DISCONNECT);
    const csgi_lifespan alien = { .event = CSGI_EVENT(csgi_lifespan, CSGI_LIFESPAN_COMPLETE) };
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { NULL, 0 }
    };
    csgi_field field = { CSGI_STR("x"), CSGI_STR("y"), 0, 0 };

    (void)state;
    assert_refused(NULL, CSGI_EINVAL, "it is NULL");
    assert_refused(&unknown, CSGI_ENOTSUP, "event 0x1ff");
    assert_refused(&received, CSGI_ENOTSUP, "http.disconnect");
    assert_refused(&alien, CSGI_ENOTSUP, "another type of scope");
    start.event.size = sizeof start - 1;
    assert_refused(&start, CSGI_EINVAL, "its size is 31, and that type needs at least 32");
    start.event.size = 4;
    assert_refused(&start, CSGI_EINVAL, "http.response.start");
    start.event.size = sizeof start;
    start.flags = 1u << 16;
    assert_refused(&start, CSGI_EINVAL, "flags 0x10000");
    start.flags = 0;
    start.headers.count = 1;
    assert_refused(&start, CSGI_EINVAL, "fields are NULL");
    start.headers.items = &field;
    field.flags = 1u << 31;
    assert_refused(&start, CSGI_EINVAL, "field 0 has unknown flags");
    field.flags = 0;
    field.value.ptr = NULL;
    assert_refused(&start, CSGI_EINVAL, "NULL name or value");
    field.value = STR("a\r\nb: c");
    assert_refused(&start, CSGI_EINVAL, "control characters");
    start.headers.count = 0;
    start.status = 199;
    assert_refused(&start, CSGI_EINVAL, "between 200 and 999");
    start.status = 0;
    assert_refused(&start, CSGI_EINVAL, "between 200 and 999");
}

static void events_without_their_feature_are_not_supported(void **state)
{
    const uint32_t types[] = { CSGI_HTTP_RESPONSE_TRAILERS, CSGI_HTTP_RESPONSE_EARLY_HINT };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        csgi_http_file event = { .event = CSGI_EVENT(csgi_http_file, types[i]) };

        assert_refused(&event, CSGI_ENOTSUP, "features do not offer it");
    }
}

static void a_body_before_the_start_is_refused(void **state)
{
    const csgi_http_body body = { .event = CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY) };

    (void)state;
    assert_refused(&body, CSGI_ESTATE, "http.response.body was refused with CSGI_ESTATE");
}

ENDPOINT(send_after_completion)
{
    UNUSED_ARGUMENTS;
    reply(send, 200, "once");
    seen[0] = send_start(send, 200);
    seen[1] = send_body(send, "twice", false);
    return CSGI_OK;
}

static void events_after_completion_are_refused(void **state)
{
    fixture f;
    answer got;

    (void)state;
    serve(&f, send_after_completion);
    got = get(&f, "/it");
    assert_string_equal(got.body, "once");
    assert_logged(&f, "http.response.start was refused with CSGI_ESTATE: the response is complete");
    assert_logged(&f, "http.response.body was refused with CSGI_ESTATE: the response is complete");
    fixture_close(&f);
}

ENDPOINT(start_twice)
{
    UNUSED_ARGUMENTS;
    send_start(send, 201);
    seen[0] = send_start(send, 202);
    return send_body(send, "", false);
}

static void a_second_start_is_refused(void **state)
{
    fixture f;

    (void)state;
    serve(&f, start_twice);
    assert_int_equal(get(&f, "/it").status, 201);
    assert_int_equal(seen[0], CSGI_ESTATE);
    fixture_close(&f);
}

/* Events of a later minor: larger, with bytes that this server does not know. */
ENDPOINT(send_larger_events)
{
    struct {
        csgi_http_start known;
        char later[64];
    } start = {
        { CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 1u << 15, { NULL, 0 } },
        "unknown"
    };

    UNUSED_ARGUMENTS;
    start.known.event.size = sizeof start;
    seen[0] = send->call(send, &start.known.event);
    return send_body(send, "large", false);
}

static void larger_events_and_unknown_low_flags_are_fine(void **state)
{
    fixture f;

    (void)state;
    serve(&f, send_larger_events);
    assert_string_equal(get(&f, "/it").body, "large");
    assert_int_equal(seen[0], CSGI_OK);
    fixture_close(&f);
}

/* ---- how a call ends ---- */

ENDPOINT(fail_with_reason)
{
    const csgi_host *host = self;

    UNUSED_ARGUMENTS;
    return (host->fail)(host, CSGI_EFAIL, STR("the disk is full"));
}

static void a_failure_is_500_and_logged_with_its_reason(void **state)
{
    fixture f;
    answer got;

    (void)state;
    serve(&f, fail_with_reason);
    got = get(&f, "/it");
    assert_int_equal(got.status, 500);
    assert_string_equal(got.body, "{\"detail\":\"Internal Server Error\"}");
    assert_logged(&f, "plugin test, endpoint it failed on GET /it with CSGI_EFAIL: the disk is "
                      "full");
    assert_int_equal(get(&f, "/it").status, 500); /* the instance goes on */
    fixture_close(&f);
}

static csgi_status to_return;
ENDPOINT(return_it)
{
    UNUSED_ARGUMENTS;
    return to_return;
}

static void unknown_and_positive_statuses_are_failures(void **state)
{
    const struct {
        csgi_status status;
        const char *logged;
    } cases[] = {
        { 7, "with 7 (no code of CSGI's)" },
        { -77, "with -77 (no code of CSGI's)" },
        { CSGI_ENOTSUP, "with CSGI_ENOTSUP (scope or event type not supported here)" },
        { CSGI_EFAIL, "with CSGI_EFAIL, with no reason given" },
        { CSGI_ECANCELED, "with CSGI_ECANCELED" }, /* nobody has cancelled it */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture f;

        to_return = cases[i].status;
        serve(&f, return_it);
        assert_int_equal(get(&f, "/it").status, 500);
        assert_logged(&f, cases[i].logged);
        assert_not_logged(&f, "without answering");
        fixture_close(&f);
    }
}

static void returning_without_an_answer_is_500_and_logged(void **state)
{
    fixture f;

    (void)state;
    to_return = CSGI_OK;
    serve(&f, return_it);
    assert_int_equal(get(&f, "/it").status, 500);
    assert_logged(&f, "plugin test, endpoint it returned without answering (GET /it)");
    fixture_close(&f);
}

ENDPOINT(start_only)
{
    UNUSED_ARGUMENTS;
    return send_start(send, 200);
}

static void a_start_alone_becomes_a_500(void **state)
{
    fixture f;

    (void)state;
    serve(&f, start_only);
    assert_int_equal(get(&f, "/it").status, 500);
    assert_logged(&f, "returned without ending its response");
    fixture_close(&f);
}

ENDPOINT(start_then_fail)
{
    UNUSED_ARGUMENTS;
    send_start(send, 200);
    return CSGI_EFAIL;
}

static void a_failure_after_the_held_back_start_is_still_500(void **state)
{
    fixture f;

    (void)state;
    serve(&f, start_then_fail);
    assert_int_equal(get(&f, "/it").status, 500);
    fixture_close(&f);
}

ENDPOINT(half_a_response)
{
    UNUSED_ARGUMENTS;
    send_start(send, 200);
    send_body(send, "half", true);
    return to_return;
}

static void an_unended_response_is_cut(void **state)
{
    fixture f;
    answer got;

    (void)state;
    for (to_return = CSGI_OK; to_return >= CSGI_EINVAL; to_return--) {
        serve(&f, half_a_response);
        got = get(&f, "/it");
        assert_int_equal(got.result, CSGI_EDISCONNECTED);
        assert_string_equal(got.body, "half");
        assert_logged(&f, to_return ? "failed on GET /it with CSGI_EINVAL"
                                    : "returned without ending its response");
        fixture_close(&f);
    }
}

ENDPOINT(short_body)
{
    const csgi_field length = { CSGI_STR("content-length"), CSGI_STR("10"), 0, 0 };
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { &length, 1 }
    };

    UNUSED_ARGUMENTS;
    send->call(send, &start.event);
    seen[0] = send_body(send, "short", false);
    return CSGI_OK;
}

static void a_body_that_breaks_its_length_is_an_error_named(void **state)
{
    fixture f;

    (void)state;
    serve(&f, short_body);
    assert_int_equal(get(&f, "/it").status, 500);
    assert_int_equal(seen[0], CSGI_EINVAL);
    assert_logged(&f, "http.response.body was refused with CSGI_EINVAL: the body is shorter");
    fixture_close(&f);
}

ENDPOINT(sleep_long)
{
    const csgi_event *event;
    csgi_status status;

    UNUSED_ARGUMENTS;
    receive->call(receive, &event);
    status = receive->call(receive, &event);
    seen[0] = status;
    return status;
}

static void cancel_all_answers_503_and_blames_nobody(void **state)
{
    const memory_request request = { .raw_path = CSGI_STR("/it") };
    fixture f;
    answer got;

    (void)state;
    serve(&f, sleep_long);
    ask_begin(&f, &got, &request);
    loop_run(f.loop);
    assert_int_equal(got.times, 0);
    app_set_cancel_all(f.set);
    loop_run(f.loop);
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_int_equal(got.status, 503);
    assert_string_equal(fixture_log(&f), "");
    fixture_close(&f);
}

ENDPOINT(ask_whether_draining)
{
    const csgi_host *host = self;

    UNUSED_ARGUMENTS;
    assert_true(host->deadline_ns(scope) == UINT64_MAX);
    return reply(send, 200, host->is_draining(scope) ? "yes" : "no");
}

static void calls_can_ask_whether_the_server_drains(void **state)
{
    fixture f;

    (void)state;
    serve(&f, ask_whether_draining);
    assert_string_equal(get(&f, "/it").body, "no");
    app_set_drain(f.set);
    assert_string_equal(get(&f, "/it").body, "yes");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scope_says_what_was_asked),
        cmocka_unit_test(receive_yields_the_body_then_disconnect_for_ever),
        cmocka_unit_test(after_a_disconnect_sends_fail_and_returning_that_is_no_failure),
        cmocka_unit_test(malformed_events_are_refused_with_a_sentence),
        cmocka_unit_test(events_without_their_feature_are_not_supported),
        cmocka_unit_test(a_body_before_the_start_is_refused),
        cmocka_unit_test(events_after_completion_are_refused),
        cmocka_unit_test(a_second_start_is_refused),
        cmocka_unit_test(larger_events_and_unknown_low_flags_are_fine),
        cmocka_unit_test(a_failure_is_500_and_logged_with_its_reason),
        cmocka_unit_test(unknown_and_positive_statuses_are_failures),
        cmocka_unit_test(returning_without_an_answer_is_500_and_logged),
        cmocka_unit_test(a_start_alone_becomes_a_500),
        cmocka_unit_test(a_failure_after_the_held_back_start_is_still_500),
        cmocka_unit_test(an_unended_response_is_cut),
        cmocka_unit_test(a_body_that_breaks_its_length_is_an_error_named),
        cmocka_unit_test(cancel_all_answers_503_and_blames_nobody),
        cmocka_unit_test(calls_can_ask_whether_the_server_drains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
