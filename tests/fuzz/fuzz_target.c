/* SPDX-License-Identifier: MIT
 * Any bytes as the target of a request: what is accepted is visible ASCII without a fragment, in
 * one of the forms that are served, its path in UTF-8 without NUL. */
#include "fuzz.h"

#include "../unit/http1/transcript.h"

static const request_limits limits = { 8192, 32768, 100, 1 << 20 };

static bool is_visible(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] <= ' ' || bytes[i] >= 0x7f || bytes[i] == '#') return false;
    }
    return len > 0;
}

/* The transcript has checked the strings of an accepted head. */
static void check_accepted(const uint8_t *bytes, size_t len, bool is_options)
{
    csgi_str target = { (const char *)bytes, len };

    MUST(is_visible(bytes, len));
    if (str_starts_with(target, STR("/"))) return;
    if (str_starts_with_nocase(target, STR("http://"))) return;
    if (str_starts_with_nocase(target, STR("https://"))) return;
    MUST(is_options && str_eq(target, STR("*")));
}

static void try_method(const uint8_t *bytes, size_t len, const char *method)
{
    static const char rest[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
    buffer request = { 0 }, meaning = { 0 };
    bool is_one_line = !memchr(bytes, '\n', len);

    MUST(buffer_append(&request, method, strlen(method)) == CSGI_OK);
    MUST(buffer_append(&request, bytes, len) == CSGI_OK);
    MUST(buffer_append(&request, rest, sizeof rest - 1) == CSGI_OK);
    if (transcript_of(request.bytes, request.len, 0, request.len, limits, &meaning) && is_one_line)
        check_accepted(bytes, len, method[0] == 'O');
    buffer_fini(&request);
    buffer_fini(&meaning);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0) return 0;
    try_method(bytes, len, "GET ");
    try_method(bytes, len, "OPTIONS ");
    return 0;
}
