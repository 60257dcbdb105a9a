/* SPDX-License-Identifier: MIT
 * Changing stacks, by boost.context's jump_fcontext. boost's own sanitizer support does not cover
 * its assembly, so the hooks are called here. */
#include "loop/switch.h"

#include <string.h>

/* boost/context/detail/fcontext.hpp is C++, but its two functions have C linkage. */
typedef struct switch_transfer {
    void *context; /* of the side that switched to us */
    void *payload; /* here: that side itself */
} switch_transfer;
extern switch_transfer jump_fcontext(void *to, void *payload);
extern void *make_fcontext(void *top, size_t size, void (*entry)(switch_transfer));

/* Weak: they are there when this build is sanitized, and when a sanitizer is preloaded so that an
 * ordinary build can serve a sanitized plugin. */
#define WEAK __attribute__((weak))
extern WEAK void __sanitizer_start_switch_fiber(void **fake_stack, const void *low, size_t size);
extern WEAK void __sanitizer_finish_switch_fiber(void *fake_stack, const void **low, size_t *size);
extern WEAK void __asan_unpoison_memory_region(void const volatile *low, size_t size);
extern WEAK void __lsan_register_root_region(const void *low, size_t size);
extern WEAK void __lsan_unregister_root_region(const void *low, size_t size);
extern WEAK void *__tsan_get_current_fiber(void);
extern WEAK void *__tsan_create_fiber(unsigned flags);
extern WEAK void __tsan_destroy_fiber(void *fiber);
extern WEAK void __tsan_switch_to_fiber(void *fiber, unsigned flags);

/* Between a hook and the jump the code belongs to neither stack. */
#define NOT_SANITIZED __attribute__((no_sanitize_address, no_sanitize_thread))

static void *(*get_exception_globals)(void);

/* An exception that is being handled belongs to its stack. Without this, a task that suspends
 * inside a catch and rethrows would rethrow what another task has caught. */
NOT_SANITIZED static void swap_exceptions(switch_side *from, const switch_side *to)
{
    exception_globals *globals;

    if (!get_exception_globals) return;
    globals = get_exception_globals();
    from->exceptions = *globals;
    *globals = to->exceptions;
}

/* The first thing on the stack that was switched to. */
NOT_SANITIZED static inline void arrive(switch_side *self, switch_transfer from)
{
    switch_side *origin = from.payload;

    origin->context = from.context;
    if (__sanitizer_finish_switch_fiber)
        __sanitizer_finish_switch_fiber(self->fake_stack, &origin->low, &origin->size);
}

/* Leaving for good tells ASan to give the fake stack back. */
NOT_SANITIZED static inline switch_transfer depart(switch_side *from, switch_side *to,
                                                   bool for_good)
{
    from->target = to;
    swap_exceptions(from, to);
    if (__sanitizer_start_switch_fiber)
        __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, to->low, to->size);
    if (__tsan_switch_to_fiber) __tsan_switch_to_fiber(to->fiber, 0);
    return jump_fcontext(to->context, from);
}

NOT_SANITIZED static void enter(switch_transfer from)
{
    switch_side *self = ((switch_side *)from.payload)->target;

    arrive(self, from);
    self->main(self->arg);
    __builtin_trap(); /* main ends by switch_leave */
}

void switch_init_thread(switch_side *self)
{
    memset(self, 0, sizeof(*self));
    if (__tsan_get_current_fiber) self->fiber = __tsan_get_current_fiber();
}

void *switch_fiber_new(void)
{
    return __tsan_create_fiber ? __tsan_create_fiber(0) : NULL;
}

void switch_fiber_free(void *fiber)
{
    if (fiber) __tsan_destroy_fiber(fiber);
}

void switch_init(switch_side *self, void *fiber, char *low, size_t size, char *top,
                 void (*main)(void *arg), void *arg)
{
    memset(self, 0, sizeof(*self));
    self->fiber = fiber;
    self->low = low;
    self->size = size;
    self->main = main;
    self->arg = arg;
    if (__lsan_register_root_region) __lsan_register_root_region(low, size);
    self->context = make_fcontext(top, (size_t)(top - low), enter);
}

void switch_fini(switch_side *self)
{
    const void *low = self->low;
    size_t size = self->size;

    if (__lsan_unregister_root_region) __lsan_unregister_root_region(low, size);
    /* The frames that never returned are still poisoned. */
    if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(low, size);
}

NOT_SANITIZED void switch_to(switch_side *from, switch_side *to)
{
    arrive(from, depart(from, to, false));
}

NOT_SANITIZED _Noreturn void switch_leave(switch_side *from, switch_side *to)
{
    depart(from, to, true);
    __builtin_unreachable();
}

void switch_set_exception_globals(void *(*cxa_get_globals)(void))
{
    get_exception_globals = cxa_get_globals;
}

bool switch_has_tsan(void)
{
    return __tsan_create_fiber != NULL;
}
