/* SPDX-License-Identifier: MIT
 * Tasks that wait in a line for one thing: first come, first served, each with a time limit. */
#ifndef CAPRICORN_LOOP_WAITERS_H
#define CAPRICORN_LOOP_WAITERS_H

#include "loop/task.h"
#include "loop/timer.h"

/* One in the line, on its task's stack. */
typedef struct waiter {
    list_node node;
    task_wait wait;
    timer limit;
    void *item; /* what it brings, or is given */
} waiter;

/* The running task waits at the end of the line until waiters_wake, and returns that status;
 * CSGI_ETIMEDOUT after timeout_ms (UINT64_MAX: never), CSGI_ECANCELED; it has left the line then.
 * Whoever woke it may have freed the line. [task] [suspends] */
csgi_status waiters_join(loop *loop, list_node *line, uint64_t timeout_ms, waiter *self);
/* Takes the first out of the line; NULL: nobody waits. It must be woken. */
waiter *waiters_take(list_node *line);
/* Ends the wait of one that was taken. */
void waiters_wake(waiter *taken, csgi_status status);
/* Wakes all. */
void waiters_wake_all(list_node *line, csgi_status status);

#endif
