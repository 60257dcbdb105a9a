/* SPDX-License-Identifier: MIT
 * The loop: running, stopping, posts from other threads, signals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "loop/timer.h"
#include "stderr_capture.h"

#define THREADS 4
#define POSTS   2000

static loop *world;
static unsigned calls;

static int begin(void **state)
{
    loop_options options = { .stall_threshold_ms = 1000 };

    (void)state;
    calls = 0;
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    loop_free(world);
    return 0;
}

static void count_call(void *arg)
{
    (void)arg;
    calls++;
}

static void an_idle_loop_ends_at_once(void **state)
{
    (void)state;
    loop_run(world);
    loop_run(world);
}

static void what_was_posted_before_runs_even_if_nothing_else_is_left(void **state)
{
    (void)state;
    assert_int_equal(loop_post(world, count_call, NULL), 0);
    loop_run(world);
    assert_int_equal(calls, 1);
}

static void post_again(void *arg)
{
    (void)arg;
    if (++calls < 3) assert_int_equal(loop_post(world, post_again, NULL), 0);
}

static void a_post_may_post(void **state)
{
    (void)state;
    assert_int_equal(loop_post(world, post_again, NULL), 0);
    loop_run(world);
    assert_int_equal(calls, 3);
}

typedef struct poster {
    pthread_t thread;
    unsigned posted, received;
    struct post {
        struct poster *poster;
        unsigned number;
    } posts[POSTS];
} poster;

static poster posters[THREADS];

static void receive_post(void *arg)
{
    struct post *post = arg;

    assert_int_equal(post->number, post->poster->received);
    post->poster->received++;
    if (++calls == THREADS * POSTS) loop_stop(world);
}

static void *post_all(void *arg)
{
    poster *self = arg;

    for (unsigned i = 0; i < POSTS; i++) {
        self->posts[i].poster = self;
        self->posts[i].number = i;
        if (loop_post(world, receive_post, &self->posts[i]) == 0) self->posted++;
    }
    return NULL;
}

static void on_forever(timer *item)
{
    timer_start(world, item, 1000);
}

static void posts_from_threads_all_arrive_in_the_order_of_each(void **state)
{
    timer keep_running;

    (void)state;
    timer_init(&keep_running, on_forever);
    timer_start(world, &keep_running, 1000);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    loop_run(world);
    timer_stop(world, &keep_running);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(posters[i].thread, NULL);
        assert_int_equal(posters[i].received, POSTS);
    }
}

static void what_is_still_posted_runs_before_the_loop_is_freed(void **state)
{
    loop_options options = { .max_tasks = 1 };
    loop *other;

    (void)state;
    assert_int_equal(loop_new(&options, &other), 0);
    assert_int_equal(loop_post(other, count_call, NULL), 0);
    loop_free(other);
    assert_int_equal(calls, 1);
}

static void stop_loop(void *arg)
{
    (void)arg;
    calls++;
    loop_stop(world);
}

static void a_stopped_loop_returns_and_can_run_again(void **state)
{
    timer keep_running;

    (void)state;
    timer_init(&keep_running, on_forever);
    timer_start(world, &keep_running, 1000);
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(loop_post(world, stop_loop, NULL), 0);
        loop_run(world);
        assert_int_equal(calls, i);
    }
    timer_stop(world, &keep_running);
}

static unsigned rounds;

static void on_round_end(void)
{
    rounds++;
}

static void each_round_has_its_end(void **state)
{
    (void)state;
    rounds = 0;
    loop_set_round_end(world, on_round_end);
    assert_int_equal(loop_post(world, count_call, NULL), 0);
    loop_run(world);
    assert_true(rounds >= 1);
}

static int last_signal;

static void on_signal(void *arg, int signum)
{
    assert_ptr_equal(arg, &last_signal);
    last_signal = signum;
    loop_stop(world);
}

static void a_watched_signal_arrives_on_the_loop(void **state)
{
    timer keep_running;

    (void)state;
    assert_int_equal(loop_watch_signal(world, SIGUSR1, on_signal, &last_signal), 0);
    assert_int_equal(loop_watch_signal(world, SIGUSR2, on_signal, &last_signal), 0);
    loop_run(world); /* a watch alone does not keep it running */
    timer_init(&keep_running, on_forever);
    timer_start(world, &keep_running, 1000);
    kill(getpid(), SIGUSR2);
    loop_run(world);
    assert_int_equal(last_signal, SIGUSR2);
    timer_stop(world, &keep_running);
    loop_close_signals(world);
}

static void a_signal_is_watched_once(void **state)
{
    const char *text;

    (void)state;
    stderr_begin();
    assert_int_equal(loop_watch_signal(world, SIGUSR1, on_signal, &last_signal), 0);
    assert_int_equal(loop_watch_signal(world, SIGUSR1, on_signal, &last_signal), CSGI_EFAIL);
    assert_int_equal(loop_watch_signal(world, SIGKILL, on_signal, &last_signal), CSGI_EFAIL);
    text = stderr_end();
    assert_non_null(strstr(text, "it is watched already"));
    assert_int_equal(count_text(text, "\n"), 2);
}

static void the_scratch_buffer_is_64_kib(void **state)
{
    (void)state;
    memset(loop_scratch(world), 1, LOOP_SCRATCH_SIZE);
    assert_non_null(loop_uv(world));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(an_idle_loop_ends_at_once),
        TEST(what_was_posted_before_runs_even_if_nothing_else_is_left),
        TEST(a_post_may_post),
        TEST(posts_from_threads_all_arrive_in_the_order_of_each),
        TEST(what_is_still_posted_runs_before_the_loop_is_freed),
        TEST(a_stopped_loop_returns_and_can_run_again),
        TEST(each_round_has_its_end),
        TEST(a_watched_signal_arrives_on_the_loop),
        TEST(a_signal_is_watched_once),
        TEST(the_scratch_buffer_is_64_kib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
