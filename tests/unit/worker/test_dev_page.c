/* SPDX-License-Identifier: MIT
 * worker/dev_page: who is answered what while something is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "worker/dev_page.h"

static void what_is_named_and_liked_best_is_answered(void **state)
{
    static const struct {
        const char *accept;
        dev_format format;
    } cases[] = {
        { "", DEV_FORMAT_NONE },
        { "*/*", DEV_FORMAT_NONE },
        { "text/*, application/*", DEV_FORMAT_NONE },
        { "text/html", DEV_FORMAT_HTML },
        { "TEXT/HTML ; q=0.001", DEV_FORMAT_HTML },
        { "text/html;q=0", DEV_FORMAT_NONE },
        { "text/html;q=0.000", DEV_FORMAT_NONE },
        { "text/html;q=1.001", DEV_FORMAT_NONE },
        { "text/html;q=x", DEV_FORMAT_NONE },
        { "text/html;q=", DEV_FORMAT_NONE },
        { "text/html;q=0.1234", DEV_FORMAT_NONE },
        { "text/html;level=1;Q=0.5,application/json;q=0.4", DEV_FORMAT_HTML },
        { "text/html;q=0.4,application/json;q=0.5", DEV_FORMAT_JSON },
        { "application/json", DEV_FORMAT_JSON },
        { "application/json, text/html", DEV_FORMAT_HTML },
        { ",,;", DEV_FORMAT_NONE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(dev_format_of(str_from(cases[i].accept)), cases[i].format);
}

static void html_has_nothing_of_others_in_it(void **state)
{
    const dev_trouble it = { "<i>.c does not compile",
                             STR("<b>.c:1:2: error: \"<script>'&\xff\x01\n"), NULL };
    buffer out = { 0 };

    (void)state;
    assert_int_equal(dev_page_html(&it, 1, &out), CSGI_OK);
    assert_int_equal(buffer_append(&out, "", 1), CSGI_OK);
    assert_null(strstr(out.bytes, "<i>"));
    assert_null(strstr(out.bytes, "<b>.c"));
    assert_null(strstr(out.bytes, "<script"));
    assert_non_null(
        strstr(out.bytes, "<h2>&quot;&lt;script&gt;&#39;&amp;\xef\xbf\xbd\xef\xbf\xbd"));
    assert_non_null(strstr(out.bytes, "<code>&lt;b&gt;.c:1:2</code>"));
    buffer_fini(&out);
}

static void json_lists_the_errors(void **state)
{
    const dev_trouble them[] = {
        { "a.c does not compile", STR("a.c:3:4: error: \"x\"\nmore\n"), NULL },
        { "the new code was not taken", STR("a: crashed\n\nb: too\n"), NULL },
    };
    buffer out = { 0 };

    (void)state;
    assert_int_equal(dev_page_json(them, 2, &out), CSGI_OK);
    assert_true(
        str_eq(buffer_str(&out),
               STR("{\"detail\": \"a.c does not compile; the new code was not taken\", \"errors\": "
                   "["
                   "{\"file\": \"a.c\", \"line\": 3, \"column\": 4, \"message\": \"\\\"x\\\"\"}, "
                   "{\"file\": \"\", \"line\": 0, \"column\": 0, \"message\": \"a: crashed\"}, "
                   "{\"file\": \"\", \"line\": 0, \"column\": 0, \"message\": \"b: too\"}]}")));
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_named_and_liked_best_is_answered),
        cmocka_unit_test(html_has_nothing_of_others_in_it),
        cmocka_unit_test(json_lists_the_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
