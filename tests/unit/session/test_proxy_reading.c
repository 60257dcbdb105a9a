/* SPDX-License-Identifier: MIT
 * session/proxy_reading: from a connection's first bytes to its ends, over a pair of sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "failing_malloc.h"
#include "loop/timer.h"
#include "session/proxy_reading.h"

#define HEADER  "PROXY TCP4 203.0.113.9 10.0.0.1 1234 443\r\n"
#define LONG_MS 60000u

static loop *world;
static proxy_reading *reading;
static stream *taken;
static int client; /* the client's socket */
static buffer heard;
static int closes;
static csgi_status answer; /* of on_ready */
static const char *unsent; /* the client's bytes, sent one by one */
static timer sender;

/* ---- the next owner ---- */

static void on_read(void *owner, char *bytes, size_t len)
{
    (void)owner;
    assert_int_equal(buffer_append(&heard, bytes, len), CSGI_OK);
}

static void on_end(void *owner)
{
    (void)owner;
    stream_close(taken);
}

static void on_drained(void *owner)
{
    (void)owner;
}

static void on_stream_closed(void *owner)
{
    (void)owner;
    taken = NULL;
}

/* ---- the reading's owner ---- */

static csgi_status on_ready(void *owner, stream *ready, char *bytes, size_t len)
{
    static const stream_events told = { on_read, on_end, on_end, on_drained, on_stream_closed };

    assert_ptr_equal(owner, &reading);
    if (answer) return answer;
    if (len) on_read(NULL, bytes, len);
    taken = ready;
    stream_set_owner(ready, &told, NULL);
    reading = NULL;
    return CSGI_OK;
}

static void on_closed(void *owner)
{
    assert_ptr_equal(owner, &reading);
    reading = NULL;
    closes++;
}

static csgi_status start(uint64_t timeout_ms)
{
    static const proxy_reading_events events = { on_ready, on_closed };
    int ends[2];
    stream *from;
    csgi_status status;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    client = ends[1];
    assert_int_equal(stream_from_fd(world, ends[0], &from), CSGI_OK);
    status = proxy_reading_new(from, timeout_ms, &events, &reading, &reading);
    if (status) stream_close(from);
    return status;
}

static void say(csgi_str text)
{
    assert_int_equal(send(client, text.ptr, text.len, MSG_NOSIGNAL), text.len);
}

/* The client has said all; the loop runs until the connection is closed. */
static void end_and_run(void)
{
    shutdown(client, SHUT_WR);
    loop_run(world);
    close(client);
}

static void assert_heard(const char *text)
{
    assert_int_equal(heard.len, strlen(text));
    if (heard.len) assert_memory_equal(heard.bytes, text, heard.len);
}

/* ---- tests ---- */

static void what_follows_the_header_is_handed_on(void **state)
{
    (void)state;
    assert_int_equal(start(LONG_MS), CSGI_OK);
    say(STR(HEADER "GET"));
    end_and_run();
    assert_heard("GET");
    assert_int_equal(closes, 0);
}

static void ready_check(timer *due)
{
    assert_non_null(taken);
    assert_string_equal(address_host(stream_peer(taken)).bytes, "203.0.113.9");
    assert_int_equal(address_port(stream_peer(taken)), 1234);
    assert_string_equal(address_host(stream_local(taken)).bytes, "10.0.0.1");
    assert_int_equal(address_port(stream_local(taken)), 443);
    shutdown(client, SHUT_WR);
    (void)due;
}

static void the_stream_has_the_ends_of_the_header(void **state)
{
    (void)state;
    assert_int_equal(start(LONG_MS), CSGI_OK);
    say(STR(HEADER));
    timer_init(&sender, ready_check);
    timer_start(world, &sender, 20);
    loop_run(world);
    close(client);
    assert_heard("");
    assert_int_equal(closes, 0);
}

static void send_next(timer *due)
{
    /* It fails when the connection has been closed. */
    if (*unsent && send(client, unsent++, 1, MSG_NOSIGNAL) == 1)
        timer_start(world, due, 0);
    else
        shutdown(client, SHUT_WR);
}

static void a_header_may_come_byte_by_byte(void **state)
{
    (void)state;
    assert_int_equal(start(LONG_MS), CSGI_OK);
    unsent = HEADER "GET / HTTP/1.1";
    timer_init(&sender, send_next);
    timer_start(world, &sender, 0);
    loop_run(world);
    close(client);
    assert_heard("GET / HTTP/1.1");
    assert_int_equal(closes, 0);
}

static void what_is_no_header_closes(void **state)
{
    (void)state;
    assert_int_equal(start(LONG_MS), CSGI_OK);
    say(STR("GET / HTTP/1.1\r\n"));
    loop_run(world); /* without the client's doing */
    close(client);
    assert_int_equal(closes, 1);
    assert_heard("");
}

static void an_end_within_the_header_closes(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(HEADER); len += 7) {
        closes = 0;
        assert_int_equal(start(LONG_MS), CSGI_OK);
        say((csgi_str){ HEADER, len });
        end_and_run();
        assert_int_equal(closes, 1);
        assert_heard("");
    }
}

static void a_header_that_does_not_come_in_time_closes(void **state)
{
    uint64_t began_ms = loop_now_ms(world);

    (void)state;
    assert_int_equal(start(30), CSGI_OK);
    say(STR("PROXY TCP4"));
    loop_run(world);
    close(client);
    assert_int_equal(closes, 1);
    assert_true(loop_now_ms(world) - began_ms >= 30);
}

static void draining_gives_it_a_moment(void **state)
{
    (void)state;
    assert_int_equal(start(UINT64_MAX), CSGI_OK);
    proxy_reading_drain(reading);
    loop_run(world);
    close(client);
    assert_int_equal(closes, 1);

    closes = 0;
    assert_int_equal(start(UINT64_MAX), CSGI_OK);
    say(STR(HEADER "GET"));
    proxy_reading_drain(reading);
    end_and_run();
    assert_int_equal(closes, 0);
    assert_heard("GET");
}

static void cutting_closes_once(void **state)
{
    (void)state;
    assert_int_equal(start(LONG_MS), CSGI_OK);
    say(STR(HEADER "GET"));
    proxy_reading_cut(reading);
    proxy_reading_cut(reading);
    proxy_reading_drain(reading);
    loop_run(world);
    close(client);
    assert_int_equal(closes, 1);
    assert_heard("");
}

static void an_owner_without_room_has_it_closed(void **state)
{
    (void)state;
    answer = CSGI_ENOMEM;
    assert_int_equal(start(LONG_MS), CSGI_OK);
    say(STR(HEADER "GET"));
    loop_run(world);
    close(client);
    assert_int_equal(closes, 1);
    assert_heard("");
}

static void without_memory_it_is_closed_not_served(void **state)
{
    bool failed = true;

    (void)state;
    assert_int_equal(buffer_reserve(&heard, 64), CSGI_OK);
    for (size_t n = 0; failed; n++) {
        closes = 0;
        stream_pool_clear(); /* so that the ends take memory */
        assert_int_equal(start(LONG_MS), CSGI_OK);
        unsent = HEADER "GET";
        timer_init(&sender, send_next);
        timer_start(world, &sender, 0);
        failing_malloc_after(n);
        loop_run(world);
        failed = failing_malloc_off();
        close(client);
        assert_int_equal(closes, failed);
        assert_heard(failed ? "" : "GET");
    }
    failing_malloc_after(0);
    assert_int_equal(start(LONG_MS), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
    loop_run(world);
    close(client);
}

static int begin(void **state)
{
    const loop_options options = { .max_tasks = 10 };

    (void)state;
    closes = 0;
    answer = CSGI_OK;
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    buffer_fini(&heard);
    stream_pool_clear();
    loop_free(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_follows_the_header_is_handed_on, begin, end),
        cmocka_unit_test_setup_teardown(the_stream_has_the_ends_of_the_header, begin, end),
        cmocka_unit_test_setup_teardown(a_header_may_come_byte_by_byte, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_header_closes, begin, end),
        cmocka_unit_test_setup_teardown(an_end_within_the_header_closes, begin, end),
        cmocka_unit_test_setup_teardown(a_header_that_does_not_come_in_time_closes, begin, end),
        cmocka_unit_test_setup_teardown(draining_gives_it_a_moment, begin, end),
        cmocka_unit_test_setup_teardown(cutting_closes_once, begin, end),
        cmocka_unit_test_setup_teardown(an_owner_without_room_has_it_closed, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_it_is_closed_not_served, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
