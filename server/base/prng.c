/* SPDX-License-Identifier: MIT
 * xoshiro256**, seeded by getrandom, or through splitmix64 as its authors advise. */
#include "base/prng.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void prng_seed_with(prng *self, uint64_t number)
{
    for (int i = 0; i < 4; i++) { /* splitmix64: never four zeros */
        uint64_t mixed = number += 0x9e3779b97f4a7c15u;

        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        self->state[i] = mixed ^ mixed >> 31;
    }
}

/* Where the kernel has no randomness (a sandbox that forbids the call), the time and the process
 * make the numbers differ at least. */
void prng_seed(prng *self)
{
    struct timespec now = { 0 };
    ssize_t got = getrandom(self->state, sizeof self->state, GRND_NONBLOCK);
    uint64_t any = self->state[0] | self->state[1] | self->state[2] | self->state[3];

    if (got == sizeof self->state && any) return;
    clock_gettime(CLOCK_REALTIME, &now);
    prng_seed_with(self, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec +
                             ((uint64_t)getpid() << 40));
}

static uint64_t rotate(uint64_t bits, int by)
{
    return bits << by | bits >> (64 - by);
}

uint64_t prng_next(prng *self)
{
    uint64_t *state = self->state, result = rotate(state[1] * 5, 7) * 9, shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 45);
    return result;
}
