/* SPDX-License-Identifier: MIT
 * URL references: the examples of RFC 3986 section 5.4, what Locations hold, and base URLs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/str.h"
#include "client/reference.h"
#include "failing_malloc.h"

#define BASE "http://a/b/c/d;p?q"

typedef csgi_status (*combine)(csgi_str base, csgi_str reference, arena *into, csgi_str *out,
                               const char **why);

static void assert_gives(combine with, const char *base, const char *reference, const char *want)
{
    arena memory;
    csgi_str out = { NULL, 0 };
    const char *why = "";

    arena_init(&memory, NULL, 0);
    if (with(str_from(base), str_from(reference), &memory, &out, &why)) fail_msg("%s", why);
    if (out.len != strlen(want) || strcmp(out.ptr, want) != 0)
        fail_msg("'%s' at '%s': '%s', not '%s'", reference, base, out.ptr, want);
    arena_reset(&memory);
}

static void assert_refused(combine with, const char *base, csgi_str reference, const char *reason)
{
    arena memory;
    csgi_str out = { "x", 1 };
    const char *why = "";

    arena_init(&memory, NULL, 0);
    assert_int_equal(with(str_from(base), reference, &memory, &out, &why), CSGI_EINVAL);
    assert_non_null(strstr(why, reason));
    assert_string_equal(out.ptr, "x");
    arena_reset(&memory);
}

static void resolves(const char *reference, const char *want)
{
    assert_gives(url_resolve, BASE, reference, want);
}

/* RFC 3986 section 5.4.1, without the fragments. */
static void the_normal_examples_of_the_rfc_resolve(void **state)
{
    (void)state;
    resolves("g:h", "g:h");
    resolves("g", "http://a/b/c/g");
    resolves("./g", "http://a/b/c/g");
    resolves("g/", "http://a/b/c/g/");
    resolves("/g", "http://a/g");
    resolves("//g", "http://g");
    resolves("?y", "http://a/b/c/d;p?y");
    resolves("g?y", "http://a/b/c/g?y");
    resolves("#s", "http://a/b/c/d;p?q");
    resolves("g#s", "http://a/b/c/g");
    resolves("g?y#s", "http://a/b/c/g?y");
    resolves(";x", "http://a/b/c/;x");
    resolves("g;x", "http://a/b/c/g;x");
    resolves("g;x?y#s", "http://a/b/c/g;x?y");
    resolves("", "http://a/b/c/d;p?q");
    resolves(".", "http://a/b/c/");
    resolves("./", "http://a/b/c/");
    resolves("..", "http://a/b/");
    resolves("../", "http://a/b/");
    resolves("../g", "http://a/b/g");
    resolves("../..", "http://a/");
    resolves("../../", "http://a/");
    resolves("../../g", "http://a/g");
}

/* RFC 3986 section 5.4.2. */
static void the_abnormal_examples_of_the_rfc_resolve(void **state)
{
    (void)state;
    resolves("../../../g", "http://a/g");
    resolves("../../../../g", "http://a/g");
    resolves("/./g", "http://a/g");
    resolves("/../g", "http://a/g");
    resolves("g.", "http://a/b/c/g.");
    resolves(".g", "http://a/b/c/.g");
    resolves("g..", "http://a/b/c/g..");
    resolves("..g", "http://a/b/c/..g");
    resolves("./../g", "http://a/b/g");
    resolves("./g/.", "http://a/b/c/g/");
    resolves("g/./h", "http://a/b/c/g/h");
    resolves("g/../h", "http://a/b/c/h");
    resolves("g;x=1/./y", "http://a/b/c/g;x=1/y");
    resolves("g;x=1/../y", "http://a/b/c/y");
    resolves("g?y/./x", "http://a/b/c/g?y/./x");
    resolves("g?y/../x", "http://a/b/c/g?y/../x");
    resolves("g#s/./x", "http://a/b/c/g");
    resolves("g#s/../x", "http://a/b/c/g");
    resolves("http:g", "http:g");
}

static void absolute_urls_and_bases_without_a_path_resolve(void **state)
{
    (void)state;
    resolves("https://h:8443/x/../y?z#f", "https://h:8443/y?z");
    resolves("http://h", "http://h");
    resolves("//h/./x", "http://h/x");
    resolves("//h?x", "http://h?x");
    assert_gives(url_resolve, "http://a", "g", "http://a/g");
    assert_gives(url_resolve, "http://a?q", "g", "http://a/g");
    assert_gives(url_resolve, "http://a?q", "", "http://a?q");
    assert_gives(url_resolve, "http://a", "..", "http://a/");
    assert_gives(url_resolve, "http://a/b#f", "", "http://a/b");
    assert_gives(url_resolve, "http+unix://%2Frun%2Fx.sock/v1?q", "v2",
                 "http+unix://%2Frun%2Fx.sock/v2");
    assert_gives(url_resolve, "app:weather/x", "/y", "app:/y");
    assert_gives(url_resolve, "app:weather", "y", "app:y");
    assert_gives(url_resolve, "app:weather", "..", "app:");
}

static void what_may_not_stand_in_a_url_is_encoded(void **state)
{
    (void)state;
    resolves("  /a b  ", "http://a/a%20b");
    resolves("/S\xc3\xa3o?x=\"1\"", "http://a/S%C3%A3o?x=%221%22");
    resolves("/a\\b<c>^`{|}", "http://a/a%5Cb%3Cc%3E%5E%60%7B%7C%7D");
    resolves("/%41%4g%", "http://a/%41%254g%25");
    resolves("/%2", "http://a/%252");
    resolves("/\xff", "http://a/%FF");
    resolves("/[1]?a[]=1", "http://a/[1]?a[]=1");
    /* A backslash is no slash: it leads to no other host. */
    resolves("/\\evil.example/", "http://a/%5Cevil.example/");
    resolves("\\\\evil.example/", "http://a/b/c/%5C%5Cevil.example/");
}

static void control_characters_are_refused(void **state)
{
    (void)state;
    assert_refused(url_resolve, BASE, STR("/a\tb"), "control characters");
    assert_refused(url_resolve, BASE, STR("\r\nx"), "control characters");
    assert_refused(url_resolve, BASE, STR("a\0b"), "control characters");
    assert_refused(url_resolve, BASE, STR("a\x7f"), "control characters");
    assert_refused(url_resolve, "/x", STR("y"), "not absolute");
    assert_refused(url_resolve, "", STR("y"), "not absolute");
}

static void a_path_is_put_below_a_base_url(void **state)
{
    (void)state;
    assert_gives(url_join, "http://h/api/", "/x", "http://h/api/x");
    assert_gives(url_join, "http://h/api/", "x", "http://h/api/x");
    assert_gives(url_join, "http://h/api", "x", "http://h/api/x");
    assert_gives(url_join, "http://h/api", "//x?y=/", "http://h/api/x?y=/");
    assert_gives(url_join, "http://h", "x", "http://h/x");
    assert_gives(url_join, "http://h", "/", "http://h/");
    assert_gives(url_join, "http://h/api", "", "http://h/api/");
    assert_gives(url_join, "http://h/api", "?q", "http://h/api/?q");
    assert_gives(url_join, "http://h/api", "../x", "http://h/api/../x");
    assert_gives(url_join, "app:weather", "/x", "app:weather/x");
    assert_gives(url_join, "http+unix://%2Fx", "/y", "http+unix://%2Fx/y");
}

static void an_absolute_url_is_not_put_below_anything(void **state)
{
    (void)state;
    assert_gives(url_join, "http://h/api/", "http://other/x", "http://other/x");
    assert_gives(url_join, "http://h/api/", "app:weather/x", "app:weather/x");
    assert_gives(url_join, "http://h/api/", "/a:b", "http://h/api/a:b");
    assert_gives(url_join, "http://h/api/", "1:2", "http://h/api/1:2");
}

static void a_base_url_must_be_able_to_carry_a_path(void **state)
{
    (void)state;
    assert_refused(url_join, "/api", STR("x"), "not absolute");
    assert_refused(url_join, "http://h/?q", STR("x"), "has a query");
    assert_refused(url_join, "http://h/#f", STR("x"), "has a query or a fragment");
}

static void a_failing_allocation_is_told(void **state)
{
    static const combine both[] = { url_resolve, url_join };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        bool failed = true;

        for (size_t n = 0; failed; n++) {
            arena memory;
            csgi_str out = { NULL, 0 };
            const char *why = NULL;
            csgi_status status;

            arena_init(&memory, NULL, 0);
            failing_malloc_after(n);
            status = both[i](STR("http://h/"), STR("x"), &memory, &out, &why);
            failed = failing_malloc_off();
            assert_int_equal(status, failed ? CSGI_ENOMEM : CSGI_OK);
            arena_reset(&memory);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_normal_examples_of_the_rfc_resolve),
        cmocka_unit_test(the_abnormal_examples_of_the_rfc_resolve),
        cmocka_unit_test(absolute_urls_and_bases_without_a_path_resolve),
        cmocka_unit_test(what_may_not_stand_in_a_url_is_encoded),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(a_path_is_put_below_a_base_url),
        cmocka_unit_test(an_absolute_url_is_not_put_below_anything),
        cmocka_unit_test(a_base_url_must_be_able_to_carry_a_path),
        cmocka_unit_test(a_failing_allocation_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
