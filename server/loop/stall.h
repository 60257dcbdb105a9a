/* SPDX-License-Identifier: MIT
 * The stall detector: a thread that names who has held the loop for too long. The loop only stores
 * a few words; it reads no clock for it. */
#ifndef CAPRICORN_LOOP_STALL_H
#define CAPRICORN_LOOP_STALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/task.h"

typedef struct stall {
    uint64_t threshold_ms; /* 0: no detector */
    uint64_t segment_now;  /* the loop's own copy of segment */
    /* Published by the loop. A segment is a stretch of work by one holder. */
    _Atomic uint64_t segment;
    _Atomic(const task_label *) holder;
    _Atomic uint64_t round_ms; /* when the round began, on the loop's clock */
    /* Published by the detector. */
    _Atomic uint64_t stalled_segment;
    _Atomic uint64_t stalled_since_ns;
    _Atomic bool is_asleep; /* written under lock */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool must_stop; /* under lock */
    loop_stall past[LOOP_STALLS_KEPT];
    uint64_t past_count;
} stall;

/* 0, or CSGI_EFAIL with the reason logged. */
csgi_status stall_init(stall *self, uint64_t threshold_ms);
void stall_fini(stall *self);
/* The loop has work (its own, at first). */
void stall_begin_round(stall *self, uint64_t now_ms);
/* The loop is about to wait. */
void stall_end_round(stall *self);
/* A task begins to run; NULL: the loop's own work goes on. */
void stall_set_holder(stall *self, const task_label *label);

#endif
