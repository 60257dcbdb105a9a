/* SPDX-License-Identifier: MIT
 * Back-off: its bounds, its spread, and Retry-After. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "client/backoff.h"

#define NOW_S ((int64_t)784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */

static void the_longest_delay_doubles_up_to_the_cap(void **state)
{
    (void)state;
    assert_int_equal(backoff_delay_ms(100, 1000, 0, UINT64_MAX), 100);
    assert_int_equal(backoff_delay_ms(100, 1000, 1, UINT64_MAX), 200);
    assert_int_equal(backoff_delay_ms(100, 1000, 3, UINT64_MAX), 800);
    assert_int_equal(backoff_delay_ms(100, 1000, 4, UINT64_MAX), 1000);
    assert_int_equal(backoff_delay_ms(100, 1000, 63, UINT64_MAX), 1000);
    assert_int_equal(backoff_delay_ms(100, 1000, 64, UINT64_MAX), 1000);
    assert_int_equal(backoff_delay_ms(100, 1000, UINT32_MAX, UINT64_MAX), 1000);
    assert_int_equal(backoff_delay_ms(100, 50, 0, UINT64_MAX), 50);
    assert_true(backoff_delay_ms(1, UINT64_MAX, 63, UINT64_MAX) == (uint64_t)1 << 63);
    assert_true(backoff_delay_ms(UINT64_MAX, UINT64_MAX, 9, UINT64_MAX) == UINT64_MAX);
    assert_int_equal(backoff_delay_ms(0, 1000, 9, UINT64_MAX), 0);
}

static void the_delay_is_spread_from_0_to_the_longest(void **state)
{
    (void)state;
    assert_int_equal(backoff_delay_ms(100, 1000, 0, 0), 0);
    assert_int_equal(backoff_delay_ms(99, 1000, 0, (uint64_t)1 << 63), 50);
    assert_int_equal(backoff_delay_ms(99, 1000, 0, (uint64_t)1 << 62), 25);
    assert_int_equal(backoff_delay_ms(1, 1000, 0, ((uint64_t)1 << 63) - 1), 0);
    assert_int_equal(backoff_delay_ms(1, 1000, 0, (uint64_t)1 << 63), 1);
}

static void assert_retry_after(const char *value, uint64_t want_ms)
{
    uint64_t got = 7;

    if (!backoff_retry_after_ms(str_from(value), NOW_S, &got)) fail_msg("'%s' is refused", value);
    assert_true(got == want_ms);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    assert_retry_after("0", 0);
    assert_retry_after(" 120\t", 120000);
    assert_retry_after("18446744073709551", 18446744073709551000u);
    assert_retry_after("18446744073709552", UINT64_MAX);
    assert_retry_after("99999999999999999999999", UINT64_MAX);
    assert_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 0);
    assert_retry_after("Sun, 06 Nov 1994 08:49:36 GMT", 0);
    assert_retry_after("Sun, 06 Nov 1994 08:49:38 GMT", 1000);
    assert_retry_after("Monday, 07-Nov-94 08:49:37 GMT", 86400000);
}

static void anything_else_is_no_retry_after(void **state)
{
    static const char *const texts[] = { "", " ", "-1", "+1", "1.5", "1 s", "soon", "06 Nov 1994" };
    uint64_t got = 7;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(backoff_retry_after_ms(str_from(texts[i]), NOW_S, &got));
    assert_int_equal(got, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_delay_doubles_up_to_the_cap),
        cmocka_unit_test(the_delay_is_spread_from_0_to_the_longest),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(anything_else_is_no_retry_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
