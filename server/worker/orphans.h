/* SPDX-License-Identifier: MIT
 * What the first process of a container owes: processes whose parents have gone become its
 * children, and somebody has to wait for them. */
#ifndef CAPRICORN_WORKER_ORPHANS_H
#define CAPRICORN_WORKER_ORPHANS_H

#include "loop/loop.h"
#include "loop/timer.h"

/* Children that have ended are left until then, so that a plugin that started one learns how. */
#define ORPHANS_REAP_AFTER_MS 1000u

/* All zero is one that watches nothing. */
typedef struct orphans {
    loop *loop;
    timer due;
} orphans;

/* From now on children that have ended are waited for. As loop_watch_signal. [loop] */
csgi_status orphans_watch(orphans *self, loop *loop);
/* No more; the loop's watch of the signal ends with loop_close_signals. [loop] */
void orphans_close(orphans *self);

#endif
