/* SPDX-License-Identifier: MIT
 * base/escape: nothing from outside breaks a line or a JSON string, whatever the room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/escape.h"
#include "base/str.h"

static void control_bytes_become_hexadecimal(void **state)
{
    char out[64];

    (void)state;
    assert_int_equal(escape_line(out, sizeof out, STR("a\n\x1b\x7f\"\\\xff"), false), 16);
    assert_memory_equal(out, "a\\x0a\\x1b\\x7f\"\\\xff", 16);
}

static void quotes_are_escaped_when_asked(void **state)
{
    char out[64];

    (void)state;
    assert_int_equal(escape_line(out, sizeof out, STR("a\"\\"), true), 9);
    assert_memory_equal(out, "a\\x22\\x5c", 9);
}

static void json_strings_stay_strings_in_utf8(void **state)
{
    static const struct {
        csgi_str text, json;
    } cases[] = {
        { CSGI_STR("S\xc3\xa3o"), CSGI_STR("S\xc3\xa3o") },
        { CSGI_STR("\"\\/"), CSGI_STR("\\\"\\\\/") },
        { CSGI_STR("\n\x7f"), CSGI_STR("\\u000a\\u007f") },
        { CSGI_STR("a\xff\xe2\x82z"), CSGI_STR("a\\ufffd\\ufffd\\ufffdz") },
        { CSGI_STR(""), CSGI_STR("") },
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = escape_json(out, sizeof out, cases[i].text);

        assert_true(str_eq((csgi_str){ out, len }, cases[i].json));
    }
}

static void nothing_is_split_at_the_end_of_the_room(void **state)
{
    char out[8];

    (void)state;
    for (size_t room = 0; room < 4; room++)
        assert_int_equal(escape_line(out, room, STR("\n"), false), 0);
    assert_int_equal(escape_line(out, 4, STR("\n"), false), 4);
    assert_int_equal(escape_json(out, 5, STR("\n")), 0);
    assert_int_equal(escape_json(out, 6, STR("\n")), 6);
    assert_int_equal(escape_json(out, 1, STR("\"")), 0);
    assert_int_equal(escape_json(out, 2, STR("a\xc3\xa3")), 1);
    assert_int_equal(escape_json(out, 3, STR("a\xc3\xa3")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_bytes_become_hexadecimal),
        cmocka_unit_test(quotes_are_escaped_when_asked),
        cmocka_unit_test(json_strings_stay_strings_in_utf8),
        cmocka_unit_test(nothing_is_split_at_the_end_of_the_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
