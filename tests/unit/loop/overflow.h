/* SPDX-License-Identifier: MIT
 * A function that overflows its stack, for the tests of what is said then. */
#ifndef CAPRICORN_TESTS_UNIT_LOOP_OVERFLOW_H
#define CAPRICORN_TESTS_UNIT_LOOP_OVERFLOW_H

#include <csgi/types.h>

/* Unknown to the compiler, which would make a loop of the recursion, or warn of it. */
static volatile unsigned depth_limit = 1000000000;

static inline unsigned recurse(unsigned depth)
{
    volatile char frame[256];

    frame[0] = (char)depth;
    if (depth < depth_limit) return recurse(depth + 1) + (unsigned)frame[0];
    return 0;
}

/* A task_fn. */
static inline csgi_status overflow(void *arg)
{
    (void)arg;
    return (csgi_status)recurse(0);
}

#endif
