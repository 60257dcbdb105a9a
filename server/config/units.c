/* SPDX-License-Identifier: MIT
 * Durations and sizes as people write them. */
#include "config/units.h"

#include "base/check.h"
#include "base/str.h"

typedef struct unit {
    csgi_str suffix;
    uint64_t factor;
} unit;

/* Splits the unit off; without one, the last of the units counts. False: an unknown unit. */
static bool split_unit(csgi_str *text, const unit *units, size_t count, uint64_t *factor)
{
    size_t digits = 0;
    csgi_str suffix;

    while (digits < text->len &&
           ((text->ptr[digits] >= '0' && text->ptr[digits] <= '9') || text->ptr[digits] == '.'))
        digits++;
    suffix = str_slice(*text, digits, SIZE_MAX);
    *text = str_slice(*text, 0, digits);
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(suffix, units[i].suffix)) continue;
        *factor = units[i].factor;
        return true;
    }
    return false;
}

bool parse_duration_ms(csgi_str text, uint64_t *ms)
{
    static const unit units[] = { { CSGI_STR("ms"), 1 },
                                  { CSGI_STR("s"), 1000 },
                                  { CSGI_STR("m"), 60000 },
                                  { CSGI_STR("h"), 3600000 },
                                  { CSGI_STR(""), 1000 } };
    uint64_t factor, whole, thousandths = 0;
    size_t point;
    csgi_str fraction;

    if (!split_unit(&text, units, COUNT_OF(units), &factor)) return false;
    point = str_find_char(text, '.');
    fraction = str_slice(text, point + 1, SIZE_MAX);
    if (!str_parse_u64(str_slice(text, 0, point), &whole)) return false;
    if (point < text.len) {
        static const uint64_t scale[] = { 0, 100, 10, 1 };

        if (fraction.len > 3 || factor == 1 || !str_parse_u64(fraction, &thousandths)) return false;
        thousandths *= scale[fraction.len];
    }
    return !__builtin_mul_overflow(whole, factor, &whole) &&
           !__builtin_add_overflow(whole, thousandths * factor / 1000, ms);
}

bool parse_size(csgi_str text, uint64_t *bytes)
{
    static const unit units[] = { { CSGI_STR("KiB"), UINT64_C(1) << 10 },
                                  { CSGI_STR("MiB"), UINT64_C(1) << 20 },
                                  { CSGI_STR("GiB"), UINT64_C(1) << 30 },
                                  { CSGI_STR(""), 1 } };
    uint64_t factor, whole;

    return split_unit(&text, units, COUNT_OF(units), &factor) && str_parse_u64(text, &whole) &&
           !__builtin_mul_overflow(whole, factor, bytes);
}
