/* SPDX-License-Identifier: MIT
 * A bridge between a pool thread and tasks of its loop: a task runs a function on the thread, and
 * until it has returned performs on the loop what the function asks for. What is performed may run
 * further functions on the same thread, by the same task or by others: they run on top of the one
 * that asks, whatever that waits for. */
#ifndef CAPRICORN_LOOP_BRIDGE_H
#define CAPRICORN_LOOP_BRIDGE_H

#include "base/arena.h"
#include "loop/task.h"

typedef struct bridge bridge;

/* One to begin, in memory that outlives its end; owner is whatever its thread wants to find again.
 * NULL: no memory. */
bridge *bridge_new(arena *memory, loop *runner, void *owner);
/* Are there threads enough to run one more endpoint now? [loop] */
bool bridge_finds_thread(const loop *owner);
/* Begins a bridge by running fn(arg) on a thread for the running task, and stores what it returned.
 * One that may not wait takes only a thread that is free at once. CSGI_ELIMIT: the queue is full,
 * or the system gives no thread; CSGI_ECANCELED, CSGI_ETIMEDOUT: before its turn had come;
 * CSGI_ENOMEM; what bridge_give_up says. Whenever it fails fn was not called, and the bridge has
 * ended. [task] [suspends] */
csgi_status bridge_begin(bridge *self, bool may_wait, const task_label *label, task_fn fn,
                         void *arg, csgi_status *result);
/* Runs another one, as soon as the thread waits; cancellation does not keep it back. CSGI_ESTATE:
 * the thread has left. [task] [suspends] */
csgi_status bridge_run(bridge *self, const task_label *label, task_fn fn, void *arg,
                       csgi_status *result);
/* If it still waits for a thread, bridge_begin fails with that. [loop] */
void bridge_give_up(bridge *self, csgi_status why);
/* Lets a thread that was kept go. [task] [suspends] */
void bridge_end(bridge *self);
/* Has it no thread, and was that heard? [loop] */
bool bridge_has_ended(const bridge *self);

/* The bridge whose thread this is; NULL: it is none's. [any-thread] */
extern _Thread_local bridge *bridge_of_thread;
static inline bridge *bridge_here(void)
{
    return __builtin_expect(bridge_of_thread != NULL, 0) ? bridge_of_thread : NULL;
}
/* Of a thread of a bridge: has the task that runs its function call fn(arg), and waits for its end.
 */
void bridge_perform(csgi_fn fn, void *arg);
/* Of a thread of a bridge: it does not leave with its last function, but by bridge_end. */
void bridge_keep(void);
/* The owner of this thread's bridge, or NULL. [any-thread] */
void *bridge_owner(void);
/* Of a thread of a bridge: whom its function works for. */
const task_label *bridge_label(void);

#endif
