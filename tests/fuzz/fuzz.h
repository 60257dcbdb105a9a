/* SPDX-License-Identifier: MIT
 * What the fuzz targets share: the entry's declaration, and input in memory of its own size. */
#ifndef CAPRICORN_TEST_FUZZ_H
#define CAPRICORN_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A claim that the input must not break. */
#define MUST(claim)            \
    do {                       \
        if (!(claim)) abort(); \
    } while (0)

/* A copy that ends where the bytes do, so that reading further is found; to be freed. */
static inline char *exact_copy(const void *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1);

    MUST(copy);
    memcpy(copy, bytes, len);
    return copy;
}

#endif
