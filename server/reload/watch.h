/* SPDX-License-Identifier: MIT
 * Being told that files may have changed, however that is done: written in place, replaced by
 * another, taken away, their directory exchanged. It tells too often rather than too seldom: who is
 * told compares what is there. */
#ifndef CAPRICORN_RELOAD_WATCH_H
#define CAPRICORN_RELOAD_WATCH_H

#include "loop/loop.h"

typedef struct watch watch;

typedef struct watch_options {
    uint64_t quiet_ms; /* it is told when nothing has happened for so long, */
    uint64_t most_ms;  /* but no later than so long after the first event */
    uint64_t poll_ms;  /* where the system tells nothing it is told as often as this */
} watch_options;

/* on_change is called from a task of the watch's own; changed: the name of a file that changed, for
 * messages ("weather.so"), or "". It must not close the watch. CSGI_ENOMEM, CSGI_ELIMIT. [loop] */
typedef void (*watch_fn)(void *arg, const char *changed);
csgi_status watch_new(loop *loop, const watch_options *options, watch_fn on_change, void *arg,
                      watch **out);
/* Watches these files and directories (which may be missing for now) from now on, and no others;
 * the paths are copied. A directory is watched for what is in it, not deeper. CSGI_ENOMEM: as
 * before. [loop] or task */
csgi_status watch_set(watch *self, const char *const *paths, size_t count);
/* Ends it; on_change is not called any more, and the memory goes when the loop has run. Harmless
 * with NULL. [loop] or task */
void watch_close(watch *self);

#endif
