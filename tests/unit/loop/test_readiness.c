/* SPDX-License-Identifier: MIT
 * Waiting for descriptors of others: both directions, timeouts, cancellation, and owners who close
 * what is waited for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "failing_malloc.h"
#include "loop/core.h"
#include "loop/readiness.h"

#define NO_TIMEOUT UINT64_MAX
#define BOTH       (READINESS_READ | READINESS_WRITE)

static const task_label label = { CSGI_STR("shop"), CSGI_STR("orders") };
static loop *world;
static int ends[2]; /* of a pair of sockets */

/* One wait as a task, and what came of it. */
typedef struct attempt {
    int fd;
    unsigned wanted;
    uint64_t timeout_ms;
    task *task;
    csgi_status status;
    unsigned ready;
    bool has_ended;
} attempt;

static int begin(void **state)
{
    const loop_options options = { 0 };

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    loop_free(world);
    return 0;
}

static csgi_status run_attempt(void *arg)
{
    attempt *self = arg;

    self->status = readiness_wait(world, self->fd, self->wanted, self->timeout_ms, &self->ready);
    self->has_ended = true;
    return 0;
}

static void start(attempt *self, int fd, unsigned wanted, uint64_t timeout_ms)
{
    *self = (attempt){ .fd = fd, .wanted = wanted, .timeout_ms = timeout_ms };
    assert_int_equal(task_spawn(world, &label, 0, run_attempt, NULL, self, &self->task), 0);
}

static attempt attempt_alone(int fd, unsigned wanted, uint64_t timeout_ms)
{
    attempt self;

    start(&self, fd, wanted, timeout_ms);
    loop_run(world);
    assert_true(self.has_ended);
    return self;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* A round or two: waits begin, events arrive. */
static void turn(void)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(loop_post(world, stop_loop, world), 0);
        loop_run(world);
    }
}

static void say(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

/* How many descriptors the kernel still has in our set. */
static unsigned watched(void)
{
    char path[64], line[256];
    unsigned count = 0;
    FILE *info;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", world->readiness.set);
    info = fopen(path, "re");
    assert_non_null(info);
    while (fgets(line, sizeof line, info))
        count += strncmp(line, "tfd:", 4) == 0;
    fclose(info);
    return count;
}

static void what_is_ready_already_is_told(void **state)
{
    attempt got;

    (void)state;
    got = attempt_alone(ends[0], BOTH, NO_TIMEOUT);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(got.ready, READINESS_WRITE);
    say(ends[1]);
    got = attempt_alone(ends[0], BOTH, NO_TIMEOUT);
    assert_int_equal(got.ready, BOTH);
    got = attempt_alone(ends[0], READINESS_READ, NO_TIMEOUT);
    assert_int_equal(got.ready, READINESS_READ);
    assert_int_equal(watched(), 0);
}

static void what_comes_later_wakes_the_waiter(void **state)
{
    attempt got;

    (void)state;
    start(&got, ends[0], READINESS_READ, NO_TIMEOUT);
    turn();
    assert_false(got.has_ended);
    assert_int_equal(watched(), 1);
    say(ends[1]);
    loop_run(world);
    assert_true(got.has_ended);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(watched(), 0);
}

static void a_hang_up_counts_as_what_was_wanted(void **state)
{
    int pipe_ends[2];
    attempt got;

    (void)state;
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    close(pipe_ends[1]);
    got = attempt_alone(pipe_ends[0], READINESS_READ, NO_TIMEOUT);
    assert_int_equal(got.status, CSGI_OK);
    assert_int_equal(got.ready, READINESS_READ);
    close(pipe_ends[0]);
}

static void a_timeout_passes(void **state)
{
    uint64_t began_ms = loop_clock_ns() / 1000000;
    attempt got = attempt_alone(ends[0], READINESS_READ, 20);

    (void)state;
    assert_int_equal(got.status, CSGI_ETIMEDOUT);
    assert_true(loop_clock_ns() / 1000000 - began_ms >= 19);
    assert_int_equal(watched(), 0);
}

static void a_timeout_of_zero_looks(void **state)
{
    (void)state;
    assert_int_equal(attempt_alone(ends[0], READINESS_READ, 0).status, CSGI_ETIMEDOUT);
    say(ends[1]);
    assert_int_equal(attempt_alone(ends[0], READINESS_READ, 0).status, CSGI_OK);
}

static void a_cancelled_waiter_leaves_the_descriptor_to_others(void **state)
{
    attempt got;

    (void)state;
    start(&got, ends[0], READINESS_READ, NO_TIMEOUT);
    turn();
    task_cancel(got.task);
    loop_run(world);
    assert_int_equal(got.status, CSGI_ECANCELED);
    assert_int_equal(watched(), 0);
    say(ends[1]);
    assert_int_equal(attempt_alone(ends[0], READINESS_READ, NO_TIMEOUT).status, CSGI_OK);
}

static csgi_status wait_again_and_again(void *arg)
{
    csgi_status *statuses = arg;
    unsigned ready;

    for (int i = 0; i < 5; i++)
        statuses[i] = readiness_wait(world, ends[0], READINESS_READ, NO_TIMEOUT, &ready);
    return 0;
}

static void a_cancelled_task_is_told_so_whatever_is_ready(void **state)
{
    csgi_status statuses[5] = { 0 };
    task *waiter;

    (void)state;
    assert_int_equal(task_spawn(world, &label, 0, wait_again_and_again, NULL, statuses, &waiter),
                     0);
    turn();
    task_cancel(waiter);
    say(ends[1]);
    loop_run(world);
    for (int i = 0; i < 5; i++)
        assert_int_equal(statuses[i], CSGI_ECANCELED);
}

static void fill(int fd)
{
    static const char bytes[65536];

    while (write(fd, bytes, sizeof bytes) > 0)
        ;
}

static void drain(int fd)
{
    char bytes[65536];

    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

static void one_may_read_and_another_write(void **state)
{
    attempt reader, writer;

    (void)state;
    fill(ends[0]);
    start(&reader, ends[0], READINESS_READ, NO_TIMEOUT);
    start(&writer, ends[0], READINESS_WRITE, NO_TIMEOUT);
    turn();
    assert_false(reader.has_ended || writer.has_ended);
    assert_int_equal(watched(), 1);
    drain(ends[1]);
    turn();
    assert_true(writer.has_ended);
    assert_int_equal(writer.ready, READINESS_WRITE);
    assert_false(reader.has_ended);
    assert_int_equal(watched(), 1);
    say(ends[1]);
    loop_run(world);
    assert_int_equal(reader.ready, READINESS_READ);
    assert_int_equal(watched(), 0);
}

static void the_other_direction_outlives_a_timeout(void **state)
{
    attempt reader, writer;

    (void)state;
    fill(ends[0]);
    start(&reader, ends[0], READINESS_READ, NO_TIMEOUT);
    start(&writer, ends[0], READINESS_WRITE, 0);
    while (!writer.has_ended)
        turn();
    assert_int_equal(writer.status, CSGI_ETIMEDOUT);
    assert_false(reader.has_ended);
    assert_int_equal(watched(), 1);
    say(ends[1]);
    loop_run(world);
    assert_int_equal(reader.status, CSGI_OK);
}

static void a_second_waiter_for_the_same_is_refused(void **state)
{
    attempt first, second, both;

    (void)state;
    start(&first, ends[0], READINESS_READ, NO_TIMEOUT);
    turn();
    start(&second, ends[0], READINESS_READ, NO_TIMEOUT);
    start(&both, ends[0], BOTH, NO_TIMEOUT);
    turn();
    assert_int_equal(second.status, CSGI_EBUSY);
    assert_int_equal(both.status, CSGI_EBUSY);
    assert_false(first.has_ended);
    say(ends[1]);
    loop_run(world);
    assert_int_equal(first.status, CSGI_OK);
}

static void what_cannot_be_waited_for_is_refused(void **state)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
        folder = open("/", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(attempt_alone(-1, READINESS_READ, 0).status, CSGI_EINVAL);
    assert_int_equal(attempt_alone(INT32_MAX, READINESS_READ, 0).status, CSGI_EINVAL);
    assert_int_equal(attempt_alone(63, READINESS_READ, 0).status, CSGI_EINVAL);
    assert_int_equal(attempt_alone(file, READINESS_READ, 0).status, CSGI_EINVAL);
    assert_int_equal(attempt_alone(folder, READINESS_READ, 0).status, CSGI_EINVAL);
    assert_int_equal(attempt_alone(world->readiness.set, READINESS_READ, 0).status, CSGI_EINVAL);
    assert_int_equal(attempt_alone(ends[0], 0, 0).status, CSGI_EINVAL);
    assert_int_equal(attempt_alone(ends[0], 4, 0).status, CSGI_EINVAL);
    assert_int_equal(attempt_alone(ends[0], BOTH, 0).status, CSGI_OK);
    close(file);
    close(folder);
}

static void a_descriptor_closed_under_its_waiter_ends_by_the_timeout(void **state)
{
    attempt got;
    int fd = dup(ends[0]);

    (void)state;
    start(&got, fd, READINESS_READ, 30);
    turn();
    close(fd);
    say(ends[1]); /* ends[0] keeps the socket open, so the kernel still tells of it */
    loop_run(world);
    assert_true(got.status == CSGI_OK || got.status == CSGI_ETIMEDOUT);
    start(&got, ends[0], READINESS_READ, 5);
    turn();
    drain(ends[0]);
    close(ends[0]);
    loop_run(world);
    assert_true(got.has_ended);
    ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void a_reused_number_wakes_only_who_waits_for_the_new_one(void **state)
{
    attempt old, new;
    int others[2], kept = dup(ends[0]);

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, others), 0);
    start(&old, ends[0], READINESS_READ, NO_TIMEOUT);
    turn();
    assert_int_equal(dup3(others[0], ends[0], O_CLOEXEC), ends[0]); /* another under its number */
    start(&new, ends[0], READINESS_READ, NO_TIMEOUT);
    turn();
    assert_true(old.has_ended);
    assert_int_equal(old.status, CSGI_ESTATE);
    say(ends[1]); /* what the old one waited for */
    turn();
    assert_false(new.has_ended);
    say(others[1]);
    loop_run(world);
    assert_int_equal(new.status, CSGI_OK);
    close(others[0]);
    close(others[1]);
    close(kept);
}

static void a_number_that_is_the_old_one_again_works(void **state)
{
    attempt got;
    int fd = dup(ends[0]);

    (void)state;
    start(&got, fd, READINESS_READ, 1);
    turn();
    close(fd); /* it cannot be taken out of the set: ends[0] is the same socket */
    loop_run(world);
    assert_int_equal(got.status, CSGI_ETIMEDOUT);
    assert_int_equal(dup3(ends[0], fd, O_CLOEXEC), fd);
    say(ends[1]);
    assert_int_equal(attempt_alone(fd, READINESS_READ, NO_TIMEOUT).status, CSGI_OK);
    assert_int_equal(watched(), 0);
    close(fd);
}

#define CROWD 200

static void many_are_woken_at_once(void **state)
{
    static attempt got[CROWD];
    static int pairs[CROWD][2];

    (void)state;
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(pipe2(pairs[i], O_CLOEXEC), 0);
        start(&got[i], pairs[i][0], READINESS_READ, NO_TIMEOUT);
    }
    turn();
    assert_int_equal(watched(), CROWD);
    for (int i = 0; i < CROWD; i++)
        say(pairs[i][1]);
    loop_run(world);
    for (int i = 0; i < CROWD; i++) {
        assert_true(got[i].has_ended && got[i].status == CSGI_OK);
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    assert_int_equal(watched(), 0);
}

static csgi_status wait_ten_thousand_times(void *arg)
{
    size_t before = failing_malloc_count();
    unsigned ready = 0;

    (void)arg;
    for (int i = 0; i < 10000; i++) {
        bool is_in = i % 2;

        assert_int_equal(readiness_wait(world, ends[0], is_in ? READINESS_READ : READINESS_WRITE,
                                        is_in ? 0 : NO_TIMEOUT, &ready),
                         is_in ? CSGI_ETIMEDOUT : CSGI_OK);
        if (i == 0) before = failing_malloc_count();
    }
    assert_int_equal(failing_malloc_count(), before);
    return 0;
}

static void ten_thousand_waits_leave_nothing_behind(void **state)
{
    (void)state;
    assert_int_equal(task_spawn(world, &label, 0, wait_ten_thousand_times, NULL, NULL, NULL), 0);
    loop_run(world);
    assert_int_equal(watched(), 0);
    assert_int_equal(world->readiness.waiters, 0);
}

static void without_memory_nobody_waits(void **state)
{
    attempt got;
    size_t n = 0;

    (void)state;
    say(ends[1]);
    for (;; n++) {
        start(&got, ends[0], READINESS_READ, NO_TIMEOUT);
        failing_malloc_after(n);
        loop_run(world);
        if (!failing_malloc_off()) break;
        assert_int_equal(got.status, CSGI_ENOMEM);
    }
    assert_int_equal(got.status, CSGI_OK);
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(what_is_ready_already_is_told),
        TEST(what_comes_later_wakes_the_waiter),
        TEST(a_hang_up_counts_as_what_was_wanted),
        TEST(a_timeout_passes),
        TEST(a_timeout_of_zero_looks),
        TEST(a_cancelled_waiter_leaves_the_descriptor_to_others),
        TEST(a_cancelled_task_is_told_so_whatever_is_ready),
        TEST(one_may_read_and_another_write),
        TEST(the_other_direction_outlives_a_timeout),
        TEST(a_second_waiter_for_the_same_is_refused),
        TEST(what_cannot_be_waited_for_is_refused),
        TEST(a_descriptor_closed_under_its_waiter_ends_by_the_timeout),
        TEST(a_reused_number_wakes_only_who_waits_for_the_new_one),
        TEST(a_number_that_is_the_old_one_again_works),
        TEST(many_are_woken_at_once),
        TEST(ten_thousand_waits_leave_nothing_behind),
        TEST(without_memory_nobody_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
