/* SPDX-License-Identifier: MIT
 * Fetching: time, cancellation, numbers and memory. */
#include "rig.h"
#include "failing_malloc.h"

/* ---- time ---- */

static void say_nothing(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
    }
}

static void silence_has_a_limit(void **state)
{
    rig bench;
    asked now;
    char want[100];

    (void)state;
    begin(&bench, say_nothing, NULL);
    prepare(&bench, &now, "/");
    now.request.read_timeout_ms = 30;
    ask_all(&now, 1);
    snprintf(want, sizeof want, "http://127.0.0.1:%u: no answer within 30 ms", bench.server.port);
    assert_failed(&now, CSGI_ETIMEDOUT, want);
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    finish(&bench);
}

static void say_half(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
    skip_request(fd);
}

static void a_response_that_stops_has_a_limit(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, say_half, NULL);
    prepare(&bench, &now, "/");
    now.request.read_timeout_ms = 30;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "the response went no further within 30 ms");
    finish(&bench);
}

static void drip(int fd, int number)
{
    (void)number;
    if (!skip_request(fd)) return;
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 200; i++) {
        if (send(fd, "x", 1, MSG_NOSIGNAL) != 1) return;
        usleep(5000);
    }
}

static void all_together_has_a_limit(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, drip, NULL);
    prepare(&bench, &now, "/");
    now.request.read_timeout_ms = 900;
    now.request.total_timeout_ms = 60;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "not done within 60 ms (total timeout)");
    finish(&bench);
}

static void the_callers_deadline_beats_the_limits_of_the_request(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, drip, NULL);
    prepare(&bench, &now, "/");
    now.request.read_timeout_ms = 900;
    now.request.total_timeout_ms = 5000;
    now.deadline_ms = loop_now_ms(bench.loop) + 60;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "not done before the call's deadline");
    prepare(&bench, &now, "/");
    now.request.total_timeout_ms = 60;
    now.deadline_ms = loop_now_ms(bench.loop) + 5000;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "not done within 60 ms (total timeout)");
    finish(&bench);
}

/* A listener whose queue is full: a further connection gets no answer. */
static int listen_full(uint32_t *port, int fillers[3])
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    for (int i = 0; i < 3; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&at, sizeof at);
    }
    usleep(2000);
    *port = ntohs(at.sin_port);
    return fd;
}

static void connecting_has_a_limit_and_can_be_cancelled(void **state)
{
    rig bench;
    asked now;
    int fillers[3], fd;

    (void)state;
    begin(&bench, NULL, NULL);
    fd = listen_full(&bench.server.port, fillers);
    prepare(&bench, &now, "/");
    now.request.connect_timeout_ms = 30;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "no connection within 30 ms");

    prepare(&bench, &now, "/");
    cancel_soon(&bench, 20);
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ECANCELED, "given up: the task is cancelled");
    assert_int_equal(client_get_counts(bench.client).connections, 0);
    finish(&bench);
    close(fd);
    for (int i = 0; i < 3; i++)
        close(fillers[i]);
}

static void a_cancelled_task_gives_its_connection_up(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, say_nothing, NULL);
    prepare(&bench, &now, "/");
    cancel_soon(&bench, 20);
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ECANCELED, "given up: the task is cancelled");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    finish(&bench);
}

static void a_task_that_is_cancelled_already_sends_nothing(void **state)
{
    rig bench;
    asked now;
    size_t running = 1;

    (void)state;
    begin(&bench, say_hi, NULL);
    prepare(&bench, &now, "/");
    now.running = &running;
    assert_int_equal(task_spawn(bench.loop, &label, 0, ask_in_task, on_asked, &now, &bench.victim),
                     CSGI_OK);
    task_cancel(bench.victim);
    loop_run(bench.loop);
    assert_failed(&now, CSGI_ECANCELED, "the task is cancelled");
    finish(&bench);
    assert_int_equal(bench.server.accepted, 0);
}

static void an_idle_connection_is_closed_after_its_time(void **state)
{
    rig bench;
    const client_options options = { .idle_ms = 20 };

    (void)state;
    begin(&bench, say_hi, &options);
    expect_body(&bench, "/", "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 1);
    until_idle(&bench, 0);
    finish(&bench);
}

static void a_connection_in_use_outlives_the_time_of_the_idle(void **state)
{
    rig bench;
    const client_options options = { .idle_ms = 40 };
    uint64_t until_ms = loop_clock_ns() / 1000000 + 200;

    (void)state;
    begin(&bench, say_hi, &options);
    while (loop_clock_ns() / 1000000 < until_ms)
        expect_body(&bench, "/", "hi");
    assert_int_equal(bench.server.accepted, 1);
    until_idle(&bench, 0);
    finish(&bench);
}

/* ---- many ---- */

#define MANY ((size_t)200)

static void many_fetches_run_at_once_and_their_connections_are_kept(void **state)
{
    static asked each[MANY];
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++)
            prepare(&bench, &each[i], "/");
        ask_all(each, MANY);
        for (size_t i = 0; i < MANY; i++)
            assert_answered(&each[i], "hi");
        assert_int_equal(client_get_counts(bench.client).idle, MANY);
    }
    assert_int_equal(bench.server.accepted, MANY);
    finish(&bench);
}

static void no_more_are_kept_than_the_limit(void **state)
{
    asked each[5];
    rig bench;
    const client_options options = { .max_idle_per_origin = 2 };

    (void)state;
    begin(&bench, say_hi, &options);
    for (size_t i = 0; i < COUNT_OF(each); i++)
        prepare(&bench, &each[i], "/");
    ask_all(each, COUNT_OF(each));
    for (size_t i = 0; i < COUNT_OF(each); i++)
        assert_answered(&each[i], "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 2);
    finish(&bench);
}

static void answer_when_told(int fd, int number)
{
    (void)number;
    if (!skip_request(fd)) return;
    wait_to_go_on();
    say(fd, OK_HI);
    skip_request(fd);
}

static void close_client(timer *due)
{
    rig *self = CONTAINER_OF(due, rig, timer);

    client_close(self->client);
    loop_stop(self->loop);
}

static void a_closed_client_finishes_what_it_has_begun_and_begins_no_more(void **state)
{
    rig bench;
    asked busy, late;
    size_t running = 2;
    task *spawned;

    (void)state;
    go_on = 0;
    begin(&bench, answer_when_told, NULL);
    prepare(&bench, &busy, "/");
    prepare(&bench, &late, "/");
    busy.running = late.running = &running;
    assert_int_equal(task_spawn(bench.loop, &label, 0, ask_in_task, on_asked, &busy, &spawned), 0);
    timer_init(&bench.timer, close_client);
    timer_start(bench.loop, &bench.timer, 20);
    loop_run(bench.loop);
    assert_int_equal(task_spawn(bench.loop, &label, 0, ask_in_task, on_asked, &late, &spawned), 0);
    go_on = 1;
    loop_run(bench.loop);
    assert_failed(&late, CSGI_ESTATE, "the server is stopping");
    assert_answered(&busy, "hi");
    bench.client = NULL; /* gone with its last connection */
    finish(&bench);
}

/* ---- memory ---- */

static void a_fetch_on_a_kept_connection_allocates_nothing(void **state)
{
    rig bench;
    asked now;
    static char memory[8192];
    size_t before;

    (void)state;
    begin(&bench, say_chunked, NULL);
    expect_body(&bench, "/", "hello world");
    prepare(&bench, &now, "/");
    arena_init(&now.arena, memory, sizeof memory);
    before = failing_malloc_count();
    ask_all(&now, 1);
    assert_int_equal(failing_malloc_count(), before);
    assert_answered(&now, "hello world");
    finish(&bench);
}

static void a_fetch_survives_every_failing_allocation(void **state)
{
    size_t n = 0;
    bool failed = true;

    (void)state;
    for (; failed && n < 100; n++) {
        rig bench;
        asked now;
        size_t running = 1;

        begin(&bench, say_chunked, NULL);
        usleep(1000); /* the server's thread has begun */
        prepare(&bench, &now, "/");
        now.running = &running;
        assert_int_equal(task_spawn(bench.loop, &label, 0, ask_in_task, on_asked, &now,
                                    &bench.victim),
                         0);
        failing_malloc_after(n);
        loop_run(bench.loop);
        failed = failing_malloc_off();
        if (failed)
            assert_int_equal(now.status, CSGI_ENOMEM);
        else
            assert_int_equal(now.status, CSGI_OK);
        done(&now);
        finish(&bench);
    }
    assert_in_range(n, 5, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_has_a_limit),
        cmocka_unit_test(a_response_that_stops_has_a_limit),
        cmocka_unit_test(all_together_has_a_limit),
        cmocka_unit_test(the_callers_deadline_beats_the_limits_of_the_request),
        cmocka_unit_test(connecting_has_a_limit_and_can_be_cancelled),
        cmocka_unit_test(a_cancelled_task_gives_its_connection_up),
        cmocka_unit_test(a_task_that_is_cancelled_already_sends_nothing),
        cmocka_unit_test(an_idle_connection_is_closed_after_its_time),
        cmocka_unit_test(a_connection_in_use_outlives_the_time_of_the_idle),
        cmocka_unit_test(many_fetches_run_at_once_and_their_connections_are_kept),
        cmocka_unit_test(no_more_are_kept_than_the_limit),
        cmocka_unit_test(a_closed_client_finishes_what_it_has_begun_and_begins_no_more),
        cmocka_unit_test(a_fetch_on_a_kept_connection_allocates_nothing),
        cmocka_unit_test(a_fetch_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
