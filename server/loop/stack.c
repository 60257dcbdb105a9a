/* SPDX-License-Identifier: MIT
 * Stacks for tasks. What describes a stack lies outside it, so that a free one costs no page. */
#include "loop/stack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "log/log.h"
#include "loop/switch.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND                0
#define VALGRIND_STACK_REGISTER(low, high) 0u
#define VALGRIND_STACK_DEREGISTER(id)      (void)(id)
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

/* A slab has as many stacks as fit into this, 1 to SLAB_STACKS_MAX. */
#define SLAB_BYTES      ((size_t)33554432)
#define SLAB_STACKS_MAX 64
/* Below max_map_count, for everything else in the process that is mapped. */
#define MAPS_SPARED 2048
/* One large frame may step over the page that we look at: whatever we see, a stack keeps such pages
 * for no more than so many uses. */
#define USES_PER_TRIM 64
/* A look at a stack is more than 1 % of a small request. When so many in a row found nothing, most
 * are left out, until one finds something again. */
#define CLEAN_LOOKS     64u
#define STACKS_PER_LOOK 8u
#define PAGE            ((size_t)4096)

_Static_assert(STACK_MIN << (STACK_CLASSES - 1) == STACK_MAX, "a class for every size");

struct stack_slab {
    list_node node; /* in its class */
    stack_class *class;
    char *memory;
    size_t size;
    size_t count, used;
    struct {
        stack item;
        unsigned valgrind_id;
    } stacks[];
};

/* What a kernel allows a process to have mapped. */
static size_t max_map_count(void)
{
    unsigned long count = 65530;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");

    if (!file) return count;
    if (fscanf(file, "%lu", &count) != 1) count = 65530;
    fclose(file);
    return count;
}

/* Two mappings a stack: its guard and itself. */
static size_t max_stacks_by_maps(void)
{
    size_t maps = max_map_count();

    return maps > 2 * MAPS_SPARED ? (maps - MAPS_SPARED) / 2 : maps / 4;
}

static bool kernel_has_guard_install(void)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool works;

    if (page == MAP_FAILED) return false;
    works = madvise(page, PAGE, MADV_GUARD_INSTALL) == 0;
    munmap(page, PAGE);
    return works;
}

static bool guard_stacks(const stack_pool *self, char *memory, size_t stride, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *guard = memory + i * stride;
        int failed = self->guard == STACK_GUARD_INSTALL
                         ? madvise(guard, STACK_GUARD_SIZE, MADV_GUARD_INSTALL)
                         : mprotect(guard, STACK_GUARD_SIZE, PROT_NONE);

        if (failed) return false;
    }
    return true;
}

/* Maps memory for count stacks with their guards; NULL: no memory. */
static char *map_stacks(const stack_pool *self, size_t stride, size_t count)
{
    size_t size = stride * count;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (memory == MAP_FAILED) return NULL;
    /* A huge page would commit megabytes for one small frame. Kernels without them refuse. */
    (void)madvise(memory, size, MADV_NOHUGEPAGE);
    if (guard_stacks(self, memory, stride, count)) return memory;
    munmap(memory, size);
    return NULL;
}

static void slab_add_stack(stack_slab *slab, size_t index, size_t stride)
{
    stack *item = &slab->stacks[index].item;

    *item = (stack){ .slab = slab,
                     .low = slab->memory + index * stride + STACK_GUARD_SIZE,
                     .size = slab->class->size };
    slab->stacks[index].valgrind_id = VALGRIND_STACK_REGISTER(item->low, item->low + item->size);
    list_append(&slab->class->free, &item->node);
}

static csgi_status slab_new(stack_pool *self, stack_class *class)
{
    size_t stride = class->size + STACK_GUARD_SIZE;
    size_t count = SLAB_BYTES / stride;
    stack_slab *slab;

    if (count > SLAB_STACKS_MAX) count = SLAB_STACKS_MAX;
    if (count < 1) count = 1;
    if (count > self->max_stacks - self->mapped_count)
        count = self->max_stacks - self->mapped_count;
    if (count == 0) return CSGI_ELIMIT;

    slab = calloc(1, sizeof(*slab) + count * sizeof(slab->stacks[0]));
    if (!slab) return CSGI_ENOMEM;
    slab->memory = map_stacks(self, stride, count);
    if (!slab->memory) {
        free(slab);
        return CSGI_ENOMEM;
    }
    slab->class = class;
    slab->size = stride * count;
    slab->count = count;
    for (size_t i = 0; i < count; i++)
        slab_add_stack(slab, i, stride);
    list_append(&class->slabs, &slab->node);
    class->free_count += count;
    self->mapped_count += count;
    return 0;
}

static void slab_free(stack_pool *self, stack_slab *slab)
{
    stack_class *class = slab->class;

    CHECK(slab->used == 0);
    for (size_t i = 0; i < slab->count; i++) {
        stack *item = &slab->stacks[i].item;

        if (item->is_warm) class->warm_count--;
        list_remove(&item->node);
        switch_fiber_free(item->fiber);
        VALGRIND_STACK_DEREGISTER(slab->stacks[i].valgrind_id);
    }
    list_remove(&slab->node);
    class->free_count -= slab->count;
    self->mapped_count -= slab->count;
    munmap(slab->memory, slab->size);
    free(slab);
}

/* Unmaps every slab that is not in use; were there any? */
static bool free_idle_slabs(stack_pool *self)
{
    size_t before = self->mapped_count;

    for (size_t i = 0; i < STACK_CLASSES; i++)
        LIST_EACH_SAFE (node, &self->classes[i].slabs) {
            stack_slab *slab = CONTAINER_OF(node, stack_slab, node);

            if (slab->used == 0) slab_free(self, slab);
        }
    return self->mapped_count < before;
}

static stack_class *class_for(stack_pool *self, size_t size)
{
    for (size_t i = 0; i < STACK_CLASSES; i++)
        if (self->classes[i].size >= size) return &self->classes[i];
    return NULL;
}

/* Sixteen bytes of a stack. */
typedef uint64_t stack_words __attribute__((vector_size(16), may_alias));

/* The page just below what a pooled stack may keep. */
static char *sentinel_page(const stack *item)
{
    return item->low + item->size - STACK_WARM_SIZE - PAGE;
}

/* Has a call gone that deep? Reading a page that was never written costs no memory, and a call
 * chain leaves return addresses in each page it crosses (but see USES_PER_TRIM). In steps of four,
 * since it is a third of what a short task costs. */
__attribute__((no_sanitize_address, no_sanitize_thread)) static bool is_soiled(const stack *item)
{
    const stack_words *words = (const void *)sentinel_page(item);
    stack_words any = { 0 }, more = { 0 };

    if (RUNNING_ON_VALGRIND) return true; /* it takes what lies below a stack's top for unset */
    for (size_t i = 0; i < PAGE / sizeof(*words); i += 4) {
        any |= words[i] | words[i + 1];
        more |= words[i + 2] | words[i + 3];
    }
    any |= more;
    return (any[0] | any[1]) != 0;
}

static void give_pages_back(const stack *item, const char *end)
{
    madvise(item->low, (size_t)(end - item->low), MADV_DONTNEED);
}

/* Is it this one's turn to be looked at, and has a call gone deep on it? */
static bool is_found_soiled(stack_class *class, const stack *item)
{
    if (class->clean_looks >= CLEAN_LOOKS && ++class->unseen < STACKS_PER_LOOK) return false;
    class->unseen = 0;
    if (is_soiled(item)) {
        class->clean_looks = 0;
        return true;
    }
    class->clean_looks++;
    return false;
}

static void put_back(stack_class *class, stack *item)
{
    if (class->warm_count < STACK_WARM_MAX) {
        if (is_found_soiled(class, item))
            give_pages_back(item, sentinel_page(item) + PAGE);
        else if (item->uses % USES_PER_TRIM == 0)
            give_pages_back(item, sentinel_page(item));
        item->is_warm = true;
        class->warm_count++;
        list_prepend(&class->free, &item->node);
    } else {
        give_pages_back(item, item->low + item->size);
        list_append(&class->free, &item->node);
    }
    class->free_count++;
    item->slab->used--;
}

csgi_status stack_pool_init(stack_pool *self, stack_guard guard)
{
    bool has_install = guard != STACK_GUARD_MPROTECT && kernel_has_guard_install();

    if (guard == STACK_GUARD_INSTALL && !has_install) {
        log_error("cannot guard stacks: this kernel lacks MADV_GUARD_INSTALL (Linux 6.13); "
                  "let the server choose the guard");
        return CSGI_EFAIL;
    }
    memset(self, 0, sizeof(*self));
    self->guard = has_install ? STACK_GUARD_INSTALL : STACK_GUARD_MPROTECT;
    self->max_stacks = has_install ? SIZE_MAX : max_stacks_by_maps();
    for (size_t i = 0; i < STACK_CLASSES; i++) {
        self->classes[i].size = STACK_MIN << i;
        list_init(&self->classes[i].slabs);
        list_init(&self->classes[i].free);
    }
    return 0;
}

void stack_pool_fini(stack_pool *self)
{
    free_idle_slabs(self);
    CHECK(self->mapped_count == 0);
}

csgi_status stack_take(stack_pool *self, size_t size, stack **out)
{
    stack_class *class = class_for(self, size);
    csgi_status status = 0;
    stack *item;

    if (!class) return CSGI_ELIMIT;
    if (list_is_empty(&class->free)) {
        status = slab_new(self, class);
        if (status && free_idle_slabs(self)) status = slab_new(self, class);
    }
    if (status) return status;

    item = CONTAINER_OF(list_pop(&class->free), stack, node);
    if (item->is_warm) class->warm_count--;
    item->is_warm = false;
    if (!item->fiber) item->fiber = switch_fiber_new();
    item->uses++;
    item->slab->used++;
    class->free_count--;
    *out = item;
    return 0;
}

void stack_give_back(stack_pool *self, stack *item)
{
    stack_slab *slab = item->slab;
    stack_class *class = slab->class;

    put_back(class, item);
    if (slab->used == 0 && class->free_count - slab->count >= STACK_WARM_MAX) slab_free(self, slab);
}
