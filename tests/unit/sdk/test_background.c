/* SPDX-License-Identifier: MIT
 * The framework's background work: it begins after the reply, and only if the call was well. */
#include <csgi/web.h>

#include "fake_host.h"

#include "failing_malloc.h"

static int worked_with;

static csgi_status work(csgi_call *call, void *arg)
{
    worked_with = *(int *)arg;
    if (worked_with < 0) return csgi_fail(call, 500, "no work with %d", worked_with);
    return csgi_reply_text(call, 200, "to nobody");
}

static int rounds;

static csgi_status do_round(csgi_call *call, void *arg)
{
    (void)arg;
    rounds++;
    fake_sleep_fails_with = CSGI_ECANCELED; /* it is the last */
    return csgi_fail(call, 500, "round %d", rounds);
}

CSGI_GET(begin, "/begin", CSGI_QUERY_STR("how", .default_value = ""),
         CSGI_QUERY_INT("number", .default_value = "7"));

static csgi_status begin(csgi_call *call)
{
    const char *how = csgi_query_str(call, "how");
    int number = (int)csgi_query_int(call, "number");

    if (!strcmp(how, "every")) {
        csgi_every(call, 10, do_round);
        return csgi_reply_text(call, 202, "again and again");
    }
    csgi_background(call, work, &number, sizeof(number));
    number = 0; /* it was copied */
    assert_int_equal(fake_job.started, 0);
    if (!strcmp(how, "fail")) return csgi_fail(call, 409, "no");
    if (!strcmp(how, "code")) return CSGI_EPROTO;
    return csgi_reply_text(call, 202, "later");
}

CSGI_WEB_PLUGIN("test_background", "1.0.0", "", CSGI_ROUTES(begin));

/* One call, and the job that it started, if any; returns what that returned. */
static csgi_status ask(const char *query, int started)
{
    csgi_status status = CSGI_OK;
    fake_call call;
    void *instance;

    memset(&fake_job, 0, sizeof(fake_job));
    worked_with = 0;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    fake_call_init(&call, CSGI_HTTP);
    fake_get(&call, instance, "begin", query, NULL);
    fake_call_fini(&call);
    assert_int_equal(fake_job.started, started);
    if (started) {
        fake_call_init(&call, 0);
        status = fake_job.fn(&call.scope, fake_job.arg);
        fake_call_fini(&call);
    }
    fake_destroy(instance);
    return status;
}

static void it_runs_after_the_reply_with_a_copy_of_its_argument(void **state)
{
    (void)state;
    ask("", 1);
    assert_int_equal(worked_with, 7);
    assert_string_equal(fake_job.name, "work");
    assert_int_equal(fake_job.flags, 0);
    assert_non_null(strstr(fake_log_text, "there is nobody to reply to"));
}

static void a_call_that_failed_starts_none(void **state)
{
    (void)state;
    ask("how=fail", 0);
    ask("how=code", 0);
}

static void its_failure_has_words(void **state)
{
    (void)state;
    assert_int_equal(ask("number=-1", 1), CSGI_EFAIL);
    assert_string_equal(fake_error, "no work with -1");
}

static void what_cannot_be_started_is_logged_and_the_reply_stays(void **state)
{
    fake_call call;
    void *instance;

    (void)state;
    memset(&fake_job, 0, sizeof(fake_job));
    fake_job.fails_with = CSGI_ESTATE;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    fake_call_init(&call, CSGI_HTTP);
    assert_int_equal(fake_get(&call, instance, "begin", "", NULL), CSGI_OK);
    assert_int_equal(call.status, 202);
    assert_non_null(strstr(fake_log_text, "background work could not be started"));
    fake_call_fini(&call);
    fake_destroy(instance);
}

static void every_allocation_that_fails_is_an_error_and_no_crash(void **state)
{
    csgi_status status;
    fake_call call;
    void *instance;
    size_t n;

    (void)state;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    for (n = 0;; n++) {
        memset(&fake_job, 0, sizeof(fake_job));
        fake_call_init(&call, CSGI_HTTP);
        failing_malloc_after(n);
        status = fake_get(&call, instance, "begin", "", NULL);
        fake_call_fini(&call);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
        assert_int_equal(fake_job.started, 0);
    }
    assert_int_equal(status, CSGI_OK);
    assert_true(n > 1);
    fake_call_init(&call, 0);
    fake_job.fn(&call.scope, fake_job.arg);
    fake_call_fini(&call);
    fake_destroy(instance);
}

static void a_round_without_memory_is_followed_by_the_next(void **state)
{
    (void)state;
    rounds = 0;
    fake_arenas_fail = 1;
    fake_sleep_fails_with = CSGI_OK;
    fake_log_text[0] = '\0';
    assert_int_equal(ask("how=every", 1), CSGI_ECANCELED);
    fake_sleep_fails_with = CSGI_OK;
    assert_int_equal(rounds, 1);
    assert_int_equal(fake_job.flags, CSGI_JOB_PERIODIC);
    assert_non_null(
        strstr(fake_log_text, "do_round had no memory, and is tried again in its time"));
    assert_non_null(strstr(fake_log_text, "do_round failed, and is tried again in its time"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_after_the_reply_with_a_copy_of_its_argument),
        cmocka_unit_test(a_call_that_failed_starts_none),
        cmocka_unit_test(its_failure_has_words),
        cmocka_unit_test(a_round_without_memory_is_followed_by_the_next),
        cmocka_unit_test(what_cannot_be_started_is_logged_and_the_reply_stays),
        cmocka_unit_test(every_allocation_that_fails_is_an_error_and_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
