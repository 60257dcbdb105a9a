/* SPDX-License-Identifier: MIT
 * Asking again: what, how often, and after what pause. */
#include "policy_rig.h"

#include <time.h>

#include "client/retry.h"

/* What a mock answers, one after the other, the last one again and again; 7: it cannot be
 * reached; 8: it dies unanswered; 9: it is too slow. */
typedef struct script {
    const uint32_t *statuses;
    size_t next, calls;
    const char *retry_after;
} script;

static csgi_status play(void *arg, csgi_arena *memory, const csgi_client_request *request,
                        const csgi_client_response **response)
{
    static csgi_client_response answer;
    static csgi_field field = { CSGI_STR("Retry-After"), { NULL, 0 }, 0, 0 };
    script *self = arg;
    uint32_t status = self->statuses[self->next];

    (void)memory, (void)request;
    self->calls++;
    if (self->statuses[self->next + 1]) self->next++;
    if (status == 7) return CSGI_EUNREACH;
    if (status == 8) return CSGI_EPROTO;
    if (status == 9) return CSGI_ETIMEDOUT;
    field.value = str_from(self->retry_after);
    answer = (csgi_client_response){ .size = sizeof answer,
                                     .status = status,
                                     .headers = { &field, self->retry_after ? 1 : 0 },
                                     .body = STR("played") };
    *response = &answer;
    return CSGI_OK;
}

/* Asks by that method; the outcome is in *now, whose settings are to be released. */
static void ask(rig *bench, governed *now, script *from, const char *method, uint32_t flags)
{
    govern(bench, now, "http://h/");
    now->with =
        settle((csgi_client_options){ .flags = flags, .transport = play, .transport_arg = from });
    now->plain.request.method = str_from(method);
    run_governed(now);
}

static void expect(const uint32_t *statuses, const char *method, uint32_t flags, uint32_t status,
                   uint32_t retries)
{
    script from = { .statuses = statuses, .retry_after = "0" };
    rig bench;
    governed now;

    begin(&bench, NULL, NULL);
    ask(&bench, &now, &from, method, flags);
    assert_int_equal(now.plain.status, CSGI_OK);
    assert_int_equal(now.plain.response->status, status);
    assert_int_equal(now.plain.response->retries, retries);
    assert_int_equal(from.calls, retries + 1);
    if (statuses[0] > 9) assert_int_equal(now.dropped, retries);
    end_governed(&now);
    finish(&bench);
}

static void what_passes_by_itself_is_asked_again_two_times(void **state)
{
    static const uint32_t all[][4] = { { 429, 200 }, { 502, 200 }, { 503, 200 }, { 504, 200 } };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        expect(all[i], "GET", CSGI_CLIENT_RETRY, 200, 1);
    expect((uint32_t[]){ 503, 503, 200, 0 }, "GET", CSGI_CLIENT_RETRY, 200, 2);
    expect((uint32_t[]){ 503, 503, 502, 200, 0 }, "GET", CSGI_CLIENT_RETRY, 502, 2);
}

static void other_answers_and_methods_and_clients_are_not_asked_again(void **state)
{
    (void)state;
    expect((uint32_t[]){ 500, 200, 0 }, "GET", CSGI_CLIENT_RETRY, 500, 0);
    expect((uint32_t[]){ 501, 200, 0 }, "GET", CSGI_CLIENT_RETRY, 501, 0);
    expect((uint32_t[]){ 505, 200, 0 }, "GET", CSGI_CLIENT_RETRY, 505, 0);
    expect((uint32_t[]){ 428, 200, 0 }, "GET", CSGI_CLIENT_RETRY, 428, 0);
    expect((uint32_t[]){ 503, 200, 0 }, "POST", CSGI_CLIENT_RETRY, 503, 0);
    expect((uint32_t[]){ 503, 200, 0 }, "PATCH", CSGI_CLIENT_RETRY, 503, 0);
    expect((uint32_t[]){ 503, 200, 0 }, "GET", 0, 503, 0);
    expect((uint32_t[]){ 503, 200, 0 }, "PUT", CSGI_CLIENT_RETRY, 200, 1);
    expect((uint32_t[]){ 503, 200, 0 }, "DELETE", CSGI_CLIENT_RETRY, 200, 1);
}

static void max_retries_is_how_often(void **state)
{
    static const uint32_t always[] = { 503, 0 };
    script from = { .statuses = always, .retry_after = "0" };
    rig bench;
    governed now;

    (void)state;
    begin(&bench, NULL, NULL);
    govern(&bench, &now, "http://h/");
    now.with = settle((csgi_client_options){
        .flags = CSGI_CLIENT_RETRY, .max_retries = 5, .transport = play, .transport_arg = &from });
    run_governed(&now);
    assert_int_equal(now.plain.response->retries, 5);
    assert_int_equal(from.calls, 6);
    end_governed(&now);
    finish(&bench);
}

static void what_never_went_out_is_tried_again_whatever_its_method(void **state)
{
    (void)state;
    expect((uint32_t[]){ 7, 200, 0 }, "GET", CSGI_CLIENT_RETRY, 200, 1);
    expect((uint32_t[]){ 7, 200, 0 }, "POST", CSGI_CLIENT_RETRY, 200, 1);
    expect((uint32_t[]){ 8, 200, 0 }, "GET", CSGI_CLIENT_RETRY, 200, 1);
}

static void expect_error(const uint32_t *statuses, const char *method, csgi_status status,
                         size_t calls)
{
    script from = { .statuses = statuses };
    rig bench;
    governed now;

    begin(&bench, NULL, NULL);
    ask(&bench, &now, &from, method, CSGI_CLIENT_RETRY);
    assert_int_equal(from.calls, calls);
    settings_release(now.with);
    assert_failed(&now.plain, status, "the client's transport function failed with ");
    finish(&bench);
}

static void what_may_have_been_done_is_not_done_twice(void **state)
{
    (void)state;
    expect_error((uint32_t[]){ 8, 200, 0 }, "POST", CSGI_EPROTO, 1);
    expect_error((uint32_t[]){ 9, 200, 0 }, "GET", CSGI_ETIMEDOUT, 1);
    expect_error((uint32_t[]){ 7, 7, 7, 200, 0 }, "GET", CSGI_EUNREACH, 3);
}

static void a_pause_that_does_not_fit_is_not_made(void **state)
{
    static const uint32_t statuses[] = { 503, 200, 0 };
    script from = { .statuses = statuses, .retry_after = "60" };
    rig bench;
    governed now;

    (void)state;
    begin(&bench, NULL, NULL);
    govern(&bench, &now, "http://h/");
    now.with = settle((csgi_client_options){
        .flags = CSGI_CLIENT_RETRY, .transport = play, .transport_arg = &from });
    now.plain.deadline_ms = loop_now_ms(bench.loop) + 50000;
    run_governed(&now);
    assert_int_equal(now.plain.response->status, 503);
    assert_string_equal(now.plain.response->body.ptr, "played");
    assert_int_equal(now.plain.response->retries, 0);
    end_governed(&now);
    finish(&bench);
}

static void a_task_that_is_cancelled_in_a_pause_gives_up(void **state)
{
    static const uint32_t statuses[] = { 503, 200, 0 };
    script from = { .statuses = statuses, .retry_after = "5" };
    rig bench;
    governed now;

    (void)state;
    begin(&bench, NULL, NULL);
    cancel_soon(&bench, 10);
    ask(&bench, &now, &from, "GET", CSGI_CLIENT_RETRY);
    settings_release(now.with);
    assert_failed(&now.plain, CSGI_ECANCELED,
                  "given up before trying again: the task is cancelled");
    assert_int_equal(from.calls, 1);
    finish(&bench);
}

/* The first connection is closed with no answer. */
static void say_at_second(int fd, int number)
{
    if (number > 0)
        say_hi(fd, number);
    else
        skip_request(fd);
}

static void a_connection_that_dies_unanswered_is_tried_again(void **state)
{
    rig bench;
    governed now;

    (void)state;
    begin(&bench, say_at_second, NULL);
    govern(&bench, &now, "/");
    now.plain.request.flags = CSGI_CLIENT_RETRY;
    run_governed(&now);
    assert_int_equal(now.plain.status, CSGI_OK);
    assert_int_equal(now.plain.response->retries, 1);
    done(&now.plain);
    finish(&bench);
}

static void a_post_that_dies_unanswered_is_not_tried_again(void **state)
{
    rig bench;
    governed now;

    (void)state;
    begin(&bench, say_at_second, NULL);
    govern(&bench, &now, "/");
    now.plain.request.flags = CSGI_CLIENT_RETRY;
    now.plain.request.method = STR("POST");
    run_governed(&now);
    assert_failed(&now.plain, CSGI_EPROTO, "closed without an answer");
    assert_int_equal(now.carried, 1);
    finish(&bench);
}

static void a_server_that_cannot_be_reached_is_tried_three_times(void **state)
{
    rig bench;
    governed now;

    (void)state;
    begin(&bench, NULL, NULL);
    govern(&bench, &now, "http://127.0.0.1:1/");
    now.plain.request.flags = CSGI_CLIENT_RETRY;
    run_governed(&now);
    assert_failed(&now.plain, CSGI_EUNREACH, "http://127.0.0.1:1: ");
    assert_int_equal(now.carried, 3);
    finish(&bench);
}

static void hang(int fd, int number)
{
    (void)number;
    skip_request(fd);
    skip_request(fd);
}

static void all_tries_together_have_the_total_timeout(void **state)
{
    rig bench;
    governed now;

    (void)state;
    begin(&bench, hang, NULL);
    govern(&bench, &now, "/");
    now.plain.request.flags = CSGI_CLIENT_RETRY;
    now.plain.request.total_timeout_ms = 60;
    run_governed(&now);
    assert_failed(&now.plain, CSGI_ETIMEDOUT, "not done within 60 ms (total timeout)");
    finish(&bench);
}

/* ---- pauses ---- */

static uint64_t pause_for(const char *retry_after)
{
    const csgi_field field = { CSGI_STR("retry-after"), str_from(retry_after), 0, 0 };
    const csgi_client_response answer = { .headers = { &field, 1 } };

    return retry_pause_ms(0, &answer, UINT64_MAX);
}

static void retry_after_is_a_number_of_seconds_or_a_date(void **state)
{
    char date[40];
    time_t soon = time(NULL) + 100;
    struct tm at;

    (void)state;
    assert_int_equal(pause_for("0"), 0);
    assert_int_equal(pause_for(" 120 "), 120000);
    assert_int_equal(pause_for("18446744073709551615"), UINT64_MAX);
    assert_int_equal(pause_for("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
    gmtime_r(&soon, &at);
    assert_true(strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &at) > 0);
    assert_in_range(pause_for(date), 90000, 100000);
}

static void without_retry_after_pauses_grow(void **state)
{
    (void)state;
    assert_true(pause_for("soon") <= RETRY_FIRST_MS);
    assert_int_equal(retry_pause_ms(0, NULL, UINT64_MAX), RETRY_FIRST_MS);
    assert_int_equal(retry_pause_ms(1, NULL, UINT64_MAX), 2 * RETRY_FIRST_MS);
    assert_int_equal(retry_pause_ms(60, NULL, UINT64_MAX), RETRY_LONGEST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_by_itself_is_asked_again_two_times),
        cmocka_unit_test(other_answers_and_methods_and_clients_are_not_asked_again),
        cmocka_unit_test(max_retries_is_how_often),
        cmocka_unit_test(what_never_went_out_is_tried_again_whatever_its_method),
        cmocka_unit_test(what_may_have_been_done_is_not_done_twice),
        cmocka_unit_test(a_pause_that_does_not_fit_is_not_made),
        cmocka_unit_test(a_task_that_is_cancelled_in_a_pause_gives_up),
        cmocka_unit_test(a_connection_that_dies_unanswered_is_tried_again),
        cmocka_unit_test(a_post_that_dies_unanswered_is_not_tried_again),
        cmocka_unit_test(a_server_that_cannot_be_reached_is_tried_three_times),
        cmocka_unit_test(all_tries_together_have_the_total_timeout),
        cmocka_unit_test(retry_after_is_a_number_of_seconds_or_a_date),
        cmocka_unit_test(without_retry_after_pauses_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
