/* SPDX-License-Identifier: MIT
 * Dates: their fields, and the days of the calendar. */
#include "client/dates.h"

#include <string.h>

#include "base/check.h"
#include "base/str.h"

#define DAY_S           ((int64_t)86400)
#define DAYS_IN_400     146097 /* years */
#define DAYS_TO_1970    719468 /* from the 1st of March of the year 0 */
#define COOKIE_YEAR_MIN 1601
#define YEARS_AHEAD     50

typedef struct fields {
    uint32_t year, month, day, hour, minute, second;
} fields;

/* ---- the calendar ---- */

static uint32_t days_in(uint32_t month, uint32_t year)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* The years begin in March here, so that the leap day is a year's last. */
static int64_t days_since_1970(const fields *date)
{
    uint32_t year = date->year - (date->month <= 2);
    uint32_t month = (date->month + 9) % 12;
    uint32_t of_400 = year % 400;
    uint32_t day_of_year = (153 * month + 2) / 5 + date->day - 1;

    return (int64_t)(year / 400) * DAYS_IN_400 + of_400 * 365 + of_400 / 4 - of_400 / 100 +
           day_of_year - DAYS_TO_1970;
}

/* The second 60 is a leap second, which cookies do not know. */
static bool to_seconds(const fields *date, uint32_t second_max, int64_t *seconds)
{
    if (date->month < 1 || date->month > 12 || date->year < 1) return false;
    if (date->day < 1 || date->day > days_in(date->month, date->year)) return false;
    if (date->hour > 23 || date->minute > 59 || date->second > second_max) return false;
    *seconds = days_since_1970(date) * DAY_S + date->hour * 3600 + date->minute * 60 + date->second;
    return true;
}

/* 1 to 12; 0: no month begins with these three letters. */
static uint32_t find_month(csgi_str name)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    for (uint32_t i = 0; name.len >= 3 && i < 12; i++) {
        if (str_eq_nocase(str_slice(name, 0, 3), (csgi_str){ names + i * 3, 3 })) return i + 1;
    }
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- HTTP-date ---- */

static uint32_t *field_of(fields *self, char letter)
{
    switch (letter) {
    case 'y':
        return &self->year;
    case 'd':
        return &self->day;
    case 'h':
        return &self->hour;
    case 'm':
        return &self->minute;
    case 's':
        return &self->second;
    default:
        return NULL;
    }
}

/* In the pattern y, d, h, m and s are digits of their fields, "bbb" is a month's name, and anything
 * else means itself. */
static bool match(csgi_str text, const char *pattern, fields *out)
{
    size_t at = 0;

    if (text.len != strlen(pattern)) return false;
    for (; at < text.len; at++) {
        uint32_t *field = field_of(out, pattern[at]);

        if (pattern[at] == 'b') {
            out->month = find_month(str_slice(text, at, 3));
            if (out->month == 0) return false;
            at += 2;
        } else if (field) {
            if (!is_digit(text.ptr[at])) return false;
            *field = *field * 10 + (uint32_t)(text.ptr[at] - '0');
        } else if (text.ptr[at] != pattern[at]) {
            return false;
        }
    }
    return true;
}

/* The year that ends so and is not too far ahead. */
static uint32_t full_year(uint32_t two_digits, int64_t now_s)
{
    uint32_t this_year = (uint32_t)(1970 + now_s / (DAYS_IN_400 * DAY_S / 400));
    uint32_t year = this_year / 100 * 100 + two_digits;

    if (year > this_year + YEARS_AHEAD) year -= 100;
    if (year + 100 <= this_year + YEARS_AHEAD) year += 100;
    return year;
}

static bool is_weekday(csgi_str text, bool in_full)
{
    static const csgi_str names[] = { CSGI_STR("Monday"),    CSGI_STR("Tuesday"),
                                      CSGI_STR("Wednesday"), CSGI_STR("Thursday"),
                                      CSGI_STR("Friday"),    CSGI_STR("Saturday"),
                                      CSGI_STR("Sunday") };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq(text, in_full ? names[i] : str_slice(names[i], 0, 3))) return true;
    }
    return false;
}

bool date_parse_http(csgi_str text, int64_t now_s, int64_t *seconds)
{
    fields fixed = { .year = 0 }, old = fixed, asc = fixed, asc_short = fixed;
    csgi_str rest = text, weekday = str_take(&rest, ',');

    if (weekday.len < text.len) {
        if (is_weekday(weekday, false) && match(rest, " dd bbb yyyy hh:mm:ss GMT", &fixed))
            return to_seconds(&fixed, 60, seconds);
        if (!is_weekday(weekday, true) || !match(rest, " dd-bbb-yy hh:mm:ss GMT", &old))
            return false;
        old.year = full_year(old.year, now_s);
        return to_seconds(&old, 60, seconds);
    }
    rest = str_slice(text, 3, text.len);
    if (!is_weekday(str_slice(text, 0, 3), false)) return false;
    if (match(rest, " bbb dd hh:mm:ss yyyy", &asc)) return to_seconds(&asc, 60, seconds);
    if (match(rest, " bbb  d hh:mm:ss yyyy", &asc_short))
        return to_seconds(&asc_short, 60, seconds);
    return false;
}

/* ---- a cookie's date ---- */

static bool is_delimiter(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte == 0x09 || (byte >= 0x20 && byte <= 0x2f) || (byte >= 0x3b && byte <= 0x40) ||
           (byte >= 0x5b && byte <= 0x60) || (byte >= 0x7b && byte <= 0x7e);
}

/* From least to most digits, behind which no other digit stands; moves *at behind them. */
static bool read_digits(csgi_str token, size_t *at, size_t least, size_t most, uint32_t *value)
{
    uint32_t found = 0;
    size_t len = 0;

    for (; *at + len < token.len && is_digit(token.ptr[*at + len]); len++) {
        if (len == most) return false;
        found = found * 10 + (uint32_t)(token.ptr[*at + len] - '0');
    }
    if (len < least) return false;
    *at += len;
    *value = found;
    return true;
}

static bool read_colon(csgi_str token, size_t *at)
{
    return *at < token.len && token.ptr[(*at)++] == ':';
}

static bool read_time(csgi_str token, fields *out)
{
    fields found = *out;
    size_t at = 0;

    if (!read_digits(token, &at, 1, 2, &found.hour) || !read_colon(token, &at) ||
        !read_digits(token, &at, 1, 2, &found.minute) || !read_colon(token, &at) ||
        !read_digits(token, &at, 1, 2, &found.second))
        return false;
    *out = found;
    return true;
}

typedef struct seen {
    bool time, day, month, year;
} seen;

static void read_token(csgi_str token, seen *have, fields *out)
{
    size_t at = 0;

    if (!have->time && read_time(token, out)) {
        have->time = true;
    } else if (!have->day && read_digits(token, &at, 1, 2, &out->day)) {
        have->day = true;
    } else if (!have->month && find_month(token)) {
        have->month = true;
        out->month = find_month(token);
    } else if (!have->year && read_digits(token, &at, 2, 4, &out->year)) {
        have->year = true;
    }
}

bool date_parse_cookie(csgi_str text, int64_t *seconds)
{
    fields date = { .year = 0 };
    seen have = { .time = false };

    for (size_t at = 0; at < text.len;) {
        size_t end = at;

        while (end < text.len && !is_delimiter(text.ptr[end]))
            end++;
        read_token(str_slice(text, at, end - at), &have, &date);
        at = end + 1;
    }
    if (!have.time || !have.day || !have.month || !have.year) return false;
    if (date.year < 100) date.year += date.year >= 70 ? 1900 : 2000;
    return date.year >= COOKIE_YEAR_MIN && to_seconds(&date, 59, seconds);
}
