/* SPDX-License-Identifier: MIT
 * The contract's rules for sending (0.3, 0.5-0.7, 0.10, 2.3-2.12), over a wire that writes down
 * what it is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "fake_wire.h"

#define FIELD(name, value)                    \
    {                                         \
        CSGI_STR(name), CSGI_STR(value), 0, 0 \
    }

static const csgi_fields no_fields = { NULL, 0 };
static const char *why;

static csgi_status start(exchange *self, uint32_t status)
{
    return exchange_start(self, status, no_fields, &why);
}

static csgi_status start_with(exchange *self, const char *name, const char *value)
{
    csgi_field field = { str_from(name), str_from(value), 0, 0 };

    return exchange_start(self, 200, (csgi_fields){ &field, 1 }, &why);
}

static csgi_status body(exchange *self, const char *text, bool more)
{
    return exchange_body(self, str_from(text), more, &why);
}

static void run(task_fn fn)
{
    begin_call(fn);
    loop_run(world);
}

/* ---- order ---- */

static csgi_status send_plainly(void *arg)
{
    assert_int_equal(start(arg, 200), CSGI_OK);
    assert_int_equal(body(arg, "hello", false), CSGI_OK);
    return CSGI_OK;
}

static void a_single_body_gets_its_length(void **state)
{
    exchange *self;

    (void)state;
    self = begin_call(send_plainly);
    exchange_push_end(self, no_fields);
    loop_run(world);
    assert_string_equal(wire_log(), "start 200/0;last 5;");
    assert_int_equal(self->declared_length, 5);
    assert_true(self->has_declared_length);
}

static csgi_status send_out_of_order(void *arg)
{
    assert_int_equal(body(arg, "early", false), CSGI_ESTATE);
    assert_string_equal(why, "the response has not started");
    assert_int_equal(start(arg, 200), CSGI_OK);
    assert_int_equal(start(arg, 200), CSGI_ESTATE);
    assert_int_equal(body(arg, "a", true), CSGI_OK);
    assert_int_equal(start(arg, 200), CSGI_ESTATE);
    assert_int_equal(body(arg, "", true), CSGI_OK);
    assert_int_equal(body(arg, "", false), CSGI_OK);
    return CSGI_OK;
}

static void what_is_out_of_order_is_refused(void **state)
{
    (void)state;
    run(send_out_of_order);
    assert_string_equal(wire_log(), "start 200/0;body 1;body 0;last 0;");
}

static csgi_status send_after_the_end(void *arg)
{
    send_plainly(arg);
    assert_int_equal(body(arg, "x", false), CSGI_ESTATE);
    assert_int_equal(start(arg, 200), CSGI_ESTATE);
    return CSGI_OK;
}

static void nothing_is_sent_after_completion(void **state)
{
    (void)state;
    run(send_after_the_end);
    assert_string_equal(wire_log(), "start 200/0;last 5;");
}

/* ---- what may not be sent ---- */

static csgi_status send_bad_heads(void *arg)
{
    assert_int_equal(start(arg, 199), CSGI_EINVAL);
    assert_int_equal(start(arg, 101), CSGI_EINVAL);
    assert_int_equal(start(arg, 1000), CSGI_EINVAL);
    assert_int_equal(start_with(arg, "bad name", "v"), CSGI_EINVAL);
    assert_non_null(strstr(why, "bad name"));
    assert_int_equal(start_with(arg, "", "v"), CSGI_EINVAL);
    assert_int_equal(start_with(arg, "x", "a\r\nevil: 1"), CSGI_EINVAL);
    assert_int_equal(start_with(arg, "content-length", "-1"), CSGI_EINVAL);
    assert_int_equal(start_with(arg, "content-length", ""), CSGI_EINVAL);
    assert_int_equal(start_with(arg, "Content-Length", "18446744073709551616"), CSGI_EINVAL);
    assert_int_equal(start(arg, 999), CSGI_OK);
    return body(arg, "", false);
}

static void bad_statuses_and_headers_are_refused(void **state)
{
    (void)state;
    run(send_bad_heads);
    assert_string_equal(wire_log(), "start 999/0;last 0;");
}

static csgi_status send_two_lengths(void *arg)
{
    static const csgi_field fields[] = { FIELD("content-length", "1"),
                                         FIELD("Content-Length", "1") };

    assert_int_equal(exchange_start(arg, 200, (csgi_fields){ fields, 2 }, &why), CSGI_EINVAL);
    return CSGI_EINVAL;
}

static void two_lengths_are_refused(void **state)
{
    (void)state;
    run(send_two_lengths);
    assert_string_equal(wire_log(), "start 500/1;last 34;");
}

/* ---- declared lengths ---- */

static csgi_status send_too_long(void *arg)
{
    assert_int_equal(start_with(arg, "content-length", "4"), CSGI_OK);
    assert_int_equal(body(arg, "abc", true), CSGI_OK);
    assert_int_equal(body(arg, "de", false), CSGI_EINVAL);
    assert_int_equal(body(arg, "d", false), CSGI_EDISCONNECTED);
    return CSGI_OK;
}

static void a_body_longer_than_declared_is_cut(void **state)
{
    (void)state;
    run(send_too_long);
    assert_string_equal(wire_log(), "start 200/1;body 3;cut;");
}

static csgi_status send_too_short(void *arg)
{
    assert_int_equal(start_with(arg, "content-length", "4"), CSGI_OK);
    assert_int_equal(body(arg, "a", true), CSGI_OK);
    assert_int_equal(body(arg, "", false), CSGI_EINVAL);
    return CSGI_OK;
}

static void a_body_shorter_than_declared_is_cut(void **state)
{
    (void)state;
    run(send_too_short);
    assert_string_equal(wire_log(), "start 200/1;body 1;cut;");
}

static csgi_status send_wrong_length_at_once(void *arg)
{
    assert_int_equal(start_with(arg, "content-length", "4"), CSGI_OK);
    assert_int_equal(body(arg, "hello", false), CSGI_EINVAL);
    return CSGI_OK;
}

static void a_wrong_length_that_is_still_held_back_becomes_a_500(void **state)
{
    (void)state;
    run(send_wrong_length_at_once);
    /* the second header closes the connection */
    assert_string_equal(wire_log(), "start 200/1;unstart;start 500/2;last 34;");
}

static csgi_status send_short_to_head(void *arg)
{
    assert_int_equal(start_with(arg, "content-length", "4"), CSGI_OK);
    return body(arg, "", false);
}

static void a_response_to_head_may_declare_what_it_does_not_send(void **state)
{
    (void)state;
    begin_call(send_short_to_head)->method = STR("HEAD");
    loop_run(world);
    assert_string_equal(wire_log(), "start 200/1;last 0;");
    assert_int_equal(task_result, CSGI_OK);
}

/* ---- returning without an end ---- */

static csgi_status do_nothing(void *arg)
{
    (void)arg;
    return CSGI_OK;
}

static void an_application_that_says_nothing_is_answered_for(void **state)
{
    (void)state;
    run(do_nothing);
    assert_string_equal(wire_log(), "start 500/1;last 34;");
    assert_memory_equal(wire.bytes.bytes, "{\"detail\":\"Internal Server Error\"}", 34);
}

static csgi_status start_only(void *arg)
{
    return start(arg, 200);
}

static void a_held_back_head_becomes_a_500(void **state)
{
    (void)state;
    run(start_only);
    assert_string_equal(wire_log(), "start 200/0;unstart;start 500/1;last 34;");
}

static csgi_status flush_only(void *arg)
{
    assert_int_equal(start(arg, 200), CSGI_OK);
    return body(arg, "", true);
}

static void a_response_without_an_end_is_cut(void **state)
{
    (void)state;
    run(flush_only);
    assert_string_equal(wire_log(), "start 200/0;body 0;cut;");
}

/* ---- back-pressure and order of senders ---- */

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

static void drain(void)
{
    buffer_printf(&wire.log, "drained;");
    wire.queued = 0;
    exchange_push_drained(wire.exchange);
}

static csgi_status send_much(void *arg)
{
    wire.queued = EXCHANGE_OUTBOX_HIGH + 1;
    assert_int_equal(start(arg, 200), CSGI_OK);
    do_soon(drain);
    assert_int_equal(body(arg, "first", true), CSGI_OK);
    return body(arg, "second", false);
}

static void a_sender_waits_until_the_kernel_took_all(void **state)
{
    (void)state;
    run(send_much);
    assert_string_equal(wire_log(), "start 200/0;body 5;drained;last 6;");
}

static csgi_status send_at_the_mark(void *arg)
{
    wire.queued = EXCHANGE_OUTBOX_HIGH;
    assert_int_equal(start(arg, 200), CSGI_OK);
    assert_int_equal(body(arg, "first", true), CSGI_OK);
    return body(arg, "second", false);
}

static void at_the_high_water_mark_nobody_waits(void **state)
{
    (void)state;
    run(send_at_the_mark);
    assert_string_equal(wire_log(), "start 200/0;body 5;last 6;");
}

static csgi_status send_second(void *arg)
{
    assert_int_equal(body(arg, "22", true), CSGI_OK);
    return CSGI_OK;
}

static csgi_status send_third(void *arg)
{
    assert_int_equal(body(arg, "333", false), CSGI_OK);
    return CSGI_OK;
}

static csgi_status send_first(void *arg)
{
    assert_int_equal(start(arg, 200), CSGI_OK);
    wire.queued = EXCHANGE_OUTBOX_HIGH + 1;
    also_run(arg, send_second);
    also_run(arg, send_third);
    do_soon(drain);
    assert_int_equal(body(arg, "1", true), CSGI_OK);
    return task_sleep(world, 5);
}

static void concurrent_sends_go_out_in_the_order_of_the_calls(void **state)
{
    (void)state;
    run(send_first);
    assert_string_equal(wire_log(), "start 200/0;body 1;drained;body 2;last 3;");
    assert_memory_equal(wire.bytes.bytes, "122333", 6);
}

static csgi_status send_in_slices(void *arg)
{
    size_t len = 3 * EXCHANGE_SLICE + 1;
    char *large = calloc(1, len);

    assert_int_equal(start(arg, 200), CSGI_OK);
    assert_int_equal(exchange_body(arg, (csgi_str){ large, len }, false, &why), CSGI_OK);
    free(large);
    return CSGI_OK;
}

static void a_large_piece_goes_out_in_slices(void **state)
{
    exchange *self;

    (void)state;
    self = begin_call(send_in_slices);
    loop_run(world);
    assert_string_equal(wire_log(), "start 200/0;body 262144;body 262144;body 262144;last 1;");
    assert_int_equal(self->declared_length, 3 * EXCHANGE_SLICE + 1);
}

/* ---- the client goes away ---- */

static void disconnect(void)
{
    exchange_disconnect(wire.exchange);
}

static csgi_status send_until_gone(void *arg)
{
    wire.queued = EXCHANGE_OUTBOX_HIGH + 1;
    assert_int_equal(start(arg, 200), CSGI_OK);
    do_soon(disconnect);
    assert_int_equal(body(arg, "a", true), CSGI_EDISCONNECTED);
    assert_int_equal(body(arg, "b", true), CSGI_EDISCONNECTED);
    return CSGI_EDISCONNECTED;
}

static void a_waiting_sender_learns_of_the_disconnect(void **state)
{
    (void)state;
    run(send_until_gone);
    assert_string_equal(wire_log(), "start 200/0;body 1;cut;");
    assert_int_equal(task_result, CSGI_EDISCONNECTED);
}

static csgi_status send_to_nobody(void *arg)
{
    fake_let_go();
    assert_int_equal(start(arg, 200), CSGI_EDISCONNECTED);
    assert_int_equal(body(arg, "x", false), CSGI_EDISCONNECTED);
    return CSGI_OK;
}

static void a_wire_that_let_go_is_a_disconnect(void **state)
{
    (void)state;
    run(send_to_nobody);
    assert_int_equal(wire.log.len, 0);
}

static csgi_status send_to_a_broken_wire(void *arg)
{
    assert_int_equal(start(arg, 200), CSGI_OK);
    wire.failure = CSGI_EDISCONNECTED;
    assert_int_equal(body(arg, "x", false), CSGI_EDISCONNECTED);
    return CSGI_OK;
}

static void a_wire_that_fails_is_cut(void **state)
{
    (void)state;
    run(send_to_a_broken_wire);
    assert_string_equal(wire_log(), "start 200/0;cut;");
}

/* ---- the server's own answers ---- */

static void an_error_is_json(void **state)
{
    static const csgi_field allow = FIELD("allow", "GET");
    exchange *self = exchange_new(world, &fake_wire_told, &wire);

    (void)state;
    self->method = STR("POST");
    wire.exchange = self;
    exchange_reply_error(self, 405, "No \"POST\"\nhere \\", (csgi_fields){ &allow, 1 });
    assert_string_equal(wire_log(), "start 405/2;last 37;");
    assert_memory_equal(wire.bytes.bytes, "{\"detail\":\"No \\\"POST\\\"\\u000ahere \\\\\"}", 37);
    assert_int_equal(self->status, 405);
    exchange_reply_error(self, 500, "again", no_fields);
    assert_string_equal(wire_log(), "start 405/2;last 37;");
    exchange_app_release(self);
}

static csgi_status be_answered_for(void *arg)
{
    exchange_received kind;
    csgi_fields trailers;
    csgi_str bytes;
    bool more;

    exchange_reply_error(arg, 413, "Too large", no_fields);
    assert_int_equal(exchange_receive(arg, &kind, &bytes, &more, &trailers), CSGI_OK);
    assert_int_equal(kind, EXCHANGE_GOT_DISCONNECT);
    assert_int_equal(start(arg, 200), CSGI_EDISCONNECTED);
    return CSGI_OK;
}

static void an_application_that_was_answered_for_sees_a_disconnect(void **state)
{
    (void)state;
    run(be_answered_for);
    assert_string_equal(wire_log(), "start 413/1;last 22;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_single_body_gets_its_length),
        TEST(what_is_out_of_order_is_refused),
        TEST(nothing_is_sent_after_completion),
        TEST(bad_statuses_and_headers_are_refused),
        TEST(two_lengths_are_refused),
        TEST(a_body_longer_than_declared_is_cut),
        TEST(a_body_shorter_than_declared_is_cut),
        TEST(a_wrong_length_that_is_still_held_back_becomes_a_500),
        TEST(a_response_to_head_may_declare_what_it_does_not_send),
        TEST(an_application_that_says_nothing_is_answered_for),
        TEST(a_held_back_head_becomes_a_500),
        TEST(a_response_without_an_end_is_cut),
        TEST(a_sender_waits_until_the_kernel_took_all),
        TEST(at_the_high_water_mark_nobody_waits),
        TEST(concurrent_sends_go_out_in_the_order_of_the_calls),
        TEST(a_large_piece_goes_out_in_slices),
        TEST(a_waiting_sender_learns_of_the_disconnect),
        TEST(a_wire_that_let_go_is_a_disconnect),
        TEST(a_wire_that_fails_is_cut),
        TEST(an_error_is_json),
        TEST(an_application_that_was_answered_for_sees_a_disconnect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
