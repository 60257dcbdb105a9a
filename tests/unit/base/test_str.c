/* SPDX-License-Identifier: MIT
 * base/str: comparing, character classes, numbers, escapes, lists. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"

static void token_characters_are_those_of_rfc_9110(void **state)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool expected = alnum || (c && strchr(others, c));

        assert_int_equal(char_is_alnum(byte), alnum);
        assert_int_equal(char_is_letter(byte), alnum && c > '9');
        assert_int_equal(str_is_name((csgi_str){ &byte, 1 }), alnum || c == '_' || c == '-');
        assert_int_equal(str_is_token((csgi_str){ &byte, 1 }), expected);
    }
    assert_false(str_is_token(STR("")) || str_is_name(STR("")));
    assert_true(str_is_name(STR("weather_api-2")));
}

/* So many of a byte, between two that stay as they are. */
static void lower_all(int c, size_t len)
{
    char text[27], wanted[27];

    memset(text, 'Z', sizeof text);
    memset(wanted, 'Z', sizeof wanted);
    memset(text + 1, c, len);
    memset(wanted + 1, c >= 'A' && c <= 'Z' ? c + 32 : c, len);
    str_lower(text + 1, len);
    assert_memory_equal(text, wanted, sizeof text);
}

static void case_is_that_of_ascii_letters_alone(void **state)
{
    char text[] = "AbC-Z@[`{\xc3\x84";

    (void)state;
    str_lower(text, sizeof text - 1);
    assert_string_equal(text, "abc-z@[`{\xc3\x84");
    str_lower(NULL, 0);
    for (size_t len = 0; len <= 25; len++)
        for (int c = 0; c < 256; c++)
            lower_all(c, len);
    assert_true(str_starts_with_nocase(STR("HTTP://x"), STR("http://")));
    assert_false(str_starts_with_nocase(STR("HTTP:/"), STR("http://")));
    assert_false(str_starts_with_nocase(STR("https://"), STR("http://")));
    assert_true(str_starts_with_nocase(STR(""), STR("")));
}

static void field_values_have_no_control_bytes_but_tab(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 20; len++) {
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                char text[20];

                memset(text, at % 2 ? '\xff' : 'a', sizeof text);
                text[at] = (char)c;
                assert_int_equal(str_is_field_value((csgi_str){ text, len }),
                                 c == '\t' || (c >= 0x20 && c != 0x7f));
            }
        }
    }
}

static void utf8_is_well_formed_or_refused(void **state)
{
    static const csgi_str good[] = { CSGI_STR(""),
                                     CSGI_STR("a"),
                                     CSGI_STR("\xc2\x80"),
                                     CSGI_STR("S\xc3\xa3o"),
                                     CSGI_STR("\xe0\xa0\x80"),
                                     CSGI_STR("\xed\x9f\xbf"),
                                     CSGI_STR("\xee\x80\x80"),
                                     CSGI_STR("\xf0\x90\x80\x80"),
                                     CSGI_STR("\xf4\x8f\xbf\xbf") };
    static const csgi_str bad[] = { CSGI_STR("\x80"),
                                    CSGI_STR("\xc0\x80"),
                                    CSGI_STR("\xc1\xbf"),
                                    CSGI_STR("\xc3"),
                                    CSGI_STR("\xe0\x9f\xbf"),
                                    CSGI_STR("\xed\xa0\x80"),
                                    CSGI_STR("\xf0\x8f\xbf\xbf"),
                                    CSGI_STR("\xf4\x90\x80\x80"),
                                    CSGI_STR("\xf5\x80\x80\x80"),
                                    CSGI_STR("\xe2\x82"),
                                    CSGI_STR("\xe2\x28\xa1"),
                                    CSGI_STR("\xff") };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(str_is_utf8(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(str_is_utf8(bad[i]));
}

static void numbers_are_digits_only_and_do_not_overflow(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_true(str_parse_u64(STR("0"), &value));
    assert_int_equal(value, 0);
    assert_true(str_parse_u64(STR("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(str_parse_u64(STR("18446744073709551616"), &value));
    assert_false(str_parse_u64(STR("18446744073709551620"), &value));
    assert_false(str_parse_u64(STR("99999999999999999999"), &value));
    assert_false(str_parse_u64(STR("184467440737095516150"), &value));
    assert_true(str_parse_u64(STR("00000000000000000000000000000012"), &value));
    assert_int_equal(value, 12);
    assert_false(str_parse_u64(STR("/"), &value));
    assert_false(str_parse_u64(STR(":"), &value));
    assert_false(str_parse_u64(STR(""), &value));
    assert_false(str_parse_u64(STR("+1"), &value));
    assert_false(str_parse_u64(STR(" 1"), &value));
    assert_false(str_parse_u64(STR("1 "), &value));
    assert_false(str_parse_u64(STR("0x1"), &value));
}

static void escapes_are_decoded_or_refused(void **state)
{
    char out[32];
    size_t len;

    (void)state;
    assert_true(str_percent_decode(STR("S%C3%a3o%20Paulo"), out, &len));
    assert_int_equal(len, 10);
    assert_memory_equal(out, "S\xc3\xa3o Paulo", 10);
    assert_false(str_percent_decode(STR("%"), out, &len));
    assert_false(str_percent_decode(STR("%4"), out, &len));
    assert_false(str_percent_decode(STR("%4g"), out, &len));
    assert_true(str_percent_decode(STR("%41"), out, &len));
    assert_int_equal(len, 1);
}

static void lists_are_searched_by_element(void **state)
{
    (void)state;
    assert_true(str_list_has(STR("gzip , Chunked"), STR("chunked")));
    assert_true(str_list_has(STR("close"), STR("close")));
    assert_false(str_list_has(STR("closed"), STR("close")));
    assert_false(str_list_has(STR(""), STR("close")));
    assert_false(str_list_has(STR(" , ,"), STR("close")));
}

static void slices_are_clipped(void **state)
{
    (void)state;
    assert_true(str_eq(str_slice(STR("abc"), 1, 1), STR("b")));
    assert_true(str_eq(str_slice(STR("abc"), 1, SIZE_MAX), STR("bc")));
    assert_int_equal(str_slice(STR("abc"), 9, 1).len, 0);
    assert_int_equal(str_find_char(STR("abc"), 'c'), 2);
    assert_int_equal(str_find_char(STR("abc"), 'd'), 3);
    assert_true(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
    assert_int_equal(str_trim(STR(" \t")).len, 0);
}

static void texts_are_compared_byte_by_byte(void **state)
{
    (void)state;
    assert_true(str_compare(STR("a"), STR("b")) < 0);
    assert_true(str_compare(STR("\xff"), STR("a")) > 0);
    assert_true(str_compare(STR("ab"), STR("abc")) < 0);
    assert_true(str_compare(STR("b"), STR("abc")) > 0);
    assert_int_equal(str_compare((csgi_str){ NULL, 0 }, STR("")), 0);
}

static void parts_are_taken_up_to_the_last(void **state)
{
    csgi_str rest = STR("a,,b,"), none = { NULL, 0 };

    (void)state;
    assert_true(str_eq(str_take(&rest, ','), STR("a")));
    assert_true(str_eq(str_take(&rest, ','), STR("")));
    assert_true(str_eq(str_take(&rest, ';'), STR("b,")));
    assert_int_equal(rest.len, 0);
    assert_int_equal(str_take(&rest, ',').len, 0);
    assert_null(str_take(&none, ',').ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_characters_are_those_of_rfc_9110),
        cmocka_unit_test(case_is_that_of_ascii_letters_alone),
        cmocka_unit_test(field_values_have_no_control_bytes_but_tab),
        cmocka_unit_test(utf8_is_well_formed_or_refused),
        cmocka_unit_test(numbers_are_digits_only_and_do_not_overflow),
        cmocka_unit_test(escapes_are_decoded_or_refused),
        cmocka_unit_test(lists_are_searched_by_element),
        cmocka_unit_test(slices_are_clipped),
        cmocka_unit_test(texts_are_compared_byte_by_byte),
        cmocka_unit_test(parts_are_taken_up_to_the_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
