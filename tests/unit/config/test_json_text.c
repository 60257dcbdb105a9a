/* SPDX-License-Identifier: MIT
 * Tests of config/json_text. */
#include "config/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static csgi_status check(csgi_str text, buffer *problem)
{
    return json_check_object("a.json", text, problem);
}

static void an_object_passes(void **state)
{
    const char *good[] = { "{}", " {\"a\": [1, {\"b\": null}]}\n" };
    buffer problem = { 0 };

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(check(str_from(good[i]), &problem), CSGI_OK);
    assert_int_equal(problem.len, 0);
    buffer_fini(&problem);
}

static void anything_else_is_refused_with_the_source(void **state)
{
    const csgi_str bad[] = { CSGI_STR(""),
                             CSGI_STR("{"),
                             CSGI_STR("[1]"),
                             CSGI_STR("\"\""),
                             CSGI_STR("{} {}"),
                             CSGI_STR("{}\0{}"),
                             CSGI_STR("{\"a\": \"\xff\"}") };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        buffer problem = { 0 };

        assert_int_equal(check(bad[i], &problem), CSGI_EFAIL);
        assert_true(problem.len > 6 && memcmp(problem.bytes, "a.json", 6) == 0);
        buffer_fini(&problem);
    }
}

static void the_line_of_a_mistake_is_named(void **state)
{
    buffer problem = { 0 };

    (void)state;
    assert_int_equal(check(STR("{\n\"a\": 1,\n\"b\" 2}"), &problem), CSGI_EFAIL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(strstr(problem.bytes, "a.json:3:"));
    buffer_fini(&problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_passes),
        cmocka_unit_test(anything_else_is_refused_with_the_source),
        cmocka_unit_test(the_line_of_a_mistake_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
