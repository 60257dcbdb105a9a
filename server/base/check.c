/* SPDX-License-Identifier: MIT
 * The end of a process whose own state is wrong. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *claim, const char *file, int line)
{
    fprintf(stderr, "CRITICAL: %s:%d: \"%s\" does not hold; this is a bug in capricorn\n", file,
            line, claim);
    abort();
}
