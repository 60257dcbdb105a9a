/* SPDX-License-Identifier: MIT
 * Status phrases, and paths percent-decoded. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "exchange/exchange.h"

static void standard_statuses_have_their_phrase(void **state)
{
    (void)state;
    assert_string_equal(http_reason_phrase(200), "OK");
    assert_string_equal(http_reason_phrase(100), "Continue");
    assert_string_equal(http_reason_phrase(404), "Not Found");
    assert_string_equal(http_reason_phrase(422), "Unprocessable Content");
    assert_string_equal(http_reason_phrase(511), "Network Authentication Required");
    assert_string_equal(http_reason_phrase(299), "Unknown");
    assert_string_equal(http_reason_phrase(0), "Unknown");
    assert_string_equal(http_reason_phrase(999), "Unknown");
}

typedef struct example {
    const char *raw, *path; /* NULL: refused */
} example;

static const example examples[] = {
    { "/", "/" },
    { "/a%20b", "/a b" },
    { "/%41%2f%2F", "/A//" },
    { "/%C3%A9", "/\xc3\xa9" },
    { "/\xc3\xa9", "/\xc3\xa9" },
    { "/+", "/+" },
    { "/%", NULL },
    { "/%4", NULL },
    { "/%4g", NULL },
    { "/%00", NULL },
    { "/a%00b", NULL },
    { "/%ff", NULL },
    { "/\xff", NULL },
    { "/%C3", NULL },
    { "/%c0%af", NULL },
    { "/%ED%A0%80", NULL },
};

static void paths_are_decoded_or_refused(void **state)
{
    arena memory;

    (void)state;
    arena_init(&memory, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        csgi_str path = { NULL, 0 };
        const char *why = NULL;
        csgi_status status = http_decode_path(&memory, str_from(examples[i].raw), &path, &why);

        if (examples[i].path) {
            assert_int_equal(status, CSGI_OK);
            assert_string_equal(path.ptr, examples[i].path);
            assert_int_equal(path.len, strlen(examples[i].path));
        } else {
            assert_int_equal(status, CSGI_EINVAL);
            assert_true(why && why[0]);
            assert_null(path.ptr);
        }
    }
    arena_reset(&memory);
}

static void a_path_without_escapes_is_not_copied(void **state)
{
    csgi_str raw = STR("/weather"), path;
    const char *why;

    (void)state;
    assert_int_equal(http_decode_path(NULL, raw, &path, &why), CSGI_OK);
    assert_ptr_equal(path.ptr, raw.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_statuses_have_their_phrase),
        cmocka_unit_test(paths_are_decoded_or_refused),
        cmocka_unit_test(a_path_without_escapes_is_not_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
