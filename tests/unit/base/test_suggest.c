/* SPDX-License-Identifier: MIT
 * base/suggest: distances, and what is near enough. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "base/suggest.h"

static void distance_counts_single_mistakes(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance(STR("weather"), STR("weather")), 0);
    assert_int_equal(suggest_distance(STR("wether"), STR("weather")), 1);
    assert_int_equal(suggest_distance(STR("weahter"), STR("weather")), 1);
    assert_int_equal(suggest_distance(STR("weatherr"), STR("weather")), 1);
    assert_int_equal(suggest_distance(STR("weaXher"), STR("weather")), 1);
    assert_int_equal(suggest_distance(STR(""), STR("abc")), 3);
    assert_int_equal(suggest_distance(STR("abc"), STR("")), 3);
}

static void words_over_64_bytes_are_infinitely_far(void **state)
{
    char word[65];

    (void)state;
    memset(word, 'a', sizeof word);
    assert_int_equal(suggest_distance((csgi_str){ word, 64 }, (csgi_str){ word, 64 }), 0);
    assert_true(suggest_distance((csgi_str){ word, 65 }, (csgi_str){ word, 64 }) == SIZE_MAX);
}

static void the_nearest_word_is_named_only_when_it_may_be_meant(void **state)
{
    static const csgi_str known[] = { CSGI_STR("host"), CSGI_STR("port"), CSGI_STR("plugin-dir") };

    (void)state;
    assert_true(str_eq(suggest_nearest(STR("prot"), known, COUNT_OF(known)), STR("port")));
    assert_true(
        str_eq(suggest_nearest(STR("plugindir"), known, COUNT_OF(known)), STR("plugin-dir")));
    assert_int_equal(suggest_nearest(STR("colour"), known, COUNT_OF(known)).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_single_mistakes),
        cmocka_unit_test(words_over_64_bytes_are_infinitely_far),
        cmocka_unit_test(the_nearest_word_is_named_only_when_it_may_be_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
