/* SPDX-License-Identifier: MIT
 * Set-Cookie (RFC 6265 section 5.2). */
#include "client/set_cookie.h"

#include "base/str.h"
#include "client/dates.h"

typedef struct expiry {
    bool has_max_age, has_date;
    int64_t max_age_s, date_s; /* both since 1970 */
} expiry;

/* All but tab: a cookie goes into a header again. */
static bool has_controls(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) return true;
    }
    return false;
}

/* Section 5.2.2: digits, perhaps after a minus; none or less than one second is the past. */
static bool read_max_age(csgi_str value, int64_t now_s, int64_t *expires_s)
{
    bool negative = value.len && value.ptr[0] == '-';
    csgi_str digits = str_slice(value, negative, value.len);
    uint64_t seconds;

    if (digits.len == 0) return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9') return false;
    }
    if (!str_parse_u64(digits, &seconds)) seconds = UINT64_MAX;
    if (negative || seconds == 0)
        *expires_s = INT64_MIN;
    else if (__builtin_add_overflow(now_s, seconds, expires_s))
        *expires_s = INT64_MAX;
    return true;
}

static csgi_str without_dot(csgi_str domain)
{
    return str_starts_with(domain, STR(".")) ? str_slice(domain, 1, domain.len) : domain;
}

/* Of several of a name the last one counts. */
static void read_attribute(csgi_str text, int64_t now_s, set_cookie *out, expiry *until)
{
    csgi_str value = text, name = str_trim(str_take(&value, '='));

    value = str_trim(value);
    if (value.len > COOKIE_ATTRIBUTE_MAX) return;
    if (str_eq_nocase(name, STR("secure"))) {
        out->secure = true;
    } else if (str_eq_nocase(name, STR("httponly"))) {
        out->http_only = true;
    } else if (str_eq_nocase(name, STR("domain"))) {
        if (value.len) out->domain = without_dot(value);
    } else if (str_eq_nocase(name, STR("path"))) {
        out->path = str_starts_with(value, STR("/")) ? value : (csgi_str){ NULL, 0 };
    } else if (str_eq_nocase(name, STR("max-age"))) {
        if (read_max_age(value, now_s, &until->max_age_s)) until->has_max_age = true;
    } else if (str_eq_nocase(name, STR("expires"))) {
        if (date_parse_cookie(value, &until->date_s)) until->has_date = true;
    }
}

bool set_cookie_parse(csgi_str text, int64_t now_s, set_cookie *out, const char **why)
{
    set_cookie found = { .expires_s = INT64_MAX };
    expiry until = { .has_date = false };
    csgi_str rest = text, pair = str_take(&rest, ';');
    size_t equals = str_find_char(pair, '=');

    found.name = str_trim(str_slice(pair, 0, equals));
    found.value = str_trim(str_slice(pair, equals + 1, pair.len));
    *why = NULL;
    if (has_controls(text)) *why = "it has control characters";
    if (equals == pair.len || found.name.len == 0) *why = "it has no name";
    if (found.name.len + found.value.len > COOKIE_SIZE_MAX) *why = "it is larger than 4096 bytes";
    if (*why) return false;
    while (rest.len)
        read_attribute(str_take(&rest, ';'), now_s, &found, &until);
    if (until.has_max_age)
        found.expires_s = until.max_age_s;
    else if (until.has_date)
        found.expires_s = until.date_s;
    *out = found;
    return true;
}
