/* SPDX-License-Identifier: MIT
 * Memory that ends all at once: a bump allocator over blocks. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_SIZE ((size_t)4096) /* what one step takes from the heap, its head included */

struct arena_block {
    arena_block *older;
    max_align_t bytes[];
};

void arena_init(arena *self, void *memory, size_t len)
{
    self->first = self->next = memory;
    self->first_end = self->end = len ? self->first + len : self->first;
    self->blocks = NULL;
    list_init(&self->children);
    list_init(&self->in_parent);
}

void arena_reset(arena *self)
{
    LIST_EACH_SAFE (node, &self->children) {
        arena_close(CONTAINER_OF(node, arena, in_parent));
    }
    while (self->blocks) {
        arena_block *block = self->blocks;

        self->blocks = block->older;
        free(block);
    }
    self->next = self->first;
    self->end = self->first_end;
}

static bool grow(arena *self, size_t size, size_t align)
{
    size_t need;
    arena_block *block;

    if (__builtin_add_overflow(size, align + sizeof *block, &need)) return false;
    if (need < ARENA_BLOCK_SIZE) need = ARENA_BLOCK_SIZE;
    block = malloc(need);
    if (!block) return false;
    block->older = self->blocks;
    self->blocks = block;
    self->next = (char *)block->bytes;
    self->end = (char *)block + need;
    return true;
}

void *arena_alloc_slowly(arena *self, size_t size, size_t align)
{
    if (align == 0) align = _Alignof(max_align_t);
    if ((align & (align - 1)) || size > PTRDIFF_MAX - align) return NULL;
    return grow(self, size, align) ? arena_alloc(self, size, align) : NULL;
}

csgi_str arena_copy_str(arena *self, csgi_str text)
{
    char *copy = text.len < SIZE_MAX ? arena_alloc(self, text.len + 1, 1) : NULL;

    if (!copy) return (csgi_str){ NULL, 0 };
    if (text.len) memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return (csgi_str){ copy, text.len };
}

csgi_str arena_printf(arena *self, const char *format, ...)
{
    va_list args;
    int len;
    char *text;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    text = len < 0 ? NULL : arena_alloc(self, (size_t)len + 1, 1);
    if (!text) return (csgi_str){ NULL, 0 };
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return (csgi_str){ text, (size_t)len };
}

arena *arena_open(arena *parent)
{
    arena *child = malloc(sizeof *child);

    if (!child) return NULL;
    arena_init(child, NULL, 0);
    list_append(&parent->children, &child->in_parent);
    return child;
}

void arena_close(arena *child)
{
    list_remove(&child->in_parent);
    arena_reset(child);
    free(child);
}
