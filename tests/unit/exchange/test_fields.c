/* SPDX-License-Identifier: MIT
 * Early hints and trailers (the contract's 2.8 and section 5), over a wire that writes down what it
 * is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "fake_wire.h"

static const csgi_fields no_fields = { NULL, 0 };
static const csgi_field a_link[] = {
    { CSGI_STR("link"), CSGI_STR("</s.css>; rel=preload"), 0, 0 },
    { CSGI_STR("x-sum"), CSGI_STR("1"), 0, 0 },
};
static const csgi_fields two_fields = { a_link, 2 };
static const char *why;

static csgi_status start(exchange *self)
{
    return exchange_start(self, 200, no_fields, &why);
}

static csgi_status start_with_trailers(exchange *self)
{
    return exchange_start_with_trailers(self, 200, no_fields, &why);
}

static csgi_status body(exchange *self, const char *text, bool more)
{
    return exchange_body(self, str_from(text), more, &why);
}

static csgi_status hint_one(exchange *self, const char *name, const char *value)
{
    csgi_field field = { str_from(name), str_from(value), 0, 0 };

    return exchange_hint(self, (csgi_fields){ &field, 1 }, &why);
}

static csgi_status trail_one(exchange *self, const char *name)
{
    csgi_field field = { str_from(name), STR("1"), 0, 0 };

    return exchange_trailers(self, (csgi_fields){ &field, 1 }, true, &why);
}

static void run(task_fn fn)
{
    begin_call(fn)->features = CSGI_CAN_EARLY_HINT | CSGI_CAN_TRAILERS;
    loop_run(world);
}

/* ---- early hints ---- */

static csgi_status send_hints(void *arg)
{
    assert_int_equal(exchange_hint(arg, two_fields, &why), CSGI_OK);
    assert_int_equal(hint_one(arg, "Link", "</b.js>; rel=preload"), CSGI_OK);
    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(exchange_hint(arg, two_fields, &why), CSGI_ESTATE);
    assert_string_equal(why, "the response has already started");
    assert_int_equal(body(arg, "x", true), CSGI_OK);
    assert_int_equal(exchange_hint(arg, two_fields, &why), CSGI_ESTATE);
    assert_int_equal(body(arg, "", false), CSGI_OK);
    assert_int_equal(exchange_hint(arg, two_fields, &why), CSGI_ESTATE);
    return CSGI_OK;
}

static void hints_go_out_before_the_start_and_never_after(void **state)
{
    (void)state;
    run(send_hints);
    assert_string_equal(wire_log(), "hint 2;hint 1;start 200/0;body 1;last 0;");
}

static csgi_status send_bad_hints(void *arg)
{
    assert_int_equal(exchange_hint(arg, no_fields, &why), CSGI_EINVAL);
    assert_string_equal(why, "it has no field");
    assert_int_equal(hint_one(arg, "li nk", "a"), CSGI_EINVAL);
    assert_int_equal(hint_one(arg, "link", "a\r\nb: c"), CSGI_EINVAL);
    assert_int_equal(hint_one(arg, "Content-Length", "3"), CSGI_EINVAL);
    assert_non_null(strstr(why, "Content-Length"));
    assert_int_equal(hint_one(arg, "transfer-encoding", "chunked"), CSGI_EINVAL);
    assert_int_equal(hint_one(arg, "CONNECTION", "close"), CSGI_EINVAL);
    return CSGI_OK;
}

static void hints_that_may_not_be_sent_put_nothing_on_the_wire(void **state)
{
    (void)state;
    run(send_bad_hints);
    assert_string_equal(wire_log(), "start 500/1;last 34;");
}

static csgi_status hint_without_the_feature(void *arg)
{
    exchange *self = arg;

    self->features = 0;
    assert_int_equal(exchange_hint(self, two_fields, &why), CSGI_ENOTSUP);
    return CSGI_OK;
}

static void hints_without_their_feature_are_not_supported(void **state)
{
    (void)state;
    run(hint_without_the_feature);
    assert_string_equal(wire_log(), "start 500/1;last 34;");
}

static csgi_status hint_and_fail(void *arg)
{
    return exchange_hint(arg, two_fields, &why);
}

static void a_failure_after_a_hint_is_still_a_500(void **state)
{
    (void)state;
    run(hint_and_fail);
    assert_string_equal(wire_log(), "hint 2;start 500/1;last 34;");
}

static csgi_status hint_to_nobody(void *arg)
{
    exchange_disconnect(arg);
    assert_int_equal(exchange_hint(arg, two_fields, &why), CSGI_EDISCONNECTED);
    return CSGI_OK;
}

static void a_client_that_is_gone_gets_no_hint(void **state)
{
    (void)state;
    run(hint_to_nobody);
    assert_string_equal(wire_log(), "cut;");
}

static csgi_status hint_until_drained(void *arg)
{
    wire.queued = EXCHANGE_OUTBOX_HIGH + 1;
    task_result = exchange_hint(arg, two_fields, &why);
    return task_result ? task_result : start(arg);
}

static void drain(timer *due)
{
    (void)due;
    assert_string_equal(wire_log(), "hint 2;");
    assert_int_equal(task_result, 1);
    wire.queued = 0;
    exchange_push_drained(wire.exchange);
}

static void hints_wait_for_a_slow_client(void **state)
{
    timer later;

    (void)state;
    timer_init(&later, drain);
    timer_start(world, &later, 5);
    run(hint_until_drained);
    assert_int_equal(task_result, CSGI_OK);
}

/* ---- trailers ---- */

static csgi_status send_trailers(void *arg)
{
    const exchange *self = arg;

    assert_int_equal(start_with_trailers(arg), CSGI_OK);
    assert_int_equal(body(arg, "hello", false), CSGI_OK);
    assert_false(self->has_declared_length); /* it is chunked */
    assert_int_equal(self->phase, EXCHANGE_FLUSHED);
    assert_int_equal(body(arg, "more", false), CSGI_ESTATE);
    assert_string_equal(why, "the body has ended, and its trailers are due");
    assert_int_equal(exchange_trailers(arg, two_fields, true, &why), CSGI_OK);
    assert_int_equal(exchange_trailers(arg, no_fields, true, &why), CSGI_OK);
    assert_int_equal(exchange_trailers(arg, two_fields, false, &why), CSGI_OK);
    assert_int_equal(self->phase, EXCHANGE_COMPLETE);
    assert_int_equal(exchange_trailers(arg, two_fields, false, &why), CSGI_ESTATE);
    assert_string_equal(why, "the response is complete");
    return CSGI_OK;
}

static void the_last_trailers_end_the_response(void **state)
{
    (void)state;
    run(send_trailers);
    assert_string_equal(wire_log(),
                        "start 200/0;body 5;first trailers 2;trailers 0;last trailers 2;");
}

static csgi_status send_trailers_too_early(void *arg)
{
    assert_int_equal(exchange_trailers(arg, two_fields, false, &why), CSGI_ESTATE);
    assert_string_equal(why, "the response has not started");
    assert_int_equal(start_with_trailers(arg), CSGI_OK);
    assert_int_equal(exchange_trailers(arg, two_fields, false, &why), CSGI_ESTATE);
    assert_string_equal(why, "the body has not ended");
    assert_int_equal(body(arg, "a", true), CSGI_OK);
    assert_int_equal(exchange_trailers(arg, two_fields, false, &why), CSGI_ESTATE);
    assert_int_equal(body(arg, "", false), CSGI_OK);
    assert_int_equal(exchange_trailers(arg, two_fields, false, &why), CSGI_OK);
    return CSGI_OK;
}

static void trailers_come_after_the_body(void **state)
{
    (void)state;
    run(send_trailers_too_early);
    assert_string_equal(wire_log(), "start 200/0;body 1;body 0;first last trailers 2;");
}

static csgi_status send_unannounced(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(body(arg, "a", true), CSGI_OK);
    assert_int_equal(exchange_trailers(arg, two_fields, false, &why), CSGI_ESTATE);
    assert_string_equal(why, "the start did not say that trailers follow");
    return body(arg, "", false);
}

static void trailers_that_the_start_did_not_announce_are_refused(void **state)
{
    (void)state;
    run(send_unannounced);
    assert_string_equal(wire_log(), "start 200/0;body 1;last 0;");
}

static csgi_status announce_in_vain(void *arg)
{
    exchange *self = arg;

    self->features = 0;
    assert_int_equal(start_with_trailers(arg), CSGI_OK);
    return body(arg, "a", false);
}

static void announcing_trailers_without_the_feature_changes_nothing(void **state)
{
    (void)state;
    run(announce_in_vain);
    assert_string_equal(wire_log(), "start 200/0;last 1;");
}

static csgi_status send_forbidden(void *arg)
{
    static const char *const names[] = {
        "Content-Length", "transfer-encoding", "Host",       "te",           "Trailer",
        "Connection",     "authorization",     "Set-Cookie", "Content-Type", "content-encoding",
        "Content-Range",  "Cache-Control",     "Date",       "Location",     "if-match"
    };

    assert_int_equal(start_with_trailers(arg), CSGI_OK);
    assert_int_equal(body(arg, "a", false), CSGI_OK);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(trail_one(arg, names[i]), CSGI_EINVAL);
        assert_non_null(strstr(why, "may not be a trailer"));
    }
    assert_int_equal(trail_one(arg, "a b"), CSGI_EINVAL);
    assert_int_equal(trail_one(arg, "server-timing"), CSGI_OK);
    return exchange_trailers(arg, no_fields, false, &why);
}

static void what_may_not_come_late_is_refused(void **state)
{
    (void)state;
    run(send_forbidden);
    assert_string_equal(wire_log(), "start 200/0;body 1;first trailers 1;last trailers 0;");
    assert_int_equal(task_result, CSGI_OK);
}

static csgi_status owe_trailers(void *arg)
{
    assert_int_equal(start_with_trailers(arg), CSGI_OK);
    return body(arg, "a", false);
}

static void trailers_that_never_come_cut_the_response(void **state)
{
    (void)state;
    run(owe_trailers);
    assert_string_equal(wire_log(), "start 200/0;body 1;cut;");
}

static csgi_status owe_all(void *arg)
{
    return start_with_trailers(arg);
}

static void an_announcement_alone_becomes_a_whole_500(void **state)
{
    (void)state;
    run(owe_all);
    assert_string_equal(wire_log(), "start 200/0;unstart;start 500/1;last 34;");
}

static csgi_status fail_in_trailers(void *arg)
{
    assert_int_equal(start_with_trailers(arg), CSGI_OK);
    assert_int_equal(body(arg, "a", false), CSGI_OK);
    wire.failure = CSGI_ENOMEM;
    return exchange_trailers(arg, two_fields, false, &why);
}

static void trailers_that_the_wire_cannot_take_cut_it(void **state)
{
    (void)state;
    run(fail_in_trailers);
    assert_string_equal(wire_log(), "start 200/0;body 1;cut;");
    assert_int_equal(task_result, CSGI_ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, begin_world, end_world)
        WORLD_TEST(hints_go_out_before_the_start_and_never_after),
        WORLD_TEST(hints_that_may_not_be_sent_put_nothing_on_the_wire),
        WORLD_TEST(hints_without_their_feature_are_not_supported),
        WORLD_TEST(a_failure_after_a_hint_is_still_a_500),
        WORLD_TEST(a_client_that_is_gone_gets_no_hint),
        WORLD_TEST(hints_wait_for_a_slow_client),
        WORLD_TEST(the_last_trailers_end_the_response),
        WORLD_TEST(trailers_come_after_the_body),
        WORLD_TEST(trailers_that_the_start_did_not_announce_are_refused),
        WORLD_TEST(announcing_trailers_without_the_feature_changes_nothing),
        WORLD_TEST(what_may_not_come_late_is_refused),
        WORLD_TEST(trailers_that_never_come_cut_the_response),
        WORLD_TEST(an_announcement_alone_becomes_a_whole_500),
        WORLD_TEST(trailers_that_the_wire_cannot_take_cut_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
