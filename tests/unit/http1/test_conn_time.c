/* SPDX-License-Identifier: MIT
 * What a connection does with slow clients, over a pair of sockets, and that its timer is not
 * started for requests. The client is a timer: it says a piece of its words, and listens, again and
 * again, until the connection has closed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "http1/conn_inside.h"

#define HOST  "Host: a\r\n"
#define LARGE ((size_t)4 << 20)

static const task_label label = { CSGI_STR("slow"), CSGI_STR("client") };
static const csgi_fields no_fields = { NULL, 0 };
static http1_options options;
static loop *world;
static http1_conn *conn;
static int client; /* the client's socket */
static buffer words, heard, seen;
static uint64_t body_received;

/* What the client does each millisecond. */
static size_t says, hears, said;
static timer again;
static bool holds_on;      /* it does not close its half when the server has closed its own */
static uint64_t closed_ms; /* after its first word */

/* ---- the application ---- */

static csgi_status reply_large(exchange *self)
{
    static char large[LARGE];
    const char *why;
    csgi_status status = exchange_start(self, 200, no_fields, &why);

    return status ? status : exchange_body(self, (csgi_str){ large, LARGE }, false, &why);
}

/* Reads the body and then answers; /begin answers in part first, /doze sleeps before it reads. */
static csgi_status answer(void *arg)
{
    exchange *self = arg;
    csgi_status status = CSGI_OK;
    const char *why;
    bool more = true;

    if (str_eq(self->path, STR("/large"))) return reply_large(self);
    if (str_eq(self->path, STR("/begin"))) {
        status = exchange_start(self, 200, no_fields, &why);
        if (!status) status = exchange_body(self, STR("begun"), true, &why);
    }
    if (str_eq(self->path, STR("/doze"))) status = task_sleep(world, 400);
    while (more && !status) {
        exchange_received kind = EXCHANGE_GOT_BODY;
        csgi_fields trailers;
        csgi_str bytes;

        status = exchange_receive(self, &kind, &bytes, &more, &trailers);
        if (status) return status;
        if (kind == EXCHANGE_GOT_DISCONNECT) {
            buffer_printf(&seen, "disconnect;");
            return CSGI_OK;
        }
        body_received += bytes.len;
    }
    if (self->phase == EXCHANGE_IDLE) status = exchange_start(self, 200, no_fields, &why);
    return status ? status : exchange_body(self, self->raw_path, false, &why);
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
    CHECK(task_spawn(world, &label, 0, answer, on_task_end, request, &runner) == CSGI_OK);
    exchange_app_hold(request, runner);
}

static void on_response(void *owner, exchange *request)
{
    (void)owner;
    buffer_printf(&seen, "%.*s %u%s;", STR_ARG(request->raw_path), request->status,
                  request->phase == EXCHANGE_COMPLETE ? "" : " cut");
}

static void on_closed(void *owner, http1_conn *closed)
{
    (void)owner;
    CHECK(closed == conn);
    conn = NULL;
}

/* ---- the client ---- */

static int begin_with(http1_options with)
{
    static const http1_events events = { on_request, on_response, on_closed };
    loop_options of_loop = { .max_tasks = 10 };
    stream *accepted;
    int pair[2];

    options = with;
    words.len = heard.len = seen.len = 0;
    body_received = said = 0;
    says = hears = SIZE_MAX;
    holds_on = false;
    if (loop_new(&of_loop, &world)) return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)) return -1;
    client = pair[0];
    if (stream_from_fd(world, pair[1], &accepted)) return -1;
    return http1_conn_new(accepted, &options, &events, NULL, &conn);
}

static int begin(void **state)
{
    (void)state;
    return begin_with(
        (http1_options){ .keep_alive_ms = 200, .headers_ms = 40, .body_ms = 40, .write_ms = 40 });
}

static int begin_with_defaults(void **state)
{
    (void)state;
    return begin_with((http1_options){ 0 });
}

static int end(void **state)
{
    (void)state;
    timer_stop(world, &again);
    close(client);
    if (conn) http1_conn_cut(conn);
    loop_run(world);
    buffer_fini(&words);
    buffer_fini(&heard);
    buffer_fini(&seen);
    exchange_pool_clear();
    http1_clear();
    loop_free(world);
    return 0;
}

static void say(void)
{
    size_t piece = words.len - said < says ? words.len - said : says;
    ssize_t len = piece ? send(client, words.bytes + said, piece, MSG_NOSIGNAL) : 0;

    if (len > 0) said += (size_t)len;
}

static void hear(void)
{
    static char bytes[65536];
    ssize_t len = 1;

    for (size_t left = hears; left && len > 0; left -= (size_t)len) {
        len = read(client, bytes, left < sizeof bytes ? left : sizeof bytes);
        if (len > 0) buffer_append(&heard, bytes, (size_t)len);
    }
    if (len == 0 && !holds_on) shutdown(client, SHUT_WR);
}

static uint64_t began_ms;

static void on_again(timer *due)
{
    say();
    hear();
    closed_ms = loop_now_ms(world) - began_ms;
    if (conn) timer_start(world, due, 1);
}

/* Talks until the connection is closed; returns all that was heard. */
static const char *talk(void)
{
    timer_init(&again, on_again);
    began_ms = loop_now_ms(world);
    timer_start(world, &again, 0);
    loop_run(world);
    hears = SIZE_MAX;
    hear();
    CHECK(buffer_append(&heard, "", 1) == CSGI_OK);
    CHECK(buffer_append(&seen, "", 1) == CSGI_OK);
    heard.len--, seen.len--;
    return heard.bytes;
}

static const char *talk_of(const char *text)
{
    buffer_append_str(&words, str_from(text));
    return talk();
}

static void add_post(const char *path, size_t len, const char *more_headers)
{
    buffer_printf(&words, "POST %s HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n", path,
                  more_headers, len);
}

static void add_body(size_t len)
{
    assert_int_equal(buffer_reserve(&words, len), CSGI_OK);
    memset(words.bytes + words.len, 'x', len);
    words.len += len;
}

/* ---- heads ---- */

static void a_head_that_does_not_end_in_time_is_a_408(void **state)
{
    (void)state;
    assert_non_null(strstr(talk_of("GET / HTTP/1.1\r\nHo"), "HTTP/1.1 408 Request Timeout\r\n"));
    assert_non_null(strstr(heard.bytes, "connection: close\r\n\r\n{\"detail\":\""));
    assert_string_equal(seen.bytes, "- 408;");
    assert_true(closed_ms >= 40 && closed_ms < LINGER_MS);
}

static void a_client_that_does_not_let_go_is_waited_for_only_a_while(void **state)
{
    (void)state;
    holds_on = true;
    assert_non_null(strstr(talk_of("GET / HTTP/1.1\r\nHo"), " 408 "));
    assert_true(closed_ms >= 40 + LINGER_MS);
}

static void bytes_of_a_head_do_not_prolong_its_time(void **state)
{
    (void)state;
    says = 1;
    options.keep_alive_ms = 10000;
    buffer_printf(&words, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 100; i++)
        buffer_printf(&words, "A: b\r\n");
    assert_non_null(strstr(talk(), " 408 "));
}

static void a_head_that_ends_in_time_is_served(void **state)
{
    (void)state;
    says = 1;
    options.headers_ms = 2000;
    assert_non_null(strstr(talk_of("GET /a HTTP/1.1\r\n" HOST "\r\n"), "\r\n\r\n/a"));
    assert_string_equal(seen.bytes, "/a 200;");
}

static void a_later_head_has_its_own_time(void **state)
{
    (void)state;
    talk_of("GET /doze HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n");
    assert_string_equal(seen.bytes, "/doze 200;- 408;");
    assert_true(closed_ms >= 440);
}

static void who_says_nothing_is_closed_without_a_word(void **state)
{
    (void)state;
    assert_string_equal(talk_of(""), "");
    assert_true(closed_ms >= 200);
    assert_int_equal(seen.bytes[0], '\0');
}

static void empty_lines_are_no_head(void **state)
{
    (void)state;
    assert_string_equal(talk_of("\r\n\r\n"), "");
    assert_true(closed_ms >= 200);
}

/* ---- bodies ---- */

static void a_body_that_stays_away_is_a_408_and_a_disconnect(void **state)
{
    (void)state;
    add_post("/a", 5, "");
    assert_non_null(strstr(talk_of("hel"), "HTTP/1.1 408 Request Timeout\r\n"));
    assert_string_equal(seen.bytes, "/a 408;disconnect;");
    assert_int_equal(body_received, 3);
    assert_true(closed_ms >= 40);
}

static void a_body_that_stays_away_after_the_first_byte_is_a_cut(void **state)
{
    (void)state;
    add_post("/begin", 5, "");
    assert_null(strstr(talk_of("hel"), "408"));
    assert_non_null(strstr(heard.bytes, "begun"));
    assert_string_equal(seen.bytes, "/begin 200 cut;disconnect;");
}

/* A piece each millisecond at the best: less than 1 KiB/s. */
static void a_body_below_the_rate_is_a_408(void **state)
{
    (void)state;
    says = 1;
    options.headers_ms = 10000;
    add_post("/a", 2000, "");
    add_body(2000);
    assert_non_null(strstr(talk(), " 408 "));
    assert_true(body_received < 2000);
}

static void a_body_above_the_rate_has_all_the_time_it_takes(void **state)
{
    (void)state;
    says = 20;
    options.body_ms = 500;
    add_post("/a", 15000, "");
    add_body(15000);
    assert_non_null(strstr(talk(), "\r\n\r\n/a"));
    assert_int_equal(body_received, 15000);
    assert_true(closed_ms >= 750);
}

/* However much came before. */
static void a_fast_beginning_buys_no_long_pause(void **state)
{
    (void)state;
    options.keep_alive_ms = 10000;
    add_post("/a", 60001, "");
    add_body(60000);
    assert_non_null(strstr(talk(), " 408 "));
    assert_true(closed_ms < 5000);
}

static void while_the_application_does_not_read_the_client_is_not_blamed(void **state)
{
    (void)state;
    options.body_ms = 200;
    add_post("/doze", 600000, "");
    add_body(600000);
    assert_non_null(strstr(talk(), "\r\n\r\n/doze"));
    assert_int_equal(body_received, 600000);
}

static void before_100_continue_no_body_is_awaited(void **state)
{
    (void)state;
    add_post("/doze", 5, "Expect: 100-continue\r\n");
    assert_memory_equal(talk_of(""), "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 408 ", 37);
    assert_true(closed_ms >= 440);
}

static void while_draining_too(void **state)
{
    (void)state;
    http1_conn_drain(conn);
    add_post("/a", 5, "");
    assert_non_null(strstr(talk_of("hel"), " 408 "));
}

/* ---- responses ---- */

static void a_client_that_does_not_read_is_cut(void **state)
{
    (void)state;
    hears = 0;
    talk_of("GET /large HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(seen.bytes, "/large 200 cut;");
    assert_true(heard.len < LARGE);
    assert_true(closed_ms >= 40);
}

static void a_client_that_reads_slowly_gets_all(void **state)
{
    (void)state;
    hears = 4096;
    options.write_ms = 500;
    talk_of("GET /large HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(seen.bytes, "/large 200;");
    assert_true(heard.len > LARGE);
    assert_true(closed_ms >= 1000);
}

/* Reading is stopped by what it has pipelined, and the server stops. */
static void while_draining_a_client_that_is_gone_is_noticed(void **state)
{
    (void)state;
    options.write_ms = UINT64_MAX;
    http1_conn_drain(conn);
    add_post("/doze", 200000, "");
    add_body(100000);
    timer_init(&again, on_again);
    began_ms = loop_now_ms(world);
    say();
    close(client);
    client = -1;
    loop_run(world);
    assert_null(conn);
}

/* ---- how many, and what it costs ---- */

static void after_the_last_request_it_may_have_a_connection_is_closed(void **state)
{
    (void)state;
    options.max_requests = 2;
    talk_of("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n"
            "GET /3 HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(seen.bytes, "/1 200;/2 200;");
    assert_string_equal(heard.bytes,
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/1"
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n/2");
}

static timer stop;

static void on_stop(timer *due)
{
    (void)due;
    loop_stop(world);
}

static void requests_do_not_touch_the_timer(void **state)
{
    uint64_t due_ms;

    (void)state;
    says = 50; /* heads and bodies come in pieces */
    for (int i = 0; i < 100; i++) {
        buffer_printf(&words, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i);
        add_post("/post", 100, "");
        add_body(100);
    }
    timer_init(&stop, on_stop);
    timer_init(&again, on_again);
    timer_start(world, &again, 0);
    timer_start(world, &stop, 20);
    loop_run(world);
    due_ms = conn->timer.due_ms; /* the first head, or body, that came in pieces has moved it */
    while (said < words.len) {
        timer_start(world, &stop, 20);
        loop_run(world);
        assert_true(timer_is_running(&conn->timer));
        assert_int_equal(conn->timer.due_ms, due_ms);
    }
    assert_true(body_received > 9000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_that_does_not_end_in_time_is_a_408),
        TEST(a_client_that_does_not_let_go_is_waited_for_only_a_while),
        TEST(bytes_of_a_head_do_not_prolong_its_time),
        TEST(a_head_that_ends_in_time_is_served),
        TEST(a_later_head_has_its_own_time),
        TEST(who_says_nothing_is_closed_without_a_word),
        TEST(empty_lines_are_no_head),
        TEST(a_body_that_stays_away_is_a_408_and_a_disconnect),
        TEST(a_body_that_stays_away_after_the_first_byte_is_a_cut),
        TEST(a_body_below_the_rate_is_a_408),
        TEST(a_body_above_the_rate_has_all_the_time_it_takes),
        TEST(a_fast_beginning_buys_no_long_pause),
        TEST(while_the_application_does_not_read_the_client_is_not_blamed),
        TEST(before_100_continue_no_body_is_awaited),
        TEST(while_draining_too),
        TEST(a_client_that_does_not_read_is_cut),
        TEST(a_client_that_reads_slowly_gets_all),
        TEST(while_draining_a_client_that_is_gone_is_noticed),
        TEST(after_the_last_request_it_may_have_a_connection_is_closed),
        cmocka_unit_test_setup_teardown(requests_do_not_touch_the_timer, begin_with_defaults, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
