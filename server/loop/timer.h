/* SPDX-License-Identifier: MIT
 * Timers, embedded in their owners: starting and stopping cost O(1), no system call and no memory.
 * Millisecond grain. */
#ifndef CAPRICORN_LOOP_TIMER_H
#define CAPRICORN_LOOP_TIMER_H

#include "base/list.h"
#include "loop/loop.h"

typedef struct timer timer;
struct timer {
    list_node node;
    uint64_t due_ms;
    void (*on_due)(timer *self); /* [loop] the timer is stopped by then and may be started again */
};

/* Once, before all else. */
void timer_init(timer *self, void (*on_due)(timer *self));
/* Makes on_due run after at least delay_ms; a running timer is moved. It runs after the poll, so
 * that what has arrived in time is handled first. [loop] or task */
void timer_start(loop *loop, timer *self, uint64_t delay_ms);
/* Harmless when it is not running. [loop] or task */
void timer_stop(loop *loop, timer *self);
bool timer_is_running(const timer *self);

#endif
