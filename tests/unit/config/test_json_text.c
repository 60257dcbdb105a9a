/* SPDX-License-Identifier: MIT
 * Tests of config/json_text: what is JSON, where a mistake stands, and where the values do. */
#include "config/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "failing_malloc.h"

static csgi_status check(csgi_str text, buffer *problem)
{
    return json_check_object("a.json", text, problem);
}

static void an_object_passes(void **state)
{
    const char *good[] = { "{}", " {\"a\": [1, {\"b\": null}]}\r\n",
                           "{\"a\": [-0, 0.5, 1e9, -1.5E-3, true, false, \"\", {}, []]}" };
    buffer problem = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_int_equal(check(str_from(good[i]), &problem), CSGI_OK);
    assert_int_equal(problem.len, 0);
    buffer_fini(&problem);
}

static void each_mistake_is_told_with_its_line_and_column(void **state)
{
    static const struct {
        csgi_str text;
        const char *told;
    } mistakes[] = {
        { CSGI_STR(""), "1:1: found the end of the file, expected a value" },
        { CSGI_STR("{"), "1:2: found the end of the file, expected a key in double quotes" },
        { CSGI_STR("[1]"), "1:1: found an array, expected an object: {...}" },
        { CSGI_STR("\"x\""), "1:1: found \"x\", expected an object: {...}" },
        { CSGI_STR("{} {}"), "1:4: found \"{\", expected the end of the file" },
        { CSGI_STR("{\n\"a\": 1,\n\"b\" 2}"), "3:5: found \"2\", expected \":\"" },
        { CSGI_STR("{\"a\": 1 \"b\": 2}"), "1:9: found text in quotes, expected \",\" or \"}\"" },
        { CSGI_STR("{\"a\": [1 2]}"), "1:10: found \"2\", expected \",\" or \"]\"" },
        { CSGI_STR("{\"a\": 1,}"), "1:9: found \"}\", expected another key, or no comma before" },
        { CSGI_STR("{\"a\": [1,]}"), "1:10: found \"]\", expected another value, or no comma" },
        { CSGI_STR("{a: 1}"), "1:2: found \"a\", expected a key in double quotes" },
        { CSGI_STR("{\"a\": }"), "1:7: found \"}\", expected a value" },
        { CSGI_STR("{\"a\": 'b'}"), "1:7: found \"'\", expected a value (text stands in double" },
        { CSGI_STR("{\"a\": on}"), "1:7: found \"on\", expected a value (text stands in double" },
        { CSGI_STR("{\"a\": True}"), "1:7: found \"True\", expected true" },
        { CSGI_STR("{\"a\": 01}"), "1:7: found \"01\", expected a number such as 12 or 1.5" },
        { CSGI_STR("{\"a\": 1.}"), "1:7: found \"1.\", expected a number" },
        { CSGI_STR("{\"a\": 2s}"), "1:7: found \"2s\", expected a number such as 12 or 1.5, or" },
        { CSGI_STR("{\"a\": +1}"), "1:7: found \"+1\", expected a value" },
        { CSGI_STR("{\"a\": \"b\n\"}"), "1:7: found text without an end, expected \" on the" },
        { CSGI_STR("{\"a\": \"b\tc\"}"), "1:9: found a control character (0x09) in a text" },
        { CSGI_STR("{\"a\": \"C:\\dir\"}"), "1:10: found an unknown escape, expected one of" },
        { CSGI_STR("{\"a\": \"\\"), "1:8: found an unknown escape" },
        { CSGI_STR("{\"a\": \"\\u12g4\"}"), "1:8: found \"\\u\", expected four hexadecimal" },
        { CSGI_STR("{\"a\": \"\\u0000\"}"), "1:8: found \"\\u0000\", expected text without" },
        { CSGI_STR("{\"a\": \"\\ud800\"}"), "1:8: found half of a surrogate pair" },
        { CSGI_STR("{\"a\": \"\\udc00\"}"), "1:8: found half of a surrogate pair" },
        { CSGI_STR("{\"a\": \"\\ud800\\ud800\"}"), "1:8: found half of a surrogate pair" },
        { CSGI_STR("{}\0{}"), "1:3: found a NUL, expected text" },
        { CSGI_STR("{\n\"a\": \"\xff\"}"), "2:7: found the byte 0xff, which is no UTF-8 here" },
        { CSGI_STR("\xef\xbb\xbf{}"), "1:1: found a byte order mark" },
        { CSGI_STR("{\"a\": \x01}"), "1:7: found \"\\x01\", expected a value" },
        { CSGI_STR("{/**/}"), "1:2: found \"/\", expected a key in double quotes" },
        { CSGI_STR("{\"a\": 1,\n \"a\": 2}"),
          "2:2: found the key \"a\" a second time, expected it once" },
        { CSGI_STR("{\"a\": [{\"b\": 1, \"c\": 1, \"\\u0062\": 2}]}"),
          "1:25: found the key \"b\" a second time" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        buffer problem = { 0 }, told = { 0 };

        assert_int_equal(check(mistakes[i].text, &problem), CSGI_EFAIL);
        assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
        assert_int_equal(buffer_printf(&told, "a.json:%s", mistakes[i].told), CSGI_OK);
        if (strncmp(problem.bytes, told.bytes, told.len) != 0)
            fail_msg("found %s\nexpected %.*s", problem.bytes, (int)told.len, told.bytes);
        buffer_fini(&problem);
        buffer_fini(&told);
    }
}

static void as_many_levels_as_are_allowed_pass_and_one_more_is_told(void **state)
{
    static const char opening[] = "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                      closing[] = "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}";
    buffer text = { 0 }, problem = { 0 };

    (void)state;
    for (size_t levels = JSON_DEPTH_MAX - 1; levels <= JSON_DEPTH_MAX; levels++) {
        text.len = 0;
        buffer_append(&text, opening, 5 + levels);
        buffer_append(&text, closing + sizeof closing - 2 - levels, levels + 1);
        assert_int_equal(check(buffer_str(&text), &problem),
                         levels < JSON_DEPTH_MAX ? CSGI_OK : CSGI_EFAIL);
    }
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_string_equal(problem.bytes,
                        "a.json:1:37: found more than 32 levels of [ and {, expected fewer");
    buffer_fini(&text);
    buffer_fini(&problem);
}

static const json_value *parse(const char *text, arena *memory)
{
    const json_value *root = NULL;
    buffer problem = { 0 };

    assert_int_equal(json_parse("a.json", str_from(text), memory, &root, &problem), CSGI_OK);
    return root;
}

static void assert_at(file_position at, uint32_t line, uint32_t column)
{
    assert_int_equal(at.line, line);
    assert_int_equal(at.column, column);
}

static void values_know_what_they_are_where_they_stand_and_how_they_are_written(void **state)
{
    static const char text[] = "{\"b\": [1.50,\n  true],\n \"a\\n\": \"\\u00e9\\ud83d\\ude00\\/\"}";
    const json_value *root, *list, *string;
    arena memory;

    (void)state;
    arena_init(&memory, NULL, 0);
    root = parse(text, &memory);
    assert_int_equal(root->kind, JSON_OBJECT);
    assert_int_equal(root->count, 2);
    assert_true(str_eq(root->text, str_from(text)));
    list = json_find(root, STR("b"));
    assert_ptr_equal(list, root->first);
    assert_int_equal(list->kind, JSON_ARRAY);
    assert_at(list->key_at, 1, 2);
    assert_at(list->at, 1, 7);
    assert_true(str_eq(list->text, STR("[1.50,\n  true]")));
    assert_true(str_eq(list->first->text, STR("1.50")));
    assert_int_equal(list->first->next->kind, JSON_BOOLEAN);
    assert_at(list->first->next->at, 2, 3);
    string = json_find(root, STR("a\n"));
    assert_int_equal(string->kind, JSON_STRING);
    assert_at(string->at, 3, 9);
    assert_string_equal(string->text.ptr, "\xc3\xa9\xf0\x9f\x98\x80/");
    assert_null(json_find(root, STR("c")));
    assert_null(json_find(root, STR("")));
    arena_reset(&memory);
}

static void a_key_among_many_is_found_and_one_that_is_there_twice_too(void **state)
{
    const json_value *root, *repeated;
    buffer text = { 0 };
    arena memory;

    (void)state;
    arena_init(&memory, NULL, 0);
    buffer_printf(&text, "{\"k7\": 0");
    for (int i = 0; i < 100; i++)
        buffer_printf(&text, ", \"k%d\": %d", i, i);
    buffer_append(&text, "}", 2);
    root = parse(text.bytes, &memory);
    assert_true(str_eq(json_find(root, STR("k99"))->text, STR("99")));
    assert_ptr_equal(json_find(root, STR("k7")), root->first);
    repeated = json_find_repeated(root);
    assert_true(str_eq(repeated->text, STR("7")));
    assert_null(json_find_repeated(repeated));
    buffer_fini(&text);
    arena_reset(&memory);
}

static void comments_are_blanked_and_all_else_stays_where_it_is(void **state)
{
    char text[] = "{ // one\n\"a\": \"//no\\\"/*no\", /* two\n * lines **/ \"b\": 1 /*/ / */ } //";
    static const char blanked[] =
        "{       \n\"a\": \"//no\\\"/*no\",       \n             \"b\": 1          }   ";
    char unended[] = "{\n  /* / ";
    buffer problem = { 0 };

    (void)state;
    assert_int_equal(json_blank_comments("a.json", text, sizeof text - 1, &problem), CSGI_OK);
    assert_string_equal(text, blanked);
    assert_int_equal(json_blank_comments("a.json", unended, sizeof unended - 1, &problem),
                     CSGI_EINVAL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_string_equal(problem.bytes,
                        "a.json:2:3: found a comment without an end, expected \"*/\"");
    buffer_fini(&problem);
}

static void what_was_found_is_told_on_one_line_and_shortened(void **state)
{
    arena memory;
    buffer told = { 0 };

    (void)state;
    arena_init(&memory, NULL, 0);
    for (const json_value *item = parse("[{\"a\": 1}, {}, [0], [], null, 1.0, \"a\\nb\", "
                                        "\"12345678901234567890123456789012345678901\", "
                                        "\"123456789012345678901234567890123456789\xc3\xa9\"]",
                                        &memory)
                                      ->first;
         item; item = item->next) {
        json_print_found(item, &told);
        buffer_printf(&told, "|");
    }
    assert_int_equal(buffer_append(&told, "", 1), CSGI_OK);
    assert_string_equal(told.bytes,
                        "an object|an empty object|an array|an empty array|null|1.0|\"a\\x0ab\"|"
                        "\"1234567890123456789012345678901234567890...\"|"
                        "\"123456789012345678901234567890123456789...\"|");
    buffer_fini(&told);
    arena_reset(&memory);
}

static void without_memory_it_says_so(void **state)
{
    csgi_status status = CSGI_ENOMEM;

    (void)state;
    for (size_t n = 0; status != CSGI_OK; n++) {
        buffer problem = { 0 };

        failing_malloc_after(n);
        status = check(STR("{\"a\": [1, 2, {\"b\": \"c\"}]}"), &problem);
        assert_true(failing_malloc_off() || status == CSGI_OK);
        assert_true(status == CSGI_OK || status == CSGI_ENOMEM);
        buffer_fini(&problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_passes),
        cmocka_unit_test(each_mistake_is_told_with_its_line_and_column),
        cmocka_unit_test(as_many_levels_as_are_allowed_pass_and_one_more_is_told),
        cmocka_unit_test(values_know_what_they_are_where_they_stand_and_how_they_are_written),
        cmocka_unit_test(a_key_among_many_is_found_and_one_that_is_there_twice_too),
        cmocka_unit_test(comments_are_blanked_and_all_else_stays_where_it_is),
        cmocka_unit_test(what_was_found_is_told_on_one_line_and_shortened),
        cmocka_unit_test(without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
