/* SPDX-License-Identifier: MIT
 * The linker's --wrap=malloc sends each call of malloc to __wrap_malloc, and so on; __real_malloc
 * is the C library's, or the sanitizer's. */
#include "failing_malloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static atomic_size_t count, fails_from = SIZE_MAX;

static bool must_fail(void)
{
    bool fails = atomic_fetch_add(&count, 1) >= atomic_load(&fails_from);

    if (fails) errno = ENOMEM;
    return fails;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t members, size_t size)
{
    return must_fail() ? NULL : __real_calloc(members, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    size_t len = strlen(text) + 1;
    char *copy = __wrap_malloc(len);

    return copy ? memcpy(copy, text, len) : NULL;
}

void failing_malloc_after(size_t n)
{
    atomic_store(&fails_from, atomic_load(&count) + n);
}

bool failing_malloc_off(void)
{
    return atomic_load(&count) > atomic_exchange(&fails_from, SIZE_MAX);
}

size_t failing_malloc_count(void)
{
    return atomic_load(&count);
}
