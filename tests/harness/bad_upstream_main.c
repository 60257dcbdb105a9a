/* SPDX-License-Identifier: MIT
 * The misbehaving upstream as a program: prints its port, and serves until its input ends. */
#include <stdio.h>

#include "bad_upstream.h"

int main(void)
{
    static bad_upstream running;

    bad_upstream_start(&running);
    printf("%u\n", running.port);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    bad_upstream_stop(&running);
    return 0;
}
