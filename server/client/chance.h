/* SPDX-License-Identifier: MIT
 * Chance, where numbers need only differ from one another: jitter, ids of spans. No secrets. */
#ifndef CAPRICORN_CLIENT_CHANCE_H
#define CAPRICORN_CLIENT_CHANCE_H

#include <unistd.h>

#include "loop/loop.h"

/* The clock's nanoseconds and the process, mixed (splitmix64): a system call for random bytes would
 * cost more than all else that is done for a header. */
static inline uint64_t chance(void)
{
    uint64_t mixed = loop_clock_ns() + ((uint64_t)getpid() << 40);

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

#endif
