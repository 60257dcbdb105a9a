/* SPDX-License-Identifier: MIT
 * Back-off and Retry-After. */
#include "client/backoff.h"

#include "base/str.h"
#include "client/dates.h"

static uint64_t longest(uint64_t first_ms, uint64_t max_ms, uint32_t attempt)
{
    if (first_ms == 0) return 0;
    if (attempt >= 64 || first_ms > max_ms >> attempt) return max_ms;
    return first_ms << attempt;
}

uint64_t backoff_delay_ms(uint64_t first_ms, uint64_t max_ms, uint32_t attempt, uint64_t random)
{
    unsigned __int128 choices = (unsigned __int128)longest(first_ms, max_ms, attempt) + 1;

    return (uint64_t)(choices * random >> 64);
}

static uint64_t to_ms(uint64_t seconds)
{
    return seconds > UINT64_MAX / 1000 ? UINT64_MAX : seconds * 1000;
}

/* More digits than a number holds are a long time as well. */
static bool is_number(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    }
    return text.len > 0;
}

bool backoff_retry_after_ms(csgi_str value, int64_t now_s, uint64_t *delay_ms)
{
    uint64_t seconds = UINT64_MAX;
    int64_t due_s;

    value = str_trim(value);
    if (is_number(value)) {
        if (!str_parse_u64(value, &seconds)) seconds = UINT64_MAX;
        *delay_ms = to_ms(seconds);
        return true;
    }
    if (!date_parse_http(value, now_s, &due_s)) return false;
    *delay_ms = due_s > now_s ? to_ms((uint64_t)due_s - (uint64_t)now_s) : 0;
    return true;
}
