/* SPDX-License-Identifier: MIT
 * The event loop of one worker thread: running, stopping, work posted from other threads. Tasks and
 * timers stand on it. */
#ifndef CAPRICORN_LOOP_LOOP_H
#define CAPRICORN_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <csgi/types.h>

typedef struct loop loop;

typedef enum stack_guard {
    STACK_GUARD_AUTO,    /* guard-install where the kernel has it, else mprotect */
    STACK_GUARD_INSTALL, /* MADV_GUARD_INSTALL (Linux 6.13): costs no mapping */
    STACK_GUARD_MPROTECT /* one mapping each side: the number of tasks is capped below
                            vm.max_map_count */
} stack_guard;

typedef struct loop_options {
    size_t stack_size; /* of a task, bytes; 0: 256 KiB */
    size_t max_tasks;  /* 0: as many as the guards allow; beyond: CSGI_ELIMIT */
    stack_guard guard;
    uint64_t stall_threshold_ms; /* the stall detector names who held the loop for longer; 0: no
                                    detector */
    /* Of functions that block (offload.h), and as many of endpoints (bridge.h). */
    size_t max_threads; /* 0: 32 */
    size_t max_queued;  /* that wait for a thread; beyond: CSGI_ELIMIT; 0: 1024 */
} loop_options;

/* Makes a loop for the calling thread. 0, CSGI_ENOMEM, or CSGI_EFAIL with the reason logged. */
csgi_status loop_new(const loop_options *options, loop **out);
/* Ends it: every task has ended and every handle is closed (CHECKed). */
void loop_free(loop *self);
/* Runs until loop_stop, or until nothing is left to wait for: no open stream, running timer, ready
 * task or post. (A suspended task alone, and a watched signal, keep no loop running.) After each
 * round of events the ready tasks run. */
void loop_run(loop *self);
/* Makes loop_run return after this round. [loop] */
void loop_stop(loop *self);

/* Runs fn(arg) on the loop, in the order of the calls. CSGI_ENOMEM. [any-thread] */
csgi_status loop_post(loop *self, csgi_fn fn, void *arg);
/* Called once at the end of each round, before waiting: the log's flush. [loop] */
void loop_set_round_end(loop *self, void (*fn)(void));

/* The clock, read once a round at least. [loop] */
uint64_t loop_now_ms(const loop *self);
/* The clock, read now; monotonic. [any-thread] */
uint64_t loop_clock_ns(void);

/* Calls on_signal(arg, signum) on the loop. A signal may be watched once. 0, CSGI_ENOMEM, or
 * CSGI_EFAIL with the reason logged. The watch ends with loop_close_signals. */
csgi_status loop_watch_signal(loop *self, int signum, void (*on_signal)(void *arg, int signum),
                              void *arg);
void loop_close_signals(loop *self);

/* A stall that has ended. */
#define LOOP_STALLS_KEPT 20u
typedef struct loop_stall {
    uint64_t number;  /* from 1 on */
    int64_t at_ms;    /* since 1970, when it ended */
    uint64_t held_ms; /* for so long at least */
    char holder[128]; /* "plugin P, endpoint E" */
} loop_stall;
/* The last ones: the newest is 0; NULL: there are not so many. Valid until the next. [loop] */
const loop_stall *loop_get_stall(const loop *self, size_t index);

/* libuv's loop, for net/ alone: a uv_loop_t. */
void *loop_uv(loop *self);
/* 64 KiB that reads land in, shared by all connections; its content does not survive the read's
 * callback. [loop] */
#define LOOP_SCRATCH_SIZE ((size_t)65536)
char *loop_scratch(loop *self);

#endif
