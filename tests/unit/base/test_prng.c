/* SPDX-License-Identifier: MIT
 * base/prng: the sequence its authors' code makes, seeds, and that bits are spread. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "base/prng.h"

static void the_sequence_is_that_of_xoshiro256(void **state)
{
    prng self = { { 1, 2, 3, 4 } };

    (void)state;
    assert_true(prng_next(&self) == 11520u);
    assert_true(prng_next(&self) == 0u);
    assert_true(prng_next(&self) == 1509978240u);
    assert_true(prng_next(&self) == 1215971899390074240u);
}

static void the_same_number_seeds_the_same_sequence(void **state)
{
    prng one, two, other;

    (void)state;
    prng_seed_with(&one, 0);
    prng_seed_with(&two, 0);
    prng_seed_with(&other, 1);
    assert_true(one.state[0] == 0xe220a8397b1dcdafu); /* splitmix64's first number */
    assert_true(prng_next(&one) == prng_next(&two));
    assert_false(prng_next(&one) == prng_next(&other));
}

static void the_kernel_seeds_another_sequence_each_time(void **state)
{
    prng one, two;

    (void)state;
    prng_seed(&one);
    prng_seed(&two);
    assert_false(prng_next(&one) == prng_next(&two));
}

static void every_bit_is_set_half_of_the_time(void **state)
{
    uint32_t counts[64] = { 0 };
    prng self;

    (void)state;
    prng_seed_with(&self, 5);
    for (int i = 0; i < 10000; i++) {
        uint64_t bits = prng_next(&self);

        for (int bit = 0; bit < 64; bit++)
            counts[bit] += (uint32_t)(bits >> bit & 1);
    }
    for (int bit = 0; bit < 64; bit++)
        assert_in_range(counts[bit], 4750, 5250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sequence_is_that_of_xoshiro256),
        cmocka_unit_test(the_same_number_seeds_the_same_sequence),
        cmocka_unit_test(the_kernel_seeds_another_sequence_each_time),
        cmocka_unit_test(every_bit_is_set_half_of_the_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
