/* SPDX-License-Identifier: MIT
 * An allocator that fails on demand, linked into every unit test: malloc, calloc, realloc and
 * strdup of our own objects (not of shared libraries) go through it. It is off until
 * failing_malloc_after.
 *
 *     for (size_t n = 0;; n++) {
 *         failing_malloc_after(n);
 *         status = thing_new(&thing);
 *         if (!failing_malloc_off()) break;    // it got by with n allocations
 *         assert_int_equal(status, CSGI_ENOMEM);
 *     }
 */
#ifndef CAPRICORN_TEST_FAILING_MALLOC_H
#define CAPRICORN_TEST_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* From now on n allocations succeed and every later one fails, on any thread. */
void failing_malloc_after(size_t n);
/* Allocations succeed again. True when one has failed since failing_malloc_after. */
bool failing_malloc_off(void);
/* How many allocations there have been since the program began, failed ones too. */
size_t failing_malloc_count(void);

#endif
