/* SPDX-License-Identifier: MIT
 * Changing stacks: the one user of boost.context's assembly, and what sanitizers and C++ must be
 * told about it. */
#ifndef CAPRICORN_LOOP_SWITCH_H
#define CAPRICORN_LOOP_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

/* What C++ keeps for each thread: __cxa_eh_globals (Itanium C++ ABI: EH, section 2.2.2). */
typedef struct exception_globals {
    void *caught;
    unsigned uncaught;
} exception_globals;

/* One side of a switch, and where it stopped: a task, or the loop itself. */
typedef struct switch_side {
    void *context;   /* boost's: registers, and where to go on */
    const void *low; /* the stack's bounds, for ASan; those of a thread are learnt on the way */
    size_t size;
    void *fake_stack;             /* ASan's */
    void *fiber;                  /* TSan's */
    exception_globals exceptions; /* a copy, while it is stopped */
    struct switch_side *target;   /* who it switched to last */
    void (*main)(void *arg);
    void *arg;
} switch_side;

/* For the stack that the thread runs on now. */
void switch_init_thread(switch_side *self);
/* What TSan knows a stack by; it costs a millisecond, so it stays with the stack. NULL: no TSan. */
void *switch_fiber_new(void);
void switch_fiber_free(void *fiber);

/* For a new stack [low, low + size); top lies in it, what is above top is the caller's. Switching
 * to it begins main(arg), which ends by switch_leave. */
void switch_init(switch_side *self, void *fiber, char *low, size_t size, char *top,
                 void (*main)(void *arg), void *arg);
/* Ends what switch_init began; from another stack. */
void switch_fini(switch_side *self);
/* Stops `from`, which is running, and goes on with `to`. Returns when someone switches back. */
void switch_to(switch_side *from, switch_side *to);
/* The same, never to return. */
_Noreturn void switch_leave(switch_side *from, switch_side *to);

/* NULL: no C++ in this process. */
void switch_set_exception_globals(void *(*cxa_get_globals)(void));
/* Is this process under TSan, which knows a limited number of stacks? */
bool switch_has_tsan(void);

#endif
