/* SPDX-License-Identifier: MIT
 * Happy eyeballs: whose turn it is, who wins, and what is told of the others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "client/race.h"
#include "failing_malloc.h"
#include "reach.h"

typedef struct rig {
    loop *loop;
    race race;
    timer timer;
    int calls;
    stream *connected;
    uint64_t began_ms, took_ms;
} rig;

static void begin(rig *self)
{
    static const loop_options usual;

    memset(self, 0, sizeof *self);
    assert_int_equal(loop_new(&usual, &self->loop), CSGI_OK);
}

static void finish(rig *self)
{
    loop_run(self->loop);
    loop_free(self->loop);
    stream_pool_clear();
}

static void on_done(race *ended, stream *connected)
{
    rig *self = CONTAINER_OF(ended, rig, race);

    self->calls++;
    self->connected = connected;
    self->took_ms = loop_now_ms(self->loop) - self->began_ms;
}

static void run(rig *self, const address *addresses, size_t count)
{
    self->calls = 0;
    self->connected = NULL;
    self->began_ms = loop_now_ms(self->loop);
    race_begin(&self->race, self->loop, addresses, count, on_done);
    loop_run(self->loop);
}

static void on_cancel_due(timer *due)
{
    race_cancel(&CONTAINER_OF(due, rig, timer)->race);
}

static void expect_text(const rig *self, const char *text)
{
    buffer out = { 0 };

    race_print(&self->race, &out);
    assert_int_equal(buffer_append(&out, "", 1), CSGI_OK);
    assert_string_equal(out.bytes, text);
    buffer_fini(&out);
}

static void who_does_not_answer_is_overtaken_after_a_quarter_second(void **state)
{
    rig bench;
    full_listener silent;
    address to[2];
    size_t fds;
    int listener;

    (void)state;
    begin(&bench); /* libuv keeps some descriptors from the first loop on */
    finish(&bench);
    fds = open_fds();
    begin(&bench);
    fill_listener(&silent, 1, 0, &to[0]);
    listener = bind_loopback(1, 0, &to[1]);
    assert_int_equal(listen(listener, 5), 0);
    run(&bench, to, 2);
    assert_int_equal(bench.calls, 1);
    assert_non_null(bench.connected);
    assert_true(address_is_same(stream_peer(bench.connected), &to[1]));
    assert_in_range(bench.took_ms, RACE_DELAY_MS, RACE_DELAY_MS + 1000);
    stream_close(bench.connected);
    close_listener(&silent);
    close(listener);
    finish(&bench);
    assert_int_equal(open_fds(), fds);
}

static void who_refuses_is_overtaken_at_once(void **state)
{
    rig bench;
    address to[3];
    int refusing[2], listener;

    (void)state;
    begin(&bench);
    for (int i = 0; i < 2; i++)
        refusing[i] = bind_loopback(1, 0, &to[i]);
    listener = bind_loopback(1, 0, &to[2]);
    assert_int_equal(listen(listener, 5), 0);
    run(&bench, to, 3);
    assert_non_null(bench.connected);
    assert_in_range(bench.took_ms, 0, RACE_DELAY_MS - 50);
    stream_close(bench.connected);
    finish(&bench);
    close(refusing[0]);
    close(refusing[1]);
    close(listener);
}

static void families_take_turns_and_the_first_one_leads(void **state)
{
    static const char *const given[] = { "::1", "::2", "::3", "127.0.0.1", "127.0.0.2" };
    static const size_t want[] = { 0, 3, 1, 4, 2 };
    rig bench;
    address to[5];

    (void)state;
    begin(&bench);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(address_from_ip(&to[i], given[i], 9), CSGI_OK);
    race_begin(&bench.race, bench.loop, to, 5, on_done);
    assert_int_equal(bench.race.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(bench.race.attempts[i].to, &to[want[i]]);
    race_cancel(&bench.race);
    race_begin(&bench.race, bench.loop, &to[3], 2, on_done);
    assert_int_equal(bench.race.count, 2);
    race_cancel(&bench.race);
    finish(&bench);
    assert_int_equal(bench.calls, 0);
}

static void only_so_many_addresses_are_tried_and_told(void **state)
{
    rig bench;
    address to[RACE_MAX + 1];
    char text[300];
    uint32_t port;
    int fd;

    (void)state;
    begin(&bench);
    fd = bind_loopback(1, 0, &to[0]);
    port = address_port(&to[0]);
    for (size_t i = 1; i <= RACE_MAX; i++)
        to[i] = to[0];
    run(&bench, to, RACE_MAX);
    assert_int_equal(bench.race.failed, RACE_MAX);
    run(&bench, to, RACE_MAX + 1);
    assert_int_equal(bench.calls, 1);
    assert_null(bench.connected);
    assert_int_equal(bench.race.failed, RACE_MAX);

    run(&bench, to, RACE_TOLD);
#define REFUSED "127.0.0.1:%u: connection refused"
    snprintf(text, sizeof text, REFUSED "; " REFUSED "; " REFUSED "; " REFUSED, port, port, port,
             port);
    expect_text(&bench, text);
    run(&bench, to, RACE_TOLD + 1);
    snprintf(text, sizeof text, REFUSED "; " REFUSED "; " REFUSED "; " REFUSED "; and 1 more", port,
             port, port, port);
    expect_text(&bench, text);
    finish(&bench);
    close(fd);
}

static void a_race_can_be_given_up(void **state)
{
    rig bench;
    full_listener silent;
    address to[3];
    char text[100];
    size_t fds = open_fds();

    (void)state;
    begin(&bench);
    fill_listener(&silent, 1, 0, &to[0]);
    to[1] = to[2] = to[0];
    timer_init(&bench.timer, on_cancel_due);
    timer_start(bench.loop, &bench.timer, 20);
    run(&bench, to, 3);
    assert_int_equal(bench.calls, 0);
    snprintf(text, sizeof text, "127.0.0.1:%u: no answer", address_port(&to[0]));
    expect_text(&bench, text);
    close_listener(&silent);
    finish(&bench);
    assert_int_equal(open_fds(), fds);
}

static void want_of_memory_is_told_from_the_loop(void **state)
{
    rig bench;
    address to[2];
    int listener = bind_loopback(1, 0, &to[0]);

    (void)state;
    assert_int_equal(listen(listener, 5), 0);
    to[1] = to[0];
    for (size_t n = 0;; n++) {
        begin(&bench);
        failing_malloc_after(n);
        race_begin(&bench.race, bench.loop, to, 2, on_done);
        assert_int_equal(bench.calls, 0);
        loop_run(bench.loop);
        bool failed = failing_malloc_off();
        assert_int_equal(bench.calls, 1);
        if (bench.connected)
            stream_close(bench.connected);
        else
            assert_true(bench.race.no_memory);
        finish(&bench);
        if (!failed) break;
    }
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_answer_is_overtaken_after_a_quarter_second),
        cmocka_unit_test(who_refuses_is_overtaken_at_once),
        cmocka_unit_test(families_take_turns_and_the_first_one_leads),
        cmocka_unit_test(only_so_many_addresses_are_tried_and_told),
        cmocka_unit_test(a_race_can_be_given_up),
        cmocka_unit_test(want_of_memory_is_told_from_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
