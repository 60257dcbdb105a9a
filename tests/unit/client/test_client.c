/* SPDX-License-Identifier: MIT
 * Fetching: what is asked and answered, and what becomes of the connection. */
#include "rig.h"

static void the_request_arrives_and_the_answer_comes_back(void **state)
{
    rig bench;
    asked now;
    char want[500];

    (void)state;
    begin(&bench, echo, NULL);
    prepare(&bench, &now, "/a?b=c");
    ask_all(&now, 1);
    assert_int_equal(now.status, CSGI_OK);
    assert_int_equal(now.response->status, 200);
    assert_int_equal(now.response->headers.count, 2);
    assert_string_equal(now.response->headers.items[0].name.ptr, "x-seen");
    snprintf(want, sizeof want,
             "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: capricorn/%s\r\n"
             "Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n",
             bench.server.port, CAPRICORN_VERSION);
    assert_answered(&now, want);
    finish(&bench);
}

static void a_body_is_sent_with_its_length(void **state)
{
    rig bench;
    asked now;
    const csgi_field field = { .name = CSGI_STR("X-A"), .value = CSGI_STR("1") };

    (void)state;
    begin(&bench, echo, NULL);
    prepare(&bench, &now, "/");
    now.request.method = STR("POST");
    now.request.headers = (csgi_fields){ &field, 1 };
    now.request.body = STR("{\"x\":1}");
    ask_all(&now, 1);
    assert_int_equal(now.status, CSGI_OK);
    assert_non_null(strstr(now.response->body.ptr, "Content-Length: 7\r\nX-A: 1\r\n\r\n{\"x\":1}"));
    done(&now);
    finish(&bench);
}

#define LARGE ((size_t)4 << 20)

/* Reads a large body, sends it back. */
static void serve_large(int fd, int number)
{
    char *text = malloc(LARGE + 1000);

    (void)number;
    if (!text) abort();
    while (read_request(fd, text, LARGE + 1000)) {
        char head[100];

        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", LARGE);
        say(fd, head);
        say_bytes(fd, strstr(text, "\r\n\r\n") + 4, LARGE);
    }
    free(text);
}

static void a_large_body_goes_there_and_back_and_the_connection_is_kept(void **state)
{
    rig bench;
    char *body = malloc(LARGE);

    (void)state;
    assert_non_null(body);
    for (size_t i = 0; i < LARGE; i++)
        body[i] = (char)('a' + i % 23);
    begin(&bench, serve_large, NULL);
    for (int i = 0; i < 2; i++) {
        asked now;

        prepare(&bench, &now, "/");
        now.request.method = STR("PUT");
        now.request.body = (csgi_str){ body, LARGE };
        ask_all(&now, 1);
        assert_int_equal(now.status, CSGI_OK);
        assert_int_equal(now.response->body.len, LARGE);
        assert_memory_equal(now.response->body.ptr, body, LARGE);
        done(&now);
    }
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
    free(body);
}

static void a_connection_is_used_again(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    for (int i = 0; i < 3; i++) {
        expect_body(&bench, "/", "hi");
        assert_int_equal(client_get_counts(bench.client).idle, 1);
        assert_int_equal(client_get_counts(bench.client).requests, 0);
    }
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void a_head_request_has_no_body_and_keeps_the_connection(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, echo, NULL);
    prepare(&bench, &now, "/");
    now.request.method = STR("HEAD");
    ask_all(&now, 1);
    assert_answered(&now, "");
    assert_int_equal(client_get_counts(bench.client).idle, 1);
    prepare(&bench, &now, "/");
    ask_all(&now, 1);
    assert_int_equal(now.status, CSGI_OK);
    assert_true(str_starts_with(now.response->body, STR("GET / ")));
    done(&now);
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void connection_close_is_respected(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_close, NULL);
    expect_body(&bench, "/", "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    expect_body(&bench, "/", "hi");
    assert_int_equal(bench.server.accepted, 2);
    finish(&bench);
}

static void say_too_much(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, OK_HI "HTTP/1.1 200 OK\r\n");
    skip_request(fd);
}

static void a_connection_with_bytes_left_is_not_used_again(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_too_much, NULL);
    expect_body(&bench, "/", "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    finish(&bench);
}

static void say_more_later(int fd, int number)
{
    if (skip_request(fd)) say(fd, OK_HI);
    wait_to_go_on();
    if (number == 0) say(fd, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    skip_request(fd);
}

static void close_later(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, OK_HI);
    wait_to_go_on();
}

static void what_an_idle_connection_says_or_its_end_closes_it(void **state)
{
    static const serve_fn serves[] = { say_more_later, close_later };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(serves); i++) {
        rig bench;

        go_on = 0;
        begin(&bench, serves[i], NULL);
        expect_body(&bench, "/", "hi");
        assert_int_equal(client_get_counts(bench.client).idle, 1);
        go_on = 1;
        until_idle(&bench, 0);
        assert_int_equal(client_get_counts(bench.client).connections, 0);
        expect_body(&bench, "/", "hi");
        assert_int_equal(bench.server.accepted, 2);
        finish(&bench);
    }
}

/* The first connection takes two requests and answers one; later ones answer all. */
static void die_at_the_second(int fd, int number)
{
    if (number > 0) {
        say_hi(fd, number);
        return;
    }
    if (skip_request(fd)) say(fd, OK_HI);
    skip_request(fd);
    if (go_on) reset_on_close(fd);
}

static void a_stale_connection_is_replaced_once(void **state)
{
    (void)state;
    for (int with_reset = 0; with_reset < 2; with_reset++) {
        rig bench;

        go_on = with_reset;
        begin(&bench, die_at_the_second, NULL);
        expect_body(&bench, "/", "hi");
        expect_body(&bench, "/", "hi");
        assert_int_equal(bench.server.accepted, 2);
        finish(&bench);
    }
}

static void a_post_that_may_have_been_acted_on_is_not_sent_again(void **state)
{
    rig bench;
    asked now;

    (void)state;
    go_on = 0;
    begin(&bench, die_at_the_second, NULL);
    expect_body(&bench, "/", "hi");
    prepare(&bench, &now, "/");
    now.request.method = STR("POST");
    ask_all(&now, 1);
    assert_failed(&now, CSGI_EPROTO, ": the connection was closed without an answer");
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void die_at_once(int fd, int number)
{
    (void)number;
    skip_request(fd);
}

static void a_fresh_connection_that_dies_is_not_tried_again(void **state)
{
    rig bench;
    char want[100];

    (void)state;
    begin(&bench, die_at_once, NULL);
    snprintf(want, sizeof want, "http://127.0.0.1:%u: the connection was closed without an answer",
             bench.server.port);
    expect_failure(&bench, "/", CSGI_EPROTO, want);
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void a_chunked_answer_is_put_together(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_chunked, NULL);
    expect_body(&bench, "/", "hello world");
    expect_body(&bench, "/", "hello world");
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void say_until_the_end(int fd, int number)
{
    if (!skip_request(fd)) return;
    say(fd, "HTTP/1.1 200 OK\r\n\r\nhello");
    if (number == 0) return;
    usleep(20000); /* or the reset takes what was sent along */
    reset_on_close(fd);
}

static void an_answer_may_end_with_its_connection_but_not_with_a_reset(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_until_the_end, NULL);
    expect_body(&bench, "/", "hello");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    expect_failure(&bench, "/", CSGI_EPROTO, "ended early, after 5 bytes");
    finish(&bench);
}

static void say_ten_of_twenty(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789");
}

static void an_answer_cut_short_says_where(void **state)
{
    rig bench;
    char want[100];

    (void)state;
    begin(&bench, say_ten_of_twenty, NULL);
    snprintf(want, sizeof want, "http://127.0.0.1:%u: the response ended after 10 of 20 bytes",
             bench.server.port);
    expect_failure(&bench, "/", CSGI_EPROTO, want);
    finish(&bench);
}

static void say_garbage(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, "SSH-2.0-OpenSSH_9.2\r\n");
    skip_request(fd);
}

static void garbage_is_refused(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_garbage, NULL);
    expect_failure(&bench, "/", CSGI_EPROTO, "the answer is not HTTP/1.1");
    finish(&bench);
}

static void an_answer_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    for (uint64_t max = 1; max <= 2; max++) {
        asked now;

        prepare(&bench, &now, "/");
        now.request.max_response_size = max;
        ask_all(&now, 1);
        if (max == 2)
            assert_answered(&now, "hi");
        else
            assert_failed(&now, CSGI_ELIMIT, "the response is larger than 1 bytes");
    }
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_arrives_and_the_answer_comes_back),
        cmocka_unit_test(a_body_is_sent_with_its_length),
        cmocka_unit_test(a_large_body_goes_there_and_back_and_the_connection_is_kept),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(a_head_request_has_no_body_and_keeps_the_connection),
        cmocka_unit_test(connection_close_is_respected),
        cmocka_unit_test(a_connection_with_bytes_left_is_not_used_again),
        cmocka_unit_test(what_an_idle_connection_says_or_its_end_closes_it),
        cmocka_unit_test(a_stale_connection_is_replaced_once),
        cmocka_unit_test(a_post_that_may_have_been_acted_on_is_not_sent_again),
        cmocka_unit_test(a_fresh_connection_that_dies_is_not_tried_again),
        cmocka_unit_test(a_chunked_answer_is_put_together),
        cmocka_unit_test(an_answer_may_end_with_its_connection_but_not_with_a_reset),
        cmocka_unit_test(an_answer_cut_short_says_where),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(an_answer_may_be_as_large_as_the_limit_and_no_larger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
