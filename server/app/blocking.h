/* SPDX-License-Identifier: MIT
 * Blocking endpoints: they run on a pool thread, and their call's task performs what they ask of
 * the host. All of one call that blocks runs on one thread, nested, so that no call waits for a
 * thread that it holds itself. */
#ifndef CAPRICORN_APP_BLOCKING_H
#define CAPRICORN_APP_BLOCKING_H

#include "app/http_call.h"

/* The part of a call that is on a thread; in the call's arena. */
typedef struct blocking blocking;

/* Runs a blocking frame on a thread: as frame_run. When there is no thread the answer is 503, sent
 * by send. [task] [suspends] */
csgi_status blocking_run(frame *self, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send);
/* Does the call, or one that waits for its response, hold a thread? [loop] */
bool blocking_holds_thread(const call *self);

/* Is it the arena, or a child of the arena, that the blocking endpoint of this thread has for its
 * own? On the loop: no. */
bool blocking_owns(const csgi_arena *wanted);
/* The arena that a blocking endpoint of this thread allocates from; NULL on the loop. */
csgi_arena *blocking_arena(void);

/* csgi_host.defer on a thread: fn will run on that thread. */
csgi_status blocking_defer(call *of, csgi_fn fn, void *arg);
/* Runs it. [task] [suspends] */
void blocking_run_deferred(blocking *self, const task_label *label, csgi_fn fn, void *arg);

#endif
