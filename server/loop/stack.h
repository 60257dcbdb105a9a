/* SPDX-License-Identifier: MIT
 * Stacks for tasks: mapped in slabs, each with a guard below it, kept in a bounded pool. */
#ifndef CAPRICORN_LOOP_STACK_H
#define CAPRICORN_LOOP_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"

/* A large local array must not step over the guard unseen. The page over 64 KiB keeps the tops of
 * neighbours from sharing a set of the TLB. */
#define STACK_GUARD_SIZE ((size_t)(65536 + 4096))
#define STACK_MIN        ((size_t)65536)
#define STACK_MAX        ((size_t)67108864)
/* Sizes are powers of two from STACK_MIN to STACK_MAX. */
#define STACK_CLASSES 11
/* What a pooled stack may keep of its pages. */
#define STACK_WARM_SIZE ((size_t)16384)
/* How many pooled stacks of a size may keep pages, and how many free ones are kept mapped. */
#define STACK_WARM_MAX 1024

typedef struct stack_slab stack_slab;

typedef struct stack {
    list_node node; /* in the pool, when it is free */
    stack_slab *slab;
    char *low;   /* lowest usable byte; the guard ends here */
    size_t size; /* usable bytes */
    void *fiber; /* TSan's, from its first use on */
    uint32_t uses;
    bool is_warm; /* in the pool: has pages */
} stack;

typedef struct stack_class {
    size_t size;
    list_node slabs;
    list_node free; /* those with pages first */
    size_t free_count, warm_count;
    unsigned clean_looks; /* one after the other, at stacks that were given back */
    unsigned unseen;      /* stacks given back since the last look */
} stack_class;

typedef struct stack_pool {
    stack_guard guard;   /* as settled: never STACK_GUARD_AUTO */
    size_t max_stacks;   /* that may be mapped */
    size_t mapped_count; /* stacks */
    stack_class classes[STACK_CLASSES];
} stack_pool;

/* 0, or CSGI_EFAIL with the reason logged: this kernel lacks the guard asked for. */
csgi_status stack_pool_init(stack_pool *self, stack_guard guard);
/* All stacks are free (CHECKed). */
void stack_pool_fini(stack_pool *self);
/* A stack of at least that size. CSGI_ENOMEM; CSGI_ELIMIT: beyond max_stacks or STACK_MAX. */
csgi_status stack_take(stack_pool *self, size_t size, stack **out);
/* Takes it back; what a deep call has soiled goes back to the system, at the latest after some more
 * uses. */
void stack_give_back(stack_pool *self, stack *item);

#endif
