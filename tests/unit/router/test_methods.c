/* SPDX-License-Identifier: MIT
 * Method sets: lists taken apart, their mistakes, and the limit of different names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "router/methods.h"

static void a_list_is_a_set_of_known_and_new_methods(void **state)
{
    methods all;
    arena memory;
    buffer problem = { 0 };
    method_set set;

    (void)state;
    methods_init(&all);
    arena_init(&memory, NULL, 0);
    assert_int_equal(methods_parse(&all, STR("GET , PURGE,GET"), &memory, &set, &problem), CSGI_OK);
    assert_true(set == (METHOD_GET | methods_find(&all, STR("PURGE"))));
    assert_string_equal(methods_list(&all, set, &memory).ptr, "GET, PURGE");
    assert_int_equal(methods_parse(&all, STR(""), &memory, &set, &problem), CSGI_OK);
    assert_true(set == METHOD_SET_ANY);
    assert_true(methods_find(&all, STR("LINK")) == METHOD_UNKNOWN);
    assert_string_equal(methods_list(&all, 0, &memory).ptr, "");
    arena_reset(&memory);
}

static void mistakes_in_a_list_are_told(void **state)
{
    static const struct {
        const char *list, *part;
    } mistakes[] = {
        { ",", "\"\" is no method" },
        { "GET,", "\"\" is no method" },
        { "GET POST", "\"GET POST\" is no method" },
        { "get", "method \"get\" is not written \"GET\"" },
        { "Delete", "is not written \"DELETE\"" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        methods all;
        arena memory;
        buffer problem = { 0 };
        method_set set;

        methods_init(&all);
        arena_init(&memory, NULL, 0);
        assert_int_equal(methods_parse(&all, str_from(mistakes[i].list), &memory, &set, &problem),
                         CSGI_EINVAL);
        assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
        if (!strstr(problem.bytes, mistakes[i].part))
            fail_msg("\"%s\" lacks \"%s\"", problem.bytes, mistakes[i].part);
        buffer_fini(&problem);
        arena_reset(&memory);
    }
}

static void a_table_may_name_as_many_methods_as_the_limit_and_no_more(void **state)
{
    methods all;
    arena memory;
    buffer problem = { 0 };
    method_set set;
    char name[16];

    (void)state;
    methods_init(&all);
    arena_init(&memory, NULL, 0);
    for (size_t i = all.count; i < METHODS_MAX; i++) {
        snprintf(name, sizeof(name), "M%zu", i);
        assert_int_equal(methods_parse(&all, str_from(name), &memory, &set, &problem), CSGI_OK);
        assert_true(set == methods_find(&all, str_from(name)) && set != METHOD_UNKNOWN);
    }
    assert_int_equal(methods_parse(&all, STR("TOOMANY"), &memory, &set, &problem), CSGI_EINVAL);
    assert_int_equal(methods_parse(&all, STR("GET"), &memory, &set, &problem), CSGI_OK);
    buffer_fini(&problem);
    arena_reset(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_a_set_of_known_and_new_methods),
        cmocka_unit_test(mistakes_in_a_list_are_told),
        cmocka_unit_test(a_table_may_name_as_many_methods_as_the_limit_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
