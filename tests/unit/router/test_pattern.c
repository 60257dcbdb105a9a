/* SPDX-License-Identifier: MIT
 * Patterns: what is accepted, each mistake's sentence, and what the converters take. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "router/pattern.h"

static void a_pattern_is_taken_apart(void **state)
{
    pattern parsed;
    arena memory;
    buffer problem = { 0 };

    (void)state;
    arena_init(&memory, NULL, 0);
    assert_int_equal(pattern_parse(STR("/a%20b/{x}/{y_2:float}/"), &memory, &parsed, &problem),
                     CSGI_OK);
    assert_int_equal(parsed.count, 4);
    assert_int_equal(parsed.param_count, 2);
    assert_int_equal(parsed.segments[0].kind, SEGMENT_LITERAL);
    assert_string_equal(parsed.segments[0].text.ptr, "a b");
    assert_int_equal(parsed.segments[1].kind, SEGMENT_STR);
    assert_string_equal(parsed.segments[1].text.ptr, "x");
    assert_int_equal(parsed.segments[2].kind, SEGMENT_FLOAT);
    assert_string_equal(parsed.segments[2].text.ptr, "y_2");
    assert_int_equal(parsed.segments[3].kind, SEGMENT_LITERAL);
    assert_int_equal(parsed.segments[3].text.len, 0);
    assert_null(problem.bytes);
    arena_reset(&memory);
}

static void each_mistake_is_told_in_a_sentence_that_names_the_pattern(void **state)
{
    static const struct {
        const char *pattern, *part;
    } mistakes[] = {
        { "", "a path begins with \"/\"" },
        { "a", "a path begins with \"/\"" },
        { "/a//b", "empty segment" },
        { "//", "empty segment" },
        { "/a?b", "no part of a path" },
        { "/a#b", "no part of a path" },
        { "/%2", "broken percent-escape" },
        { "/%g0", "broken percent-escape" },
        { "/%ff", "not valid UTF-8" },
        { "/\x80", "not valid UTF-8" },
        { "/a\tb", "control character" },
        { "/%00", "control character" },
        { "/{}", "no proper parameter name" },
        { "/{:int}", "no proper parameter name" },
        { "/{1a}", "no proper parameter name" },
        { "/{a b}", "no proper parameter name" },
        { "/{a:integer}", "unknown converter \"integer\": expected str, int, float, uuid or path" },
        { "/{a:}", "unknown converter \"\"" },
        { "/{a", "a whole segment" },
        { "/a}", "a whole segment" },
        { "/x{a}", "a whole segment" },
        { "/{a}x", "a whole segment" },
        { "/{a}{b}", "a whole segment" },
        { "/{", "a whole segment" },
        { "/}", "a whole segment" },
        { "/{p:path}/x", "must come last" },
        { "/{p:path}/", "must come last" },
        { "/{a}/b/{a:int}", "two parameters named \"a\"" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        csgi_str text = str_from(mistakes[i].pattern);
        buffer problem = { 0 }, named = { 0 };
        pattern parsed;
        arena memory;

        arena_init(&memory, NULL, 0);
        assert_int_equal(pattern_parse(text, &memory, &parsed, &problem), CSGI_EINVAL);
        assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
        assert_int_equal(buffer_printf(&named, "route \"%.*s\": ", STR_ARG(text)), CSGI_OK);
        assert_memory_equal(problem.bytes, named.bytes, named.len);
        if (!strstr(problem.bytes, mistakes[i].part))
            fail_msg("\"%s\" lacks \"%s\"", problem.bytes, mistakes[i].part);
        buffer_fini(&problem);
        buffer_fini(&named);
        arena_reset(&memory);
    }
}

static void converters_take_what_they_say(void **state)
{
    enum { INT = 1u << SEGMENT_INT, FLOAT = 1u << SEGMENT_FLOAT, UUID = 1u << SEGMENT_UUID };
    static const struct {
        const char *segment;
        unsigned kinds;
    } cases[] = {
        { "0", INT | FLOAT },
        { "-12", INT | FLOAT },
        { "007", INT | FLOAT },
        { "99999999999999999999999", INT | FLOAT },
        { "1.5", FLOAT },
        { "-0.25", FLOAT },
        { "-", 0 },
        { "+1", 0 },
        { "1.", 0 },
        { ".5", 0 },
        { "1.5.2", 0 },
        { "1e5", 0 },
        { "--1", 0 },
        { "12a", 0 },
        { "a", 0 },
        { "\xd9\xa1", 0 },
        { "123e4567-e89b-12d3-a456-426614174000", UUID },
        { "12345678-1234-1234-1234-123456789012", UUID },
        { "ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB", UUID },
        { "123e4567e89b12d3a456426614174000", 0 },
        { "123e4567-e89b-12d3-a456-42661417400", 0 },
        { "123e4567-e89b-12d3-a456-4266141740000", 0 },
        { "123e4567-e89b-12d3-a456-42661417400g", 0 },
        { "123e4567ae89b-12d3-a456-426614174000", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (segment_typed_kinds(str_from(cases[i].segment)) != cases[i].kinds)
            fail_msg("%s is taken by others", cases[i].segment);
    }
}

static void assert_hint(const char *pattern_text, const char *expected)
{
    buffer hint = { 0 };

    assert_int_equal(route_find_foreign(str_from(pattern_text), &hint), *expected != 0);
    assert_int_equal(buffer_append(&hint, "", 1), CSGI_OK);
    assert_string_equal(hint.bytes, expected);
    buffer_fini(&hint);
}

static void another_frameworks_parameters_are_recognized(void **state)
{
#define IS_WRITTEN(found, right) \
    "\"" found "\" is taken as it is: a parameter is written \"" right "\""
    (void)state;
    assert_hint("/items/:id", IS_WRITTEN(":id", "{id}"));
    assert_hint("/<id>/x", IS_WRITTEN("<id>", "{id}"));
    assert_hint("/<int:id>", IS_WRITTEN("<int:id>", "{id}"));
    assert_hint("/a/*", IS_WRITTEN("*", "{path:path}"));
    assert_hint("/a/*rest", IS_WRITTEN("*rest", "{rest:path}"));
    for (size_t i = 0; i < 10; i++) {
        static const char *const ours[] = { "/",      "",       "/a:b", "/x:batch", "/:",
                                            "/{id}/", "/:8080", "/<>",  "/a*",      "/<a b>" };

        assert_hint(ours[i], "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_is_taken_apart),
        cmocka_unit_test(each_mistake_is_told_in_a_sentence_that_names_the_pattern),
        cmocka_unit_test(converters_take_what_they_say),
        cmocka_unit_test(another_frameworks_parameters_are_recognized),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
