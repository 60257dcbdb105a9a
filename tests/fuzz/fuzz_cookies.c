/* SPDX-License-Identifier: MIT
 * Lines of "URL cookie": each cookie is offered from there, and then it is asked what goes there:
 * nothing that could break a header, and nothing Secure without https. */
#include "fuzz.h"

#include "base/str.h"
#include "client/cookies.h"

#define NOW_S 1000000

static void must_be_sendable(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        MUST(c == '\t' || (c >= 0x20 && c != 0x7f));
    }
}

static void try_line(cookies *jar, csgi_str line, buffer *out)
{
    csgi_str rest = line, where = str_take(&rest, ' ');
    char *copy = exact_copy(rest.ptr, rest.len);
    const char *why = NULL;
    url at;

    if (url_parse(where, &at, &why) == CSGI_OK) {
        csgi_status status = cookies_take(jar, &at, (csgi_str){ copy, rest.len }, NOW_S, &why);

        MUST(status == CSGI_OK || (status == CSGI_EINVAL && why && *why));
        out->len = 0;
        MUST(cookies_print(jar, &at, NOW_S, out) == CSGI_OK);
        must_be_sendable(buffer_str(out));
        if (!at.is_https) MUST(!str_starts_with_nocase(buffer_str(out), STR("__Secure-")));
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = exact_copy(bytes, len);
    csgi_str rest = { copy, len };
    buffer out = { .len = 0 };
    cookies jar;

    cookies_init(&jar);
    while (rest.len)
        try_line(&jar, str_take(&rest, '\n'), &out);
    MUST(jar.count <= COOKIES_MAX);
    cookies_fini(&jar);
    buffer_fini(&out);
    free(copy);
    return 0;
}
