/* SPDX-License-Identifier: MIT
 * Two lines as a base URL and a reference: what comes out is clean and stays as it is when it is
 * resolved again, and only a reference that says so leaves the base's origin. */
#include "fuzz.h"

#include <stdbool.h>

#include "base/str.h"
#include "client/reference.h"
#include "client/url.h"

static csgi_str exact(const char *bytes, size_t len)
{
    return (csgi_str){ exact_copy(bytes, len), len };
}

static void must_be_clean(csgi_str text)
{
    MUST(text.ptr[text.len] == '\0');
    for (size_t i = 0; i < text.len; i++)
        MUST((unsigned char)text.ptr[i] > ' ' && (unsigned char)text.ptr[i] < 0x7f);
    MUST(!memchr(text.ptr, '#', text.len));
}

static bool has_scheme(csgi_str text)
{
    size_t colon = str_find_char(text, ':'), slash = str_find_char(text, '/');

    return colon < text.len && colon < slash;
}

static void must_stay(const url *origin, csgi_str now)
{
    const char *why = NULL;
    url parsed;

    if (url_parse(now, &parsed, &why) == CSGI_OK) MUST(url_same_origin(origin, &parsed));
}

static void try_resolve(csgi_str base, csgi_str reference, const url *origin, arena *memory)
{
    csgi_str first, again, third;
    const char *why = NULL;

    if (url_resolve(base, reference, memory, &first, &why)) {
        MUST(why && *why);
        return;
    }
    must_be_clean(first);
    reference = str_trim(reference);
    if (!has_scheme(reference) && !str_starts_with(reference, STR("//"))) must_stay(origin, first);
    MUST(url_resolve(base, first, memory, &again, &why) == CSGI_OK);
    MUST(url_resolve(base, again, memory, &third, &why) == CSGI_OK);
    MUST(str_eq(again, third));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    csgi_str rest = { (const char *)bytes, len }, line = str_take(&rest, '\n');
    csgi_str base = exact(line.ptr, line.len), reference = exact(rest.ptr, rest.len), out;
    const char *why = NULL;
    arena memory;
    url origin;

    arena_init(&memory, NULL, 0);
    if (url_parse(base, &origin, &why) == CSGI_OK) {
        try_resolve(base, reference, &origin, &memory);
        if (url_join(base, reference, &memory, &out, &why) == CSGI_OK && !has_scheme(reference))
            must_stay(&origin, out);
    } else if (url_resolve(base, reference, &memory, &out, &why) == CSGI_OK) {
        MUST(out.ptr[out.len] == '\0');
    }
    arena_reset(&memory);
    free((char *)base.ptr);
    free((char *)reference.ptr);
    return 0;
}
