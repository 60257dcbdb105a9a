/* SPDX-License-Identifier: MIT
 * base/base64: the examples of RFC 4648 section 10, and every digit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/str.h"

/* Into memory of just that size, so that a byte too many is seen. */
static void assert_encodes(csgi_str text, const char *want)
{
    size_t len = base64_length(text.len);
    char *out = malloc(len ? len : 1);

    assert_non_null(out);
    base64_encode(text, out);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(out, want, len);
    free(out);
}

static void the_examples_of_the_rfc_come_out(void **state)
{
    (void)state;
    assert_encodes((csgi_str){ NULL, 0 }, "");
    assert_encodes(STR("f"), "Zg==");
    assert_encodes(STR("fo"), "Zm8=");
    assert_encodes(STR("foo"), "Zm9v");
    assert_encodes(STR("foob"), "Zm9vYg==");
    assert_encodes(STR("fooba"), "Zm9vYmE=");
    assert_encodes(STR("foobar"), "Zm9vYmFy");
    assert_encodes(STR("Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

static void every_digit_is_used(void **state)
{
    unsigned char bytes[48];

    (void)state;
    for (unsigned i = 0; i < 64; i += 4) {
        unsigned char *to = bytes + i / 4 * 3;
        uint32_t group = i << 18 | (i + 1) << 12 | (i + 2) << 6 | (i + 3);

        to[0] = (unsigned char)(group >> 16);
        to[1] = (unsigned char)(group >> 8);
        to[2] = (unsigned char)group;
    }
    assert_encodes((csgi_str){ (const char *)bytes, sizeof bytes },
                   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    assert_encodes(STR("\xff\xfe\0"), "//4A");
}

static void a_length_that_overflows_is_0(void **state)
{
    (void)state;
    assert_int_equal(base64_length(SIZE_MAX), 0);
    assert_true(base64_length(SIZE_MAX / 4 * 3) == SIZE_MAX / 4 * 4);
    assert_int_equal(base64_length(SIZE_MAX / 4 * 3 + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_come_out),
        cmocka_unit_test(every_digit_is_used),
        cmocka_unit_test(a_length_that_overflows_is_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
