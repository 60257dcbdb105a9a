/* SPDX-License-Identifier: MIT
 * Doing something on the loop's own stack, from a task. */
#ifndef CAPRICORN_LOOP_ON_LOOP_H
#define CAPRICORN_LOOP_ON_LOOP_H

#include "loop/task.h"

/* Runs fn(arg, &status) on the loop's own stack and returns the status; the running task waits
 * meanwhile, cancelled or not. On the loop's own stack fn is just called. [suspends] */
csgi_status on_loop(loop *loop, void (*fn)(void *arg, csgi_status *status), void *arg);

#endif
