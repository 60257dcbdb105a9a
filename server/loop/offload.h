/* SPDX-License-Identifier: MIT
 * Blocking functions of tasks, each on a thread of the loop's pool. */
#ifndef CAPRICORN_LOOP_OFFLOAD_H
#define CAPRICORN_LOOP_OFFLOAD_H

#include "loop/task.h"

/* Runs fn(arg) on a thread of the pool while the running task waits, and stores what it returned.
 * Once it has begun the task waits for its end, cancelled or not, so that arg may lie on the task's
 * stack; then this is a success, and the next wait says that the task is cancelled. Before that
 * cancellation takes it out of the queue. CSGI_ECANCELED, CSGI_ETIMEDOUT: cancelled, as
 * task_wait_end says; CSGI_ELIMIT: the queue is full, or the system gives no thread; CSGI_ENOMEM.
 * Whenever it fails fn was not called. [task] [suspends] */
csgi_status offload_run(loop *loop, task_fn fn, void *arg, csgi_status *result);

#endif
