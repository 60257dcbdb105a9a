/* SPDX-License-Identifier: MIT
 * reload/depends: the rules that compilers write. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "failing_malloc.h"
#include "reload/depends.h"

/* With "|" for each NUL. */
static void reads(const char *text, const char *expected)
{
    buffer paths = { 0 };

    assert_int_equal(depends_read(str_from(text), &paths), CSGI_OK);
    for (size_t i = 0; i < paths.len; i++) {
        if (!paths.bytes[i]) paths.bytes[i] = '|';
    }
    assert_true(str_eq(buffer_str(&paths), str_from(expected)));
    buffer_fini(&paths);
}

static void the_prerequisites_of_a_rule_are_read(void **state)
{
    (void)state;
    reads("", "");
    reads("made:", "");
    reads("made: a.c", "a.c|");
    reads("made: a.c \\\n b.h\\\n  ../c.h\n", "a.c|b.h|../c.h|");
    reads("a.o b.o : a.c\n\nb.h:\n", "a.c|");
    reads("a.o: a.c\r\nb.o: b.c \\\r\n c.h\n", "a.c|b.c|c.h|");
    reads("# a word\nmade: C:/a.c\n", "C:/a.c|");
}

static void escapes_are_undone(void **state)
{
    (void)state;
    reads("made: a\\ b.c x$$y.h c\\#.h back\\slash.h\n", "a b.c|x$y.h|c#.h|back\\slash.h|");
    reads("ma\\ de: a.c\n", "a.c|");
}

static void what_is_no_rule_is_refused(void **state)
{
    static const char *const wrong[] = { "made",          "made a.c\n", "made: $(x)\n",
                                         "made: a\x01\n", " \n",        "ma$de: a" };
    buffer paths = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(depends_read(str_from(wrong[i]), &paths), CSGI_EINVAL);
    buffer_fini(&paths);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        buffer paths = { 0 };
        csgi_status status;

        failing_malloc_after(n);
        status = depends_read(STR("made: a.c b.c"), &paths);
        buffer_fini(&paths);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prerequisites_of_a_rule_are_read),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
