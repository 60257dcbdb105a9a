/* SPDX-License-Identifier: MIT
 * What the tests of blocking endpoints share. What runs on a thread only notes; the test looks at
 * it afterwards. */
#ifndef CAPRICORN_TESTS_UNIT_APP_BLOCKING_FIXTURE_H
#define CAPRICORN_TESTS_UNIT_APP_BLOCKING_FIXTURE_H

#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "app/app_set.h"
#include "app/instance.h"
#include "failing_malloc.h"

#define AROUND(name)                                                              \
    static csgi_status name(void *self, csgi_app *inner, const csgi_scope *scope, \
                            csgi_receive *receive, csgi_send *send)
#define ON_THREAD(name_text, path_text, fn)                                                        \
    {                                                                                              \
        CSGI_STR(name_text), CSGI_STR(path_text), CSGI_STR(""), CSGI_HTTP, CSGI_BLOCKING, fn, NULL \
    }
#define ON_LOOP(name_text, path_text, fn)                                              \
    {                                                                                  \
        CSGI_STR(name_text), CSGI_STR(path_text), CSGI_STR(""), CSGI_HTTP, 0, fn, NULL \
    }

static fixture world;
static pthread_t loop_thread;
static atomic_int calls;
static atomic_bool gate;

/* What failed on a thread, or nothing. */
static char wrong[256];

#define EXPECT(claim)                                                                           \
    do {                                                                                        \
        if (!(claim) && !wrong[0]) snprintf(wrong, sizeof wrong, "line %d: " #claim, __LINE__); \
    } while (0)

static inline bool is_on_loop(void)
{
    return pthread_equal(pthread_self(), loop_thread);
}

static inline void open_world(size_t threads, size_t queued)
{
    const loop_options of_loop = { .max_threads = threads, .max_queued = queued };

    wrong[0] = '\0';
    calls = 0;
    gate = false;
    loop_thread = pthread_self();
    fixture_open_with(&world, NULL, &of_loop);
}

static inline void close_world(void)
{
    if (wrong[0]) fail_msg("%s", wrong);
    fixture_close(&world);
}

static inline void serve(const char *name, const csgi_endpoint *endpoints, size_t count)
{
    fixture_add(&world, fixture_plugin(&world, name, endpoints, count));
    fixture_route(&world);
}

static inline void stop_loop(void *arg)
{
    loop_stop(arg);
}

static inline void turn(void)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(loop_post(world.loop, stop_loop, world.loop), 0);
        loop_run(world.loop);
    }
}

static inline void wait_for_calls(int count)
{
    while (calls < count)
        turn();
}

#endif
