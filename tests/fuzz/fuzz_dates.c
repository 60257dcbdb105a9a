/* SPDX-License-Identifier: MIT
 * Any text as a date: of HTTP, of cookies, in Retry-After. */
#include "fuzz.h"

#include "client/backoff.h"
#include "client/dates.h"

#define NOW_S ((int64_t)1790000000)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = exact_copy(bytes, len);
    csgi_str text = { copy, len };
    int64_t http = 0, cookie = 0;
    uint64_t delay_ms = 0;

    if (date_parse_http(text, NOW_S, &http)) {
        MUST(backoff_retry_after_ms(text, NOW_S, &delay_ms));
        MUST(delay_ms == (http > NOW_S ? (uint64_t)(http - NOW_S) * 1000 : 0));
    }
    if (date_parse_cookie(text, &cookie)) MUST(cookie >= -11644473600 && cookie <= 253402300799);
    free(copy);
    return 0;
}
