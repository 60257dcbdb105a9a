/* SPDX-License-Identifier: MIT
 * Fast random numbers for ids and jitter: xoshiro256** by Blackman and Vigna. Not for secrets. */
#ifndef CAPRICORN_BASE_PRNG_H
#define CAPRICORN_BASE_PRNG_H

#include <stdint.h>

/* For one user at a time. All zero is not seeded. */
typedef struct prng {
    uint64_t state[4];
} prng;

/* Seeds it from the kernel. */
void prng_seed(prng *self);
/* Seeds it from a number, the same sequence for the same number: for tests. */
void prng_seed_with(prng *self, uint64_t number);
/* All 64 bits are random. */
uint64_t prng_next(prng *self);

#endif
