/* SPDX-License-Identifier: MIT
 * Dates of headers and cookies. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "base/str.h"
#include "client/dates.h"

#define RFC_EXAMPLE 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define IN_2026     ((int64_t)1790000000)

static void assert_http(const char *text, int64_t want)
{
    int64_t got = -1;

    if (!date_parse_http(str_from(text), IN_2026, &got)) fail_msg("'%s' is refused", text);
    if (got != want) fail_msg("'%s' is %lld", text, (long long)got);
}

static void assert_no_http(const char *text)
{
    int64_t got = -1;

    if (date_parse_http(str_from(text), IN_2026, &got)) fail_msg("'%s' is accepted", text);
    assert_int_equal(got, -1);
}

static void assert_cookie(const char *text, int64_t want)
{
    int64_t got = -1;

    if (!date_parse_cookie(str_from(text), &got)) fail_msg("'%s' is refused", text);
    if (got != want) fail_msg("'%s' is %lld", text, (long long)got);
}

static void assert_no_cookie(const char *text)
{
    int64_t got = -1;

    if (date_parse_cookie(str_from(text), &got)) fail_msg("'%s' is accepted", text);
    assert_int_equal(got, -1);
}

static void the_three_forms_of_http_mean_the_same(void **state)
{
    (void)state;
    assert_http("Sun, 06 Nov 1994 08:49:37 GMT", RFC_EXAMPLE);
    assert_http("Sunday, 06-Nov-94 08:49:37 GMT", RFC_EXAMPLE);
    assert_http("Sun Nov  6 08:49:37 1994", RFC_EXAMPLE);
    assert_http("Wed Nov 16 08:49:37 1994", RFC_EXAMPLE + 864000);
    assert_http("Thu, 01 Jan 1970 00:00:00 GMT", 0);
    assert_http("Wed, 31 Dec 1969 23:59:59 GMT", -1);
    assert_http("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800);
}

static void two_digits_of_a_year_are_at_most_50_years_ahead(void **state)
{
    (void)state;
    assert_http("Friday, 01-Jan-76 00:00:00 GMT", 3345062400); /* 2076 */
    assert_http("Friday, 01-Jan-77 00:00:00 GMT", 220924800);  /* 1977 */
    assert_http("Friday, 01-Jan-00 00:00:00 GMT", 946684800);
}

static void anything_else_is_no_http_date(void **state)
{
    (void)state;
    assert_no_http("");
    assert_no_http("Sun, 06 Nov 1994 08:49:37");
    assert_no_http("Sun, 06 Nov 1994 08:49:37 UTC");
    assert_no_http("Sun, 06 Nov 1994 08:49:37 GMT ");
    assert_no_http("Sun,06 Nov 1994 08:49:37 GMT");
    assert_no_http("Sux, 06 Nov 1994 08:49:37 GMT");
    assert_no_http("Sunday, 06 Nov 1994 08:49:37 GMT");
    assert_no_http("Sun, 06-Nov-94 08:49:37 GMT");
    assert_no_http("Sun, 6 Nov 1994 08:49:37 GMT");
    assert_no_http("Sun, 06 Nox 1994 08:49:37 GMT");
    assert_no_http("Sun, 00 Nov 1994 08:49:37 GMT");
    assert_no_http("Sun, 31 Nov 1994 08:49:37 GMT");
    assert_no_http("Sun, 29 Feb 1900 08:49:37 GMT");
    assert_no_http("Sun, 06 Nov 1994 24:00:00 GMT");
    assert_no_http("Sun, 06 Nov 1994 08:60:37 GMT");
    assert_no_http("Sun, 06 Nov 1994 08:49:61 GMT");
    assert_no_http("Sun, 06 Nov 0000 08:49:37 GMT");
    assert_no_http("Sun Nov 6 08:49:37 1994");
    assert_no_http("Su");
}

/* Every 5th day of 800 years, as the C library counts them. */
static void the_calendar_is_the_c_librarys(void **state)
{
    char text[40];

    (void)state;
    for (int64_t day = -134774; day < 200000; day += 5) {
        time_t seconds = (time_t)(day * 86400 + day % 86399 * (day > 0));
        struct tm parts;

        assert_non_null(gmtime_r(&seconds, &parts));
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        assert_http(text, seconds);
        assert_cookie(text, seconds);
    }
}

static void cookie_dates_are_read_leniently(void **state)
{
    (void)state;
    assert_cookie("Sun, 06 Nov 1994 08:49:37 GMT", RFC_EXAMPLE);
    assert_cookie("Sunday, 06-Nov-94 08:49:37 GMT", RFC_EXAMPLE);
    assert_cookie("Sun Nov  6 08:49:37 1994", RFC_EXAMPLE);
    assert_cookie("1994 november 6th 8:49:37.5 anything", RFC_EXAMPLE);
    assert_cookie("08:49:37 6 NOV 1994 7 dec 2000 09:00:00", RFC_EXAMPLE);
    assert_cookie("06/Nov/94;8:49:37x", RFC_EXAMPLE);
    assert_cookie("1 jan 70 0:0:0", 0);
    assert_cookie("1 jan 69 0:0:0", 3124224000);
    assert_cookie("1 jan 1601 0:0:0", -11644473600);
    assert_cookie("31 dec 9999 23:59:59", 253402300799);
}

static void cookie_dates_that_miss_something_are_none(void **state)
{
    (void)state;
    assert_no_cookie("");
    assert_no_cookie("6 Nov 1994");
    assert_no_cookie("6 1994 08:49:37");
    assert_no_cookie("Nov 1994 08:49:37");
    assert_no_cookie("6 Nov 08:49:37");
    assert_no_cookie("1 jan 1600 0:0:0");
    assert_no_cookie("1 jan 10000 0:0:0");
    assert_no_cookie("32 jan 2000 0:0:0");
    assert_no_cookie("0 jan 2000 0:0:0");
    assert_no_cookie("30 feb 2000 0:0:0");
    assert_no_cookie("1 jan 2000 24:0:0");
    assert_no_cookie("1 jan 2000 0:60:0");
    assert_no_cookie("1 jan 2000 0:0:60");
    assert_no_cookie("1 jan 2000 0:0:000");
    assert_no_cookie("1 jan 2000 0:0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_forms_of_http_mean_the_same),
        cmocka_unit_test(two_digits_of_a_year_are_at_most_50_years_ahead),
        cmocka_unit_test(anything_else_is_no_http_date),
        cmocka_unit_test(the_calendar_is_the_c_librarys),
        cmocka_unit_test(cookie_dates_are_read_leniently),
        cmocka_unit_test(cookie_dates_that_miss_something_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
