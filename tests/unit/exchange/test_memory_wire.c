/* SPDX-License-Identifier: MIT
 * Calls in memory: the request arrives, the response is gathered, an end too early is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "exchange/memory_wire.h"
#include "failing_malloc.h"

static const task_label label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static loop *world;
static memory_call *call;
static csgi_status done_status;
static uint32_t done_code;
static buffer done_body;
static int done_times;

static int begin(void **state)
{
    loop_options options = { .max_tasks = 10 };

    (void)state;
    done_times = 0;
    done_body.len = 0;
    return loop_new(&options, &world);
}

static int end(void **state)
{
    (void)state;
    exchange_pool_clear();
    buffer_fini(&done_body);
    loop_free(world);
    return 0;
}

static void on_done(void *arg, csgi_status status, const memory_response *response)
{
    (void)arg;
    done_times++;
    done_status = status;
    done_code = response->status;
    buffer_append_str(&done_body, response->body);
    if (done_code == 201) {
        assert_memory_equal(response->headers.items[0].name.ptr, "x-mixed", 8);
    }
}

static void on_task_end(void *arg, csgi_status result)
{
    (void)result;
    exchange_app_release(arg);
}

static exchange *ask(const memory_request *request)
{
    exchange *self = NULL;

    assert_int_equal(memory_call_new(world, request, on_done, NULL, &call, &self), CSGI_OK);
    assert_ptr_equal(memory_call_exchange(call), self);
    return self;
}

static void run(exchange *self, task_fn fn)
{
    task *runner;

    assert_int_equal(task_spawn(world, &label, 0, fn, on_task_end, self, &runner), 0);
    exchange_app_hold(self, runner);
    loop_run(world);
}

static csgi_status echo(void *arg)
{
    static const csgi_field field = { CSGI_STR("X-Mixed"), CSGI_STR("v"), 0, 0 };
    exchange *self = arg;
    exchange_received kind;
    csgi_fields trailers;
    csgi_str bytes;
    const char *why;
    bool more;

    assert_string_equal(self->path.ptr, "/a b");
    assert_string_equal(self->raw_path.ptr, "/a%20b");
    assert_string_equal(self->query_string.ptr, "q=%20");
    assert_memory_equal(self->headers.items[0].name.ptr, "accept", 7);
    assert_int_equal(exchange_receive(self, &kind, &bytes, &more, &trailers), CSGI_OK);
    assert_false(more);
    assert_int_equal(exchange_start(self, 201, (csgi_fields){ &field, 1 }, &why), CSGI_OK);
    assert_int_equal(exchange_body(self, STR("got "), true, &why), CSGI_OK);
    return exchange_body(self, bytes, false, &why);
}

static void a_call_in_memory_brings_the_whole_response(void **state)
{
    static const csgi_field accept = { CSGI_STR("Accept"), CSGI_STR("*/*"), 0, 0 };
    const memory_request request = { .method = STR("POST"),
                                     .raw_path = STR("/a%20b"),
                                     .query_string = STR("q=%20"),
                                     .headers = { &accept, 1 },
                                     .body = STR("hello") };

    (void)state;
    run(ask(&request), echo);
    assert_int_equal(done_times, 1);
    assert_int_equal(done_status, CSGI_OK);
    assert_int_equal(done_code, 201);
    assert_int_equal(done_body.len, 9);
    assert_memory_equal(done_body.bytes, "got hello", 9);
    assert_null(memory_call_exchange(call));
    memory_call_free(call);
}

static csgi_status break_off(void *arg)
{
    const char *why;

    assert_int_equal(exchange_start(arg, 200, (csgi_fields){ NULL, 0 }, &why), CSGI_OK);
    assert_int_equal(exchange_body(arg, STR("half"), true, &why), CSGI_OK);
    return CSGI_EFAIL;
}

static void a_response_that_is_cut_is_told_as_such(void **state)
{
    const memory_request request = { .raw_path = STR("/") };

    (void)state;
    run(ask(&request), break_off);
    assert_int_equal(done_times, 1);
    assert_int_equal(done_status, CSGI_EDISCONNECTED);
    assert_int_equal(done_code, 200);
    memory_call_free(call);
}

static csgi_status send_five(void *arg)
{
    const char *why;

    assert_int_equal(exchange_start(arg, 200, (csgi_fields){ NULL, 0 }, &why), CSGI_OK);
    return exchange_body(arg, STR("12345"), false, &why);
}

static void a_response_over_the_limit_is_cut(void **state)
{
    const memory_request just = { .raw_path = STR("/"), .max_response_body = 5 };
    const memory_request over = { .raw_path = STR("/"), .max_response_body = 4 };

    (void)state;
    run(ask(&just), send_five);
    assert_int_equal(done_status, CSGI_OK);
    memory_call_free(call);
    run(ask(&over), send_five);
    assert_int_equal(done_status, CSGI_ELIMIT);
    memory_call_free(call);
}

static void free_call(timer *due)
{
    (void)due;
    memory_call_free(call);
}

static csgi_status wait_for_disconnect(void *arg)
{
    static timer soon;
    exchange_received kind = EXCHANGE_GOT_BODY;
    csgi_fields trailers;
    csgi_str bytes;
    bool more;

    timer_init(&soon, free_call);
    timer_start(world, &soon, 1);
    while (kind == EXCHANGE_GOT_BODY)
        assert_int_equal(exchange_receive(arg, &kind, &bytes, &more, &trailers), CSGI_OK);
    return CSGI_EDISCONNECTED;
}

static void freeing_a_running_call_is_a_disconnect(void **state)
{
    const memory_request request = { .raw_path = STR("/") };

    (void)state;
    run(ask(&request), wait_for_disconnect);
    assert_int_equal(done_times, 0);
}

static void bad_requests_are_refused(void **state)
{
    static const char *const paths[] = { "", "a", "/%zz", "/%00", "/%ff" };
    memory_request request = { .method = STR("bad method"), .raw_path = STR("/") };
    exchange *made;

    (void)state;
    assert_int_equal(memory_call_new(world, &request, on_done, NULL, &call, &made), CSGI_EINVAL);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        request = (memory_request){ .raw_path = str_from(paths[i]) };
        assert_int_equal(memory_call_new(world, &request, on_done, NULL, &call, &made),
                         CSGI_EINVAL);
    }
}

static void without_memory_there_is_no_call(void **state)
{
    const memory_request request = { .raw_path = STR("/%41"), .body = STR("hello") };
    exchange *made = NULL;

    (void)state;
    for (size_t n = 0;; n++) {
        csgi_status status;

        exchange_pool_clear();
        failing_malloc_after(n);
        status = memory_call_new(world, &request, on_done, NULL, &call, &made);
        if (!failing_malloc_off()) {
            assert_int_equal(status, CSGI_OK);
            assert_true(n >= 3);
            break;
        }
        assert_int_equal(status, CSGI_ENOMEM);
    }
    exchange_reply_error(made, 404, "Not Found", (csgi_fields){ NULL, 0 });
    exchange_app_release(made);
    assert_int_equal(done_code, 404);
    memory_call_free(call);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_in_memory_brings_the_whole_response),
        TEST(a_response_that_is_cut_is_told_as_such),
        TEST(a_response_over_the_limit_is_cut),
        TEST(freeing_a_running_call_is_a_disconnect),
        TEST(bad_requests_are_refused),
        TEST(without_memory_there_is_no_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
