/* SPDX-License-Identifier: MIT
 * When to ask again: Retry-After, or exponential back-off with jitter. */
#include "client/retry.h"

#include <time.h>

#include "base/str.h"
#include "client/outgoing.h"
#include "client/request.h"

/* The first pause at most, and any at most, in milliseconds; each may be twice the one before. */
#define FIRST_PAUSE_MS   200u
#define LONGEST_PAUSE_MS 10000u

bool retry_is_worth(const csgi_client_request *request, const csgi_client_response *response)
{
    uint32_t status = response->status;

    return (status == 429 || (status >= 502 && status <= 504)) &&
           request_is_idempotent(request->method);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", in seconds since 1970; the older forms that RFC 9110 section
 * 5.6.7 knows are not sent any more. False: it is none. */
static bool parse_date(csgi_str text, int64_t *seconds)
{
    static const char format[] = "%a, %d %b %Y %H:%M:%S GMT";
    struct tm parsed = { .tm_year = 0 };
    char copy[30];
    const char *end;

    if (text.len != sizeof copy - 1) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    end = strptime(copy, format, &parsed);
    if (!end || *end) return false;
    *seconds = timegm(&parsed);
    return true;
}

static bool parse_retry_after(csgi_str text, uint64_t *pause_ms)
{
    uint64_t seconds;
    int64_t until, now = time(NULL);

    if (str_parse_u64(text, &seconds)) {
        *pause_ms = seconds < UINT64_MAX / 1000 ? seconds * 1000 : UINT64_MAX;
        return true;
    }
    if (!parse_date(text, &until)) return false;
    *pause_ms = until > now ? (uint64_t)(until - now) * 1000 : 0;
    return true;
}

uint64_t retry_pause_ms(uint32_t retries, const csgi_client_response *response, uint32_t chance)
{
    const csgi_field *said =
        response ? outgoing_find_field(response->headers, STR("retry-after")) : NULL;
    uint64_t most = LONGEST_PAUSE_MS, pause_ms;

    if (said && parse_retry_after(str_trim(said->value), &pause_ms)) return pause_ms;
    if (retries < 6) most = FIRST_PAUSE_MS << retries;
    if (most > LONGEST_PAUSE_MS) most = LONGEST_PAUSE_MS;
    return most / 2 + chance % (most / 2 + 1);
}
