/* SPDX-License-Identifier: MIT
 * The last words: who was running when a signal ends the process. */
#ifndef CAPRICORN_LOOP_CRASH_H
#define CAPRICORN_LOOP_CRASH_H

#include <stdbool.h>

#include "loop/loop.h"

/* From now on a crash outside of a task is told as "crash in STEP of PLUGIN" ("create", "dlopen").
 * Both are borrowed until the next call; step NULL: the server's own work. */
void crash_set_step(csgi_str plugin, const char *step);

/* From now on a crash of the calling thread, one of a pool, is told as its label's, followed by
 * doing; NULL: it works for nobody. */
struct task_label;
void crash_set_offload(const struct task_label *label, const char *doing);
/* Where the stack of the calling thread ends, or a guard before that; NULL: not known. */
void crash_set_thread_stack(const char *low);

/* A thread's alternate signal stack, without which a stack overflow cannot be told. */
typedef struct crash_stack {
    void *memory; /* NULL: the thread had one already */
} crash_stack;

/* For the calling thread, whose crashes are then told as this loop's; NULL: it has none. 0 or
 * CSGI_ENOMEM. */
csgi_status crash_stack_init(crash_stack *self, const loop *owner);
void crash_stack_fini(crash_stack *self);

#endif
