/* SPDX-License-Identifier: MIT
 * How many connections there may be, and the queue of who waits for one. */
#include "transfer_rig.h"

#define FETCHES ((size_t)6)

static void ask_many(rig *bench, asked *each, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char path[24];

        snprintf(path, sizeof path, "/%zu", i);
        prepare(bench, &each[i], path);
    }
    ask_all(each, count);
}

static char order[FETCHES + 1];
static atomic_size_t order_len;

/* Notes the order in which paths of one digit are asked for. */
static void say_in_order(int fd, int number)
{
    char text[4096];

    (void)number;
    while (read_request(fd, text, sizeof text)) {
        order[order_len++] = strchr(text, '/')[1];
        usleep(1000);
        say(fd, OK_HI);
    }
}

static void no_more_connections_are_made_to_a_server_than_the_limit(void **state)
{
    (void)state;
    for (size_t max = 1; max <= 2; max++) {
        const client_options options = { .max_connections_per_origin = max };
        asked each[FETCHES];
        rig bench;

        begin(&bench, say_in_order, &options);
        memset(order, 0, sizeof order);
        order_len = 0;
        ask_many(&bench, each, FETCHES);
        for (size_t i = 0; i < FETCHES; i++)
            assert_answered(&each[i], "hi");
        if (max == 1) assert_string_equal(order, "012345"); /* the first come, the first served */
        assert_int_equal(bench.server.accepted, max);
        assert_int_equal(client_get_counts(bench.client).waiting, 0);
        assert_int_equal(client_get_counts(bench.client).idle, max);
        finish(&bench);
    }
}

static void a_closed_connection_leaves_its_place_to_the_next(void **state)
{
    const client_options options = { .max_connections_per_origin = 1 };
    asked each[FETCHES];
    rig bench;

    (void)state;
    begin(&bench, say_close, &options);
    ask_many(&bench, each, FETCHES);
    for (size_t i = 0; i < FETCHES; i++)
        assert_answered(&each[i], "hi");
    assert_int_equal(bench.server.accepted, FETCHES);
    finish(&bench);
}

static void so_many_may_wait_and_no_more(void **state)
{
    const client_options options = { .max_connections_per_origin = 1, .max_waiting_per_origin = 2 };
    asked each[4];
    rig bench;

    (void)state;
    begin(&bench, say_hi, &options);
    ask_many(&bench, each, 4);
    for (size_t i = 0; i < 3; i++)
        assert_answered(&each[i], "hi");
    assert_failed(&each[3], CSGI_ELIMIT, ": 2 requests wait for a connection already");
    finish(&bench);
}

static void a_failure_to_connect_leaves_its_place_to_the_next(void **state)
{
    const client_options options = { .max_connections_per_origin = 1 };
    asked each[FETCHES];
    rig bench;

    (void)state;
    begin(&bench, NULL, &options);
    bench.server.port = 1;
    ask_many(&bench, each, FETCHES);
    for (size_t i = 0; i < FETCHES; i++)
        assert_failed(&each[i], CSGI_EUNREACH, "refused");
    assert_int_equal(client_get_counts(bench.client).connections, 0);
    finish(&bench);
}

static void another_servers_idle_connection_makes_room(void **state)
{
    const client_options options = { .max_connections = 2 };
    rig bench;
    server other;
    asked now;

    (void)state;
    begin(&bench, say_hi, &options);
    server_start(&other, say_hi);
    expect_body(&bench, "/", "hi");
    for (int i = 0; i < 2; i++) {
        asked each[2];

        for (size_t k = 0; k < 2; k++) {
            prepare(&bench, &each[k], "/");
            snprintf(each[k].url, sizeof each[k].url, "http://127.0.0.1:%u/", other.port);
            each[k].request.url = str_from(each[k].url);
        }
        ask_all(each, 2);
        assert_answered(&each[0], "hi");
        assert_answered(&each[1], "hi");
        assert_int_equal(client_get_counts(bench.client).idle, 2);
    }
    assert_int_equal(other.accepted, 2);
    prepare(&bench, &now, "/");
    ask_all(&now, 1);
    assert_answered(&now, "hi");
    assert_int_equal(bench.server.accepted, 2); /* its first had to go */
    assert_int_equal(client_get_counts(bench.client).idle, 2);
    finish(&bench);
    server_stop(&other);
}

static void who_waits_for_the_total_limit_gets_the_place_of_another_server(void **state)
{
    const client_options options = { .max_connections = 1 };
    rig bench;
    server other;
    asked each[4];

    (void)state;
    begin(&bench, say_hi, &options);
    server_start(&other, say_hi);
    for (size_t i = 0; i < 4; i++) {
        prepare(&bench, &each[i], "/");
        if (i & 1) snprintf(each[i].url, sizeof each[i].url, "http://127.0.0.1:%u/", other.port);
        each[i].request.url = str_from(each[i].url);
    }
    ask_all(each, 4);
    for (size_t i = 0; i < 4; i++)
        assert_answered(&each[i], "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 1);
    finish(&bench);
    server_stop(&other);
}

static void say_nothing(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
    }
}

static void wait_in_vain(moved *self)
{
    transfer first;

    assert_int_equal(open_transfer(self), CSGI_OK);
    first = self->transfer; /* no wait is under way, nor a response */
    first.talk.on->with = &first.talk;
    self->facts.pool_timeout_ms = 30;
    assert_int_equal(open_transfer(self), CSGI_ETIMEDOUT);
    assert_why(self, ": no free connection within 30 ms (1 in use)");
    assert_int_equal(self->pool.waiting, 0);
    self->facts.pool_timeout_ms = 5000;
    cancel_soon(&self->bench, 10);
    assert_int_equal(open_transfer(self), CSGI_ECANCELED);
    assert_int_equal(self->pool.waiting, 0);
    transfer_close(&first);
    assert_int_equal(self->pool.places, 0);
}

static void waiting_for_a_connection_has_a_limit_and_can_be_cancelled(void **state)
{
    const client_options options = { .max_connections_per_origin = 1 };
    moved now;

    (void)state;
    prepare_transfer(&now, say_nothing, &options);
    check_transfer(&now);
    run_transfer(&now, wait_in_vain);
    end_transfer(&now);
}

static void say_once(int fd, int number)
{
    if (skip_request(fd)) say(fd, OK_HI);
    if (number == 0) return;
    while (skip_request(fd))
        say(fd, OK_HI);
}

static void a_dead_one_is_replaced_within_the_limit(void **state)
{
    const client_options options = { .max_connections_per_origin = 1 };
    rig bench;

    (void)state;
    begin(&bench, say_once, &options);
    expect_body(&bench, "/", "hi");
    usleep(5000); /* the end has come, and is not seen yet */
    expect_body(&bench, "/", "hi");
    expect_body(&bench, "/", "hi");
    assert_int_equal(bench.server.accepted, 2);
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_connections_are_made_to_a_server_than_the_limit),
        cmocka_unit_test(a_closed_connection_leaves_its_place_to_the_next),
        cmocka_unit_test(so_many_may_wait_and_no_more),
        cmocka_unit_test(a_failure_to_connect_leaves_its_place_to_the_next),
        cmocka_unit_test(another_servers_idle_connection_makes_room),
        cmocka_unit_test(who_waits_for_the_total_limit_gets_the_place_of_another_server),
        cmocka_unit_test(waiting_for_a_connection_has_a_limit_and_can_be_cancelled),
        cmocka_unit_test(a_dead_one_is_replaced_within_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
