/* SPDX-License-Identifier: MIT
 * The contract's rules for receiving (0.10, 2.1, 2.2, 2.13, 2.15), disconnects and the grace. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "fake_wire.h"

static const csgi_fields no_fields = { NULL, 0 };

/* Receives, and writes down what: "<text>+", "<text>." or "gone". */
static csgi_status note(exchange *self, buffer *into)
{
    exchange_received kind;
    csgi_fields trailers = { NULL, 0 };
    csgi_str bytes;
    bool more;
    csgi_status status = exchange_receive(self, &kind, &bytes, &more, &trailers);

    if (status) return status;
    if (kind == EXCHANGE_GOT_DISCONNECT) {
        buffer_printf(into, "gone;");
        return CSGI_OK;
    }
    buffer_printf(into, "%.*s%c", STR_ARG(bytes), more ? '+' : '.');
    for (size_t i = 0; i < trailers.count; i++)
        buffer_printf(into, "%.*s", STR_ARG(trailers.items[i].name));
    buffer_printf(into, ";");
    return CSGI_OK;
}

static timer soon;
static void (*soon_fn)(void);

static void on_soon(timer *due)
{
    (void)due;
    soon_fn();
}

static void do_soon(void (*fn)(void))
{
    soon_fn = fn;
    timer_init(&soon, on_soon);
    timer_start(world, &soon, 1);
}

static void disconnect(void)
{
    exchange_disconnect(wire.exchange);
}

/* ---- bodies ---- */

static csgi_status receive_twice(void *arg)
{
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    do_soon(disconnect);
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    return CSGI_OK;
}

static void a_request_without_a_body_is_one_empty_event(void **state)
{
    (void)state;
    exchange_push_end(begin_call(receive_twice), no_fields);
    loop_run(world);
    assert_string_equal(wire_log(), ".;gone;cut;");
    assert_int_equal(wire.wanted, 0); /* it was all there */
}

static void push_rest(void)
{
    static const csgi_field trailer = { CSGI_STR("x-sum"), CSGI_STR("1"), 0, 0 };

    assert_true(exchange_push_body(wire.exchange, "cd", 2));
    assert_true(exchange_push_body(wire.exchange, "e", 1));
    exchange_push_end(wire.exchange, (csgi_fields){ &trailer, 1 });
}

static csgi_status receive_pieces(void *arg)
{
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    assert_int_equal(wire.wanted, 1);
    do_soon(push_rest);
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    return CSGI_OK;
}

static void pieces_come_as_they_arrive_and_trailers_last(void **state)
{
    (void)state;
    assert_true(exchange_push_body(begin_call(receive_pieces), "ab", 2));
    loop_run(world);
    assert_string_equal(wire_log(), "ab+;cde.x-sum;start 500/1;last 34;");
    assert_int_equal(wire.wanted, 1);
}

static csgi_status receive_large(void *arg)
{
    exchange_received kind;
    csgi_fields trailers;
    csgi_str bytes, before;
    bool more;

    assert_int_equal(exchange_receive(arg, &kind, &bytes, &more, &trailers), CSGI_OK);
    assert_int_equal(bytes.len, EXCHANGE_INBOX_HIGH);
    assert_int_equal(wire.resumed, 1);
    before = bytes;
    assert_true(exchange_push_body(arg, "more", 4));
    assert_int_equal(before.ptr[0], 'x'); /* borrowed until the next receive */
    assert_int_equal(exchange_receive(arg, &kind, &bytes, &more, &trailers), CSGI_OK);
    assert_int_equal(bytes.len, 4);
    assert_int_equal(wire.resumed, 1);
    return CSGI_OK;
}

static void a_full_inbox_stops_the_wire_and_an_empty_one_lets_it_go_on(void **state)
{
    char *large = malloc(EXCHANGE_INBOX_HIGH);
    exchange *self;

    (void)state;
    memset(large, 'x', EXCHANGE_INBOX_HIGH);
    self = begin_call(receive_large);
    assert_true(exchange_push_body(self, large, EXCHANGE_INBOX_HIGH - 1));
    assert_false(exchange_push_body(self, large, 1));
    free(large);
    loop_run(world);
}

/* ---- one receiver ---- */

static csgi_status receive_beside(void *arg)
{
    buffer nothing = { 0 };

    assert_int_equal(note(arg, &nothing), CSGI_EBUSY);
    exchange_push_end(arg, no_fields);
    return CSGI_OK;
}

static csgi_status receive_with_another(void *arg)
{
    also_run(arg, receive_beside);
    return note(arg, &wire.log);
}

static void a_second_receiver_is_refused(void **state)
{
    (void)state;
    begin_call(receive_with_another);
    loop_run(world);
    assert_string_equal(wire_log(), ".;start 500/1;last 34;");
}

/* ---- disconnects ---- */

static csgi_status answer_then_receive(void *arg)
{
    const char *why;

    assert_int_equal(exchange_start(arg, 200, no_fields, &why), CSGI_OK);
    assert_int_equal(exchange_body(arg, STR("x"), false, &why), CSGI_OK);
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    return CSGI_OK;
}

static void after_the_response_receive_yields_disconnect_for_ever(void **state)
{
    (void)state;
    exchange_push_end(begin_call(answer_then_receive), no_fields);
    loop_run(world);
    assert_string_equal(wire_log(), "start 200/0;last 1;gone;gone;");
}

static csgi_status receive_after_disconnect(void *arg)
{
    exchange_disconnect(arg);
    return note(arg, &wire.log);
}

static void a_disconnect_comes_before_what_is_left_of_the_body(void **state)
{
    (void)state;
    assert_true(exchange_push_body(begin_call(receive_after_disconnect), "ab", 2));
    loop_run(world);
    assert_string_equal(wire_log(), "gone;cut;");
}

static csgi_status answer_half_closed(void *arg)
{
    const char *why;

    exchange_push_half_close(arg);
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    assert_int_equal(exchange_start(arg, 200, no_fields, &why), CSGI_OK);
    return exchange_body(arg, STR("x"), false, &why);
}

static void a_client_that_closed_its_half_gets_its_answer(void **state)
{
    (void)state;
    exchange_push_end(begin_call(answer_half_closed), no_fields);
    loop_run(world);
    assert_string_equal(wire_log(), ".;start 200/0;last 1;");
}

static csgi_status answer_when_told(void *arg)
{
    const char *why;

    exchange_push_half_close(arg);
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    assert_int_equal(note(arg, &wire.log), CSGI_OK);
    assert_int_equal(exchange_start(arg, 200, no_fields, &why), CSGI_EDISCONNECTED);
    return CSGI_EDISCONNECTED;
}

static void once_told_of_the_half_close_nothing_is_sent(void **state)
{
    (void)state;
    exchange_push_end(begin_call(answer_when_told), no_fields);
    loop_run(world);
    assert_string_equal(wire_log(), ".;gone;cut;");
}

static csgi_status wait_for_ever(void *arg)
{
    csgi_status status;

    (void)arg;
    do_soon(disconnect);
    status = task_sleep(world, 60000);
    buffer_printf(&wire.log, "woken %d;", status == CSGI_ECANCELED);
    return status;
}

static void the_task_is_cancelled_some_time_after_the_disconnect(void **state)
{
    uint64_t began_ns = loop_clock_ns(), took_ms;

    (void)state;
    begin_call(wait_for_ever);
    loop_run(world);
    took_ms = (loop_clock_ns() - began_ns) / 1000000;
    assert_string_equal(wire_log(), "woken 1;cut;");
    assert_true(took_ms >= EXCHANGE_GRACE_MS && took_ms < 3 * EXCHANGE_GRACE_MS);
}

static void refuse(void)
{
    exchange_reply_error(wire.exchange, 413, "The body is too large", no_fields);
}

static csgi_status ignore_the_refusal(void *arg)
{
    csgi_status status;

    (void)arg;
    do_soon(refuse);
    status = task_sleep(world, 60000);
    buffer_printf(&wire.log, "woken %d;", status == CSGI_ECANCELED);
    return status;
}

/* Its response is complete, but not by its own doing: it is not work that goes on in peace. */
static void a_task_that_the_server_answered_for_is_cancelled_as_well(void **state)
{
    uint64_t began_ns = loop_clock_ns(), took_ms;
    const char *text;

    (void)state;
    begin_call(ignore_the_refusal);
    loop_run(world);
    took_ms = (loop_clock_ns() - began_ns) / 1000000;
    text = wire_log();
    assert_non_null(strstr(text, "start 413"));
    assert_non_null(strstr(text, "woken 1;"));
    assert_true(took_ms >= EXCHANGE_GRACE_MS && took_ms < 3 * EXCHANGE_GRACE_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_without_a_body_is_one_empty_event),
        TEST(pieces_come_as_they_arrive_and_trailers_last),
        TEST(a_full_inbox_stops_the_wire_and_an_empty_one_lets_it_go_on),
        TEST(a_second_receiver_is_refused),
        TEST(after_the_response_receive_yields_disconnect_for_ever),
        TEST(a_disconnect_comes_before_what_is_left_of_the_body),
        TEST(a_client_that_closed_its_half_gets_its_answer),
        TEST(once_told_of_the_half_close_nothing_is_sent),
        TEST(the_task_is_cancelled_some_time_after_the_disconnect),
        TEST(a_task_that_the_server_answered_for_is_cancelled_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
