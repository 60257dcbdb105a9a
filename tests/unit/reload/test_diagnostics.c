/* SPDX-License-Identifier: MIT
 * reload/diagnostics: what compilers and linkers say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "reload/diagnostics.h"

static void strips(const char *text, const char *expected)
{
    buffer out = { 0 };

    assert_int_equal(diagnostics_strip(str_from(text), &out), CSGI_OK);
    assert_true(str_eq(buffer_str(&out), str_from(expected)));
    buffer_fini(&out);
}

static void colours_and_links_are_taken_away(void **state)
{
    (void)state;
    strips("plain\ttext\n", "plain\ttext\n");
    strips("\033[01;31m\033[Kerror: \033[m\033[Kx", "error: x");
    strips("\033]8;;http://a\033\\text\033]8;;\a!", "text!");
    strips("\033[31", "");
    strips("\033]8;never ends\nnext", "\nnext");
    strips("\033(B\r\a\x7f.", "(B.");
}

static void errors_are_found_with_their_places(void **state)
{
    csgi_str rest = STR("In file included from a.c:1:\n"
                        "a.c:2:3: warning: careful\n"
                        "dir/a b.c:12:34: error: what: is this?\n"
                        "  12 | code: 3: error: not this\n"
                        "w.h:1:10: fatal error: x.h: No such file or directory\n"
                        "/usr/bin/ld: /x/a.c:7: undefined reference to `f'\n"
                        "collect2: error: ld returned 1 exit status\n"
                        "a.c:4: error: no column");
    diagnostic it;

    (void)state;
    assert_true(diagnostics_next(&rest, &it));
    assert_true(str_eq(it.file, STR("dir/a b.c")));
    assert_int_equal(it.line, 12);
    assert_int_equal(it.column, 34);
    assert_true(str_eq(it.message, STR("what: is this?")));
    assert_true(diagnostics_next(&rest, &it));
    assert_true(str_eq(it.file, STR("w.h")));
    assert_true(str_eq(it.message, STR("x.h: No such file or directory")));
    assert_true(diagnostics_next(&rest, &it));
    assert_true(str_eq(it.file, STR("/x/a.c")));
    assert_int_equal(it.line, 7);
    assert_int_equal(it.column, 0);
    assert_true(diagnostics_next(&rest, &it));
    assert_int_equal(it.line, 4);
    assert_false(diagnostics_next(&rest, &it));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_and_links_are_taken_away),
        cmocka_unit_test(errors_are_found_with_their_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
