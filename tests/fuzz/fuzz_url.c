/* SPDX-License-Identifier: MIT
 * Any text as the URL of an outbound request: what is accepted stays inside the text. */
#include "fuzz.h"

#include "client/url.h"

static int is_within(csgi_str part, const char *text, size_t len)
{
    return part.len == 0 || (part.ptr >= text && part.ptr + part.len <= text + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = exact_copy(bytes, len);
    const char *why = NULL;
    url parsed;

    if (url_parse((csgi_str){ text, len }, &parsed, &why) == CSGI_OK) {
        MUST(is_within(parsed.origin, text, len) && parsed.origin.len);
        MUST(is_within(parsed.target, text, len));
        MUST(memchr(parsed.host, '\0', sizeof(parsed.host)));
        MUST(parsed.is_unix ? parsed.port == 0 : parsed.port > 0 && parsed.port < 65536);
        MUST(!memchr(parsed.target.ptr, '\n', parsed.target.len));
    } else {
        MUST(why && *why);
    }
    free(text);
    return 0;
}
