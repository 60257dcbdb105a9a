/* SPDX-License-Identifier: MIT
 * Memory that ends all at once. The ABI's csgi_arena is this struct. Not for threads: an arena has
 * one user at a time. */
#ifndef CAPRICORN_BASE_ARENA_H
#define CAPRICORN_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include <csgi/types.h>

#include "base/list.h"

typedef struct arena_block arena_block;

/* An arena begins in memory that its owner provides, and takes blocks from the heap when that is
 * used up. */
typedef struct csgi_arena {
    char *next, *end; /* free part of the current block */
    char *first, *first_end;
    arena_block *blocks; /* from the heap, newest first */
    list_node children, in_parent;
} csgi_arena;

typedef csgi_arena arena;

/* Begins an arena in the owner's memory, which outlives it; len may be 0. */
void arena_init(arena *self, void *memory, size_t len);
/* Ends everything in it, children too; the arena is then as after arena_init. */
void arena_reset(arena *self);
/* arena_alloc, where the current block may have no room. */
void *arena_alloc_slowly(arena *self, size_t size, size_t align);
/* Memory until reset; not zeroed. align is a power of two, 0 means that of max_align_t. NULL: no
 * memory, or a size that overflows. */
static inline void *arena_alloc(arena *self, size_t size, size_t align)
{
    size_t mask = (align ? align : _Alignof(max_align_t)) - 1;
    size_t skipped = -(uintptr_t)self->next & mask;
    size_t left = (size_t)(self->end - self->next);
    char *at;

    if (skipped > left || size > left - skipped || !self->next || (align & mask))
        return arena_alloc_slowly(self, size, align);
    at = self->next + skipped;
    self->next = at + size;
    return at;
}
/* A copy followed by a NUL that len does not count; ptr is NULL when there is no memory. */
csgi_str arena_copy_str(arena *self, csgi_str text);
/* Formatted text followed by a NUL; ptr is NULL when there is no memory. */
csgi_str arena_printf(arena *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A child that ends with its parent, or earlier by arena_close. NULL: no memory. */
arena *arena_open(arena *parent);
void arena_close(arena *child);

#endif
