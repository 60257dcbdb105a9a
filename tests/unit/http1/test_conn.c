/* SPDX-License-Identifier: MIT
 * Whole connections over a pair of sockets: what the client says and what it then reads. A client
 * that says nothing more has shut down its half; the loop ends when the connection has closed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "failing_malloc.h"
#include "http1/http1.h"

#define HOST "Host: a\r\n"

static const task_label label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static const csgi_fields no_fields = { NULL, 0 };
static http1_options options;
static loop *world;
static http1_conn *conn;
static int client; /* the client's socket */
static buffer heard, seen;
static uint64_t body_received;
static bool in_tasks; /* answer from a task; else at once */

/* ---- the application ---- */

static csgi_status echo(exchange *self, bool starts_first)
{
    exchange_received kind = EXCHANGE_GOT_BODY;
    csgi_fields trailers = no_fields;
    csgi_status status = CSGI_OK;
    const char *why;
    bool more = true;

    if (starts_first) status = exchange_start(self, 200, no_fields, &why);
    while (more && !status) {
        csgi_str bytes;

        status = exchange_receive(self, &kind, &bytes, &more, &trailers);
        if (status || kind == EXCHANGE_GOT_DISCONNECT) return status;
        body_received += bytes.len;
        if (!starts_first && !more) status = exchange_start(self, 200, trailers, &why);
        if (!status && (starts_first || !more)) status = exchange_body(self, bytes, more, &why);
    }
    return status;
}

static csgi_status send_large(exchange *self, bool at_once)
{
    size_t len = 8 << 20;
    char *large = calloc(1, len);
    const char *why;
    csgi_status status = large ? exchange_start(self, 200, no_fields, &why) : CSGI_ENOMEM;

    if (status) {
        free(large);
        return status;
    }
    if (at_once) {
        status = exchange_body(self, (csgi_str){ large, len }, false, &why);
    } else {
        for (size_t sent = 0; !status && sent < len; sent += 65536)
            status = exchange_body(self, (csgi_str){ large, 65536 }, sent + 65536 < len, &why);
    }
    free(large);
    return status;
}

static csgi_status answer(void *arg)
{
    exchange *self = arg;
    const char *why;

    if (str_eq(self->path, STR("/echo"))) return echo(self, false);
    if (str_eq(self->path, STR("/stream"))) return echo(self, true);
    if (str_eq(self->path, STR("/at-once"))) return send_large(self, true);
    if (str_eq(self->path, STR("/in-pieces"))) return send_large(self, false);
    if (str_eq(self->path, STR("/nothing"))) return CSGI_OK;
    if (str_eq(self->path, STR("/half"))) {
        exchange_start(self, 200, no_fields, &why);
        return exchange_body(self, STR("half"), true, &why);
    }
    if (exchange_start(self, 200, no_fields, &why)) return CSGI_EFAIL;
    return exchange_body(self, self->raw_path, false, &why);
}

static void on_task_end(void *arg, csgi_status result)
{
    (void)result;
    exchange_app_release(arg);
}

static void on_request(void *owner, exchange *request)
{
    task *runner;

    (void)owner;
    if (!in_tasks) {
        exchange_reply(request, 200, no_fields, request->raw_path);
        exchange_app_release(request);
        return;
    }
    if (task_spawn(world, &label, 0, answer, on_task_end, request, &runner)) {
        exchange_reply_error(request, 503, "No memory", no_fields);
        exchange_app_release(request);
        return;
    }
    exchange_app_hold(request, runner);
}

static void on_response(void *owner, exchange *request)
{
    (void)owner;
    buffer_printf(&seen, "%.*s %.*s %u%s;", STR_ARG(request->method), STR_ARG(request->raw_path),
                  request->status, request->phase == EXCHANGE_COMPLETE ? "" : " cut");
}

static void on_closed(void *owner, http1_conn *closed)
{
    (void)owner;
    assert_ptr_equal(closed, conn);
    conn = NULL;
}

/* ---- the client ---- */

static int connect_client(void)
{
    static const http1_events events = { on_request, on_response, on_closed };
    stream *accepted;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)) return -1;
    client = pair[0];
    if (stream_from_fd(world, pair[1], &accepted)) return -1;
    return http1_conn_new(accepted, &options, &events, NULL, &conn);
}

static int begin(void **state)
{
    loop_options of_loop = { .max_tasks = 10 };

    (void)state;
    options = (http1_options){ .keep_alive_ms = 300, .max_body = 5 << 20 };
    body_received = 0;
    heard.len = seen.len = 0;
    in_tasks = true;
    return loop_new(&of_loop, &world) ? -1 : connect_client();
}

/* A loop without a connection. */
static int begin_apart(void **state)
{
    int failed = begin(state);

    if (failed) return failed;
    http1_conn_cut(conn);
    close(client);
    loop_run(world);
    return 0;
}

static int begin_small(void **state)
{
    int failed = begin_apart(state);

    if (failed) return failed;
    options.max_body = 4;
    options.keep_alive_ms = 30;
    return connect_client();
}

static int end(void **state)
{
    (void)state;
    if (client >= 0) close(client);
    if (conn) http1_conn_cut(conn);
    loop_run(world);
    buffer_fini(&heard);
    buffer_fini(&seen);
    exchange_pool_clear();
    http1_clear();
    loop_free(world);
    return 0;
}

/* Reads what there is. False: the connection is closed. */
static bool hear(void)
{
    static char bytes[65536];
    ssize_t len;

    while ((len = read(client, bytes, sizeof bytes)) > 0)
        buffer_append(&heard, bytes, (size_t)len);
    return len < 0 && errno == EAGAIN;
}

static const char *heard_text(void)
{
    CHECK(buffer_append(&heard, "", 1) == CSGI_OK);
    heard.len--;
    return heard.bytes;
}

static const char *seen_text(void)
{
    CHECK(buffer_append(&seen, "", 1) == CSGI_OK);
    seen.len--;
    return seen.bytes;
}

/* The client as a timer: it writes the rest of its words, and reads, again and again. */
static timer again;
static const char *words;
static size_t words_len, piece_len;
static bool closes_half, has_said_all;
static uint64_t began_ms;

static void say(void)
{
    while (words_len) {
        ssize_t len = write(client, words, words_len < piece_len ? words_len : piece_len);

        if (len < 0) break;
        words += len;
        words_len -= (size_t)len;
        if ((size_t)len == piece_len) break;
    }
    if (words_len == 0 && !has_said_all) {
        has_said_all = true;
        if (closes_half) shutdown(client, SHUT_WR);
    }
}

static void on_again(timer *due)
{
    say();
    if (hear()) {
        timer_start(world, due, 1);
    } else {
        close(client); /* it saw the end */
        client = -1;
    }
}

static void talk_in_pieces(const char *text, size_t len, size_t piece, bool half)
{
    words = text;
    words_len = len;
    piece_len = piece;
    closes_half = half;
    has_said_all = false;
    began_ms = loop_now_ms(world);
    timer_init(&again, on_again);
    timer_start(world, &again, 0);
    loop_run(world);
}

/* Says all and shuts down its half; returns when the connection has closed. */
static const char *talk(const char *text)
{
    talk_in_pieces(text, strlen(text), SIZE_MAX, true);
    return heard_text();
}

/* Says all and waits for the server to close. */
static const char *wait_for_close(const char *text)
{
    talk_in_pieces(text, strlen(text), SIZE_MAX, false);
    return heard_text();
}

/* ---- tests ---- */

static void a_client_that_shuts_its_half_gets_every_answer_in_order(void **state)
{
    static const char first[] = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/1"
                                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n/22"
                                "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
                                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n";

    (void)state;
    talk("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /22 HTTP/1.1\r\n" HOST "\r\n"
         "HEAD /333 HTTP/1.1\r\n" HOST "\r\nGET /4 HTTP/1.1\r\n" HOST "\r\n");
    /* The last one says close if the end of the client's words has been seen by then. */
    assert_memory_equal(heard_text(), first, sizeof first - 1);
    assert_memory_equal(heard.bytes + heard.len - 6, "\r\n\r\n/4", 6);
    assert_string_equal(seen_text(), "GET /1 200;GET /22 200;HEAD /333 200;GET /4 200;");
}

static void requests_answered_at_once_are_in_order_too(void **state)
{
    buffer many = { 0 };

    (void)state;
    in_tasks = false;
    for (int i = 0; i < 3000; i++)
        buffer_printf(&many, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i);
    talk_in_pieces(many.bytes, many.len, SIZE_MAX, true);
    buffer_fini(&many);
    for (const char *at = heard_text(), *next; at; at = next) {
        static int number;
        char path[16];

        at = strstr(at, "\r\n\r\n");
        if (!at) {
            assert_int_equal(number, 3000);
            break;
        }
        snprintf(path, sizeof path, "/%d", number++);
        assert_memory_equal(at + 4, path, strlen(path));
        next = at + 4;
    }
}

static void a_request_may_come_byte_by_byte(void **state)
{
    static const char text[] = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                               "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n";

    (void)state;
    talk_in_pieces(text, sizeof text - 1, 1, true);
    assert_non_null(strstr(heard_text(), "x-sum: 1\r\n"));
    assert_non_null(strstr(heard_text(), "\r\n\r\n/2"));
}

static void connection_close_closes_and_discards_what_follows(void **state)
{
    (void)state;
    assert_string_equal(wait_for_close("GET / HTTP/1.1\r\n" HOST
                                       "Connection: close\r\n\r\nGET /2 HTTP/1.1\r\n"),
                        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n/");
    assert_string_equal(seen_text(), "GET / 200;");
}

static void http10_closes_unless_asked_to_keep(void **state)
{
    (void)state;
    assert_string_equal(wait_for_close("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                                       "POST /stream HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi"),
                        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\n/"
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
}

static void continue_is_said_when_the_body_is_asked_for(void **state)
{
    (void)state;
    talk_in_pieces("POST /echo HTTP/1.1\r\n" HOST
                   "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
                   strlen("POST /echo HTTP/1.1\r\n" HOST
                          "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"),
                   SIZE_MAX, true);
    assert_string_equal(heard_text(), "HTTP/1.1 100 Continue\r\n\r\n");
}

static void an_answer_without_asking_closes(void **state)
{
    (void)state;
    assert_string_equal(wait_for_close("POST / HTTP/1.1\r\n" HOST
                                       "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"),
                        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n/");
}

static void a_short_body_that_nobody_read_is_read_away(void **state)
{
    (void)state;
    talk("POST /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
         "GET /b HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(seen_text(), "POST /a 200;GET /b 200;");
    assert_null(strstr(heard_text(), "connection: close"));
}

static void a_long_body_that_nobody_read_closes_but_the_answer_arrives(void **state)
{
    size_t len = 1 << 20;
    buffer text = { 0 };

    (void)state;
    buffer_printf(&text, "POST /a HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", len);
    assert_int_equal(buffer_reserve(&text, len), CSGI_OK);
    memset(text.bytes + text.len, 'x', len);
    text.len += len;
    talk_in_pieces(text.bytes, text.len, SIZE_MAX, false);
    buffer_fini(&text);
    assert_string_equal(heard_text(),
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n/a");
}

static void large_bodies_go_both_ways(void **state)
{
    size_t len = 4 << 20, start;
    buffer text = { 0 };

    (void)state;
    buffer_printf(&text, "POST /stream HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", len);
    start = text.len;
    assert_int_equal(buffer_reserve(&text, len), CSGI_OK);
    memset(text.bytes + start, 'x', len);
    text.len += len;
    talk_in_pieces(text.bytes, text.len, SIZE_MAX, true);
    buffer_fini(&text);
    assert_int_equal(body_received, len);
    assert_true(heard.len > len);
    assert_memory_equal(heard.bytes + heard.len - 7, "\r\n0\r\n\r\n", 7);
}

static void a_large_response_at_once_has_its_length(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-length: 8388608\r\n\r\n";

    (void)state;
    talk("GET /at-once HTTP/1.1\r\n" HOST "\r\n");
    assert_memory_equal(heard.bytes, head, sizeof head - 1);
    assert_int_equal(heard.len, sizeof head - 1 + 8388608);
}

static void a_large_response_in_pieces_is_chunked(void **state)
{
    (void)state;
    talk("GET /in-pieces HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(heard_text(), "transfer-encoding: chunked"));
    assert_string_equal(seen_text(), "GET /in-pieces 200;");
    assert_memory_equal(heard.bytes + heard.len - 7, "\r\n0\r\n\r\n", 7);
}

static void an_application_without_an_answer_keeps_the_connection(void **state)
{
    (void)state;
    talk("GET /nothing HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(seen_text(), "GET /nothing 500;GET /next 200;");
}

static void a_response_without_an_end_has_no_last_chunk(void **state)
{
    (void)state;
    assert_string_equal(talk("GET /half HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST
                             "\r\n"),
                        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    assert_string_equal(seen_text(), "GET /half 200 cut;");
}

static void a_malformed_request_is_answered_and_closes(void **state)
{
    (void)state;
    wait_for_close("GET /ok HTTP/1.1\r\n" HOST "\r\nGET /%zz HTTP/1.1\r\n" HOST
                   "\r\nGET /3 HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(seen_text(), "GET /ok 200;GET - 400;");
    assert_non_null(strstr(heard_text(), "connection: close\r\n\r\n{\"detail\":\""));
}

static void a_malformed_body_is_answered_when_nothing_was_said(void **state)
{
    (void)state;
    wait_for_close("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzzz\r\n");
    assert_string_equal(seen_text(), "POST /echo 400;");
}

static void a_body_over_the_limit_is_413(void **state)
{
    (void)state;
    wait_for_close("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n1234"
                   "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n12345");
    assert_string_equal(seen_text(), "POST /echo 200;POST /echo 413;");
}

static void an_idle_connection_is_closed_after_the_keep_alive(void **state)
{
    (void)state;
    wait_for_close("");
    assert_null(conn);
    assert_int_equal(heard.len, 0);
}

static void a_kept_connection_is_closed_when_it_has_been_idle(void **state)
{
    (void)state;
    wait_for_close("GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_null(conn);
    assert_string_equal(seen_text(), "GET / 200;");
    assert_true(loop_now_ms(world) - began_ms >= 300);
}

static void a_draining_connection_answers_and_says_close(void **state)
{
    (void)state;
    http1_conn_drain(conn);
    assert_string_equal(wait_for_close("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST
                                       "\r\n"),
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/1"
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n/2");
}

static void a_client_that_leaves_in_its_body_is_let_go(void **state)
{
    (void)state;
    assert_string_equal(talk("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel"), "");
    assert_int_equal(seen.len, 0);
    assert_null(conn);
}

/* ---- what it costs ---- */

static size_t allocations_of(const char *text)
{
    size_t before;

    assert_int_equal(connect_client(), 0);
    before = failing_malloc_count();
    talk(text);
    assert_null(conn);
    return failing_malloc_count() - before;
}

static void a_plain_request_takes_nothing_from_the_heap(void **state)
{
    static const char one[] = "GET /a HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n";

    (void)state;
    allocations_of(one); /* fills the pools */
    assert_int_equal(allocations_of(one), 0);
}

static void without_memory_a_connection_ends_and_harms_nobody(void **state)
{
    static const char text[] = "POST /echo HTTP/1.1\r\n" HOST
                               "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n"
                               "GET /last HTTP/1.1\r\n" HOST "\r\n";

    (void)state;
    for (size_t n = 0;; n++) {
        http1_clear();
        assert_int_equal(connect_client(), 0);
        exchange_pool_clear();
        heard.len = 0;
        buffer_reserve(&heard, 1 << 16);
        buffer_reserve(&seen, 1 << 16);
        failing_malloc_after(n);
        talk_in_pieces(text, sizeof text - 1, 40, true);
        if (!failing_malloc_off()) break;
        assert_null(conn);
    }
    assert_non_null(strstr(heard_text(), "/last"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_that_shuts_its_half_gets_every_answer_in_order),
        TEST(requests_answered_at_once_are_in_order_too),
        TEST(a_request_may_come_byte_by_byte),
        TEST(connection_close_closes_and_discards_what_follows),
        TEST(http10_closes_unless_asked_to_keep),
        TEST(continue_is_said_when_the_body_is_asked_for),
        TEST(an_answer_without_asking_closes),
        TEST(a_short_body_that_nobody_read_is_read_away),
        TEST(a_long_body_that_nobody_read_closes_but_the_answer_arrives),
        TEST(large_bodies_go_both_ways),
        TEST(a_large_response_at_once_has_its_length),
        TEST(a_large_response_in_pieces_is_chunked),
        TEST(an_application_without_an_answer_keeps_the_connection),
        TEST(a_response_without_an_end_has_no_last_chunk),
        TEST(a_malformed_request_is_answered_and_closes),
        TEST(a_malformed_body_is_answered_when_nothing_was_said),
        cmocka_unit_test_setup_teardown(a_body_over_the_limit_is_413, begin_small, end),
        cmocka_unit_test_setup_teardown(an_idle_connection_is_closed_after_the_keep_alive,
                                        begin_small, end),
        TEST(a_kept_connection_is_closed_when_it_has_been_idle),
        TEST(a_draining_connection_answers_and_says_close),
        TEST(a_client_that_leaves_in_its_body_is_let_go),
        cmocka_unit_test_setup_teardown(a_plain_request_takes_nothing_from_the_heap, begin_apart,
                                        end),
        cmocka_unit_test_setup_teardown(without_memory_a_connection_ends_and_harms_nobody,
                                        begin_apart, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
