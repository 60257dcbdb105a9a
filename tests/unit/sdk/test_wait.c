/* SPDX-License-Identifier: MIT
 * The framework's waiting: for descriptors, threads and files, and several things at once. */
#include <csgi/web.h>

#include "fake_host.h"

#include "failing_malloc.h"

/* ---- descriptors ---- */

CSGI_GET(wait_for, "/wait", CSGI_QUERY_INT("ms", .default_value = "50"));

static csgi_status wait_for(csgi_call *call)
{
    uint32_t ready =
        csgi_wait_fd(call, 7, CSGI_READABLE | CSGI_WRITABLE, csgi_query_int(call, "ms"));

    if (!ready) assert_true(csgi_failed(call));
    return csgi_reply_json(call, 200, "{'ready': %u}", ready);
}

/* ---- threads and files ---- */

static csgi_status double_it(void *arg)
{
    int *number = arg;

    if (*number < 0) return CSGI_EPROTO;
    *number *= 2;
    return CSGI_OK;
}

CSGI_GET(compute, "/compute", CSGI_QUERY_INT("n"));

static csgi_status compute(csgi_call *call)
{
    int number = (int)csgi_query_int(call, "n");

    csgi_offload(call, double_it, &number);
    return csgi_reply_json(call, 200, "%d", number);
}

CSGI_GET(read_it, "/read");

static csgi_status read_it(csgi_call *call)
{
    size_t length = 99;
    const char *text = csgi_read_file(call, "prices.csv", &length);

    assert_int_equal(length, strlen(text));
    assert_string_equal(csgi_read_file(call, "prices.csv", NULL), text);
    return csgi_reply_json(call, 200, "{'text': %s, 'length': %zu}", text, length);
}

/* ---- several at once ---- */

static csgi_status add_one(csgi_call *call, void *arg)
{
    int *number = arg;

    if (*number < 0) return csgi_fail(call, 409, "no %d", *number);
    if (*number == 13) return CSGI_EPROTO;
    csgi_sleep(call, 1);
    if (*number == 100) assert_int_equal(csgi_catch(call), 409); /* which is the other's */
    *number += 1;
    return CSGI_OK;
}

static csgi_status add_ten(csgi_call *call, void *arg)
{
    (void)call;
    *(int *)arg += 10;
    return CSGI_OK;
}

CSGI_GET(add, "/add", CSGI_QUERY_INT("a"), CSGI_QUERY_INT("b"));

static csgi_status add(csgi_call *call)
{
    int each[] = { (int)csgi_query_int(call, "a"), (int)csgi_query_int(call, "b") };

    csgi_each(call, add_one, each, 2);
    return csgi_reply_json(call, 200, "[%d, %d]", each[0], each[1]);
}

CSGI_GET(mix, "/mix", CSGI_QUERY_INT("a"), CSGI_QUERY_INT("b"));

static csgi_status mix(csgi_call *call)
{
    int a = (int)csgi_query_int(call, "a"), b = (int)csgi_query_int(call, "b");
    csgi_status status = csgi_together(call, { add_one, &a }, { add_ten, &b });

    assert_int_equal(status != CSGI_OK, csgi_failed(call) != 0);
    return csgi_reply_json(call, 200, "[%d, %d]", a, b);
}

CSGI_WEB_PLUGIN("test_wait", "1.0.0", "", CSGI_ROUTES(wait_for, compute, read_it, add, mix));

static int begin(void **state)
{
    (void)state;
    memset(&fake_wait, 0, sizeof(fake_wait));
    fake_wait.content = "a,1";
    fake_wait.ready = CSGI_READABLE;
    return 0;
}

static void assert_fails(const char *endpoint, const char *query, uint32_t status,
                         const char *detail)
{
    char body[128];

    snprintf(body, sizeof(body), "{\"detail\":\"%s\"}", detail);
    assert_answer(endpoint, query, NULL, status, body);
}

static void a_descriptor_is_waited_for_and_says_what_it_is_ready_for(void **state)
{
    (void)state;
    assert_answer("wait_for", "", NULL, 200, "{\"ready\":1}");
    assert_int_equal(fake_wait.fd, 7);
    assert_int_equal(fake_wait.wanted, CSGI_READABLE | CSGI_WRITABLE);
    assert_int_equal(fake_wait.timeout_ms, 50);
    assert_answer("wait_for", "ms=0", NULL, 200, "{\"ready\":1}");
    assert_true(fake_wait.timeout_ms == CSGI_NO_TIMEOUT);
}

static void a_wait_that_fails_is_the_calls_answer(void **state)
{
    (void)state;
    fake_wait.fails_with = CSGI_ETIMEDOUT;
    assert_fails("wait_for", "", 504, "It took too long");
    fake_wait.fails_with = CSGI_EINVAL;
    assert_fails("wait_for", "", 500, "Internal Server Error");
    assert_non_null(strstr(fake_log_text, "csgi_wait_fd, in wait_for: the fake wait says so"));
    fake_wait.is_missing = 1;
    assert_fails("wait_for", "", 500, "Internal Server Error");
    assert_non_null(strstr(fake_log_text, "no way to wait"));
}

static void a_cancelled_wait_ends_the_call_without_an_answer(void **state)
{
    fake_call call;

    (void)state;
    fake_wait.fails_with = CSGI_ECANCELED;
    assert_int_equal(fake_get_once(&call, "wait_for", "", NULL), CSGI_ECANCELED);
    assert_int_equal(call.status, 0);
    fake_call_fini(&call);
}

static void a_function_runs_elsewhere_and_its_failure_sticks(void **state)
{
    fake_call call;

    (void)state;
    assert_answer("compute", "n=21", NULL, 200, "42");
    assert_int_equal(fake_get_once(&call, "compute", "n=-1", NULL), CSGI_EPROTO);
    fake_call_fini(&call);
    fake_wait.fails_with = CSGI_ELIMIT;
    assert_fails("compute", "n=21", 503, "The server is busy");
    assert_non_null(strstr(fake_log_text, "csgi_offload, in compute: the fake wait says so"));
}

static void a_file_is_read_and_one_that_cannot_be_is_a_500_with_the_reason_in_the_log(void **state)
{
    (void)state;
    assert_answer("read_it", "", NULL, 200, "{\"text\":\"a,1\",\"length\":3}");
    assert_true(fake_wait.max_size == CSGI_READ_FILE_MAX);
    fake_wait.fails_with = CSGI_EFAIL;
    assert_fails("read_it", "", 500, "Internal Server Error");
    fake_wait.fails_with = CSGI_ELIMIT;
    assert_fails("read_it", "", 500, "Internal Server Error");
    assert_non_null(strstr(fake_log_text, "csgi_read_file, in read_it: the fake wait says so"));
}

static void parts_run_together_and_all_have_ended_before_the_reply(void **state)
{
    (void)state;
    assert_answer("add", "a=1&b=2", NULL, 200, "[2,3]");
    assert_answer("mix", "a=1&b=2", NULL, 200, "[2,12]");
    assert_int_equal(fake_wait.open_groups, 0);
    assert_int_equal(fake_wait.cancelled, 0);
}

static void the_first_failure_is_the_calls_and_stays(void **state)
{
    fake_call call;

    (void)state;
    assert_fails("add", "a=-1&b=2", 409, "no -1");
    assert_null(strstr(fake_log_text, "several things at once")); /* a 409 is no error of ours */
    assert_fails("mix", "a=-5&b=2", 409, "no -5");
    assert_fails("add", "a=2&b=-3", 409, "no -3");
    assert_fails("add", "a=100&b=-3", 409, "no -3");
    assert_int_equal(fake_get_once(&call, "add", "a=13&b=-1", NULL), CSGI_EPROTO);
    fake_call_fini(&call);
}

static void without_tasks_it_is_said_and_nothing_stays_open(void **state)
{
    (void)state;
    fake_wait.group_fails_with = CSGI_ELIMIT;
    assert_fails("add", "a=1&b=2", 503, "The server is busy");
    assert_int_equal(fake_wait.cancelled, 1);
    assert_int_equal(fake_wait.open_groups, 0);
    begin(NULL);
    fake_wait.is_missing = 1;
    assert_fails("add", "a=1&b=2", 500, "Internal Server Error");
    assert_non_null(strstr(fake_log_text, "no groups of tasks"));
}

static void without_memory_the_call_ends_with_that(void **state)
{
    fake_call call;
    void *instance;
    csgi_status status;
    size_t n;

    (void)state;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    for (n = 0;; n++) {
        fake_call_init(&call, CSGI_HTTP);
        failing_malloc_after(n);
        status = fake_get(&call, instance, "mix", "a=1&b=2", NULL);
        fake_call_fini(&call);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
    }
    assert_int_equal(status, CSGI_OK);
    assert_true(n > 1);
    fake_wait.group_fails_with = CSGI_ENOMEM;
    fake_call_init(&call, CSGI_HTTP);
    assert_int_equal(fake_get(&call, instance, "mix", "a=1&b=2", NULL), CSGI_ENOMEM);
    fake_call_fini(&call);
    fake_destroy(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, begin)
        TEST(a_descriptor_is_waited_for_and_says_what_it_is_ready_for),
        TEST(a_wait_that_fails_is_the_calls_answer),
        TEST(a_cancelled_wait_ends_the_call_without_an_answer),
        TEST(a_function_runs_elsewhere_and_its_failure_sticks),
        TEST(a_file_is_read_and_one_that_cannot_be_is_a_500_with_the_reason_in_the_log),
        TEST(parts_run_together_and_all_have_ended_before_the_reply),
        TEST(the_first_failure_is_the_calls_and_stays),
        TEST(without_tasks_it_is_said_and_nothing_stays_open),
        TEST(without_memory_the_call_ends_with_that),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
