/* SPDX-License-Identifier: MIT
 * Linked into every unit test: runs only the tests whose name matches the pattern in TEST_FILTER
 * ("*word*"), which is how "make test T=word" picks one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void read_filter(void)
{
    const char *pattern = getenv("TEST_FILTER");

    if (pattern && *pattern) cmocka_set_test_filter(pattern);
}
