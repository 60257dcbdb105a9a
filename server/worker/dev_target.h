/* SPDX-License-Identifier: MIT
 * One plugin of `capricorn dev`: how it is made, from what, and what the compiler said last. */
#ifndef CAPRICORN_WORKER_DEV_TARGET_H
#define CAPRICORN_WORKER_DEV_TARGET_H

#include "reload/build.h"

typedef struct dev_target {
    /* How it is made; on the heap. */
    char *source;      /* as the user named it: "weather.c" */
    char *file;        /* the plugin that comes of it: ".../weather.so" */
    char **command;    /* its arguments, up to NULL, borrowed */
    char *directory;   /* where it runs, and the source is; "": here */
    char *depends;     /* where it says what it has read; NULL: all sources there count */
    char *config;      /* the configuration beside the source, */
    char *config_link; /* which is made to be beside the file too; NULL: it is */

    /* How it went. */
    buffer paths;         /* what it is made from, each with a NUL behind it */
    uint64_t fingerprint; /* of what it was made from last; 0: never */
    bool is_broken;
    bool is_served;   /* its file is among those that are */
    uint64_t took_ms; /* the last time */
    buffer said;      /* the last time, as it was said */
} dev_target;

/* Is there something new in what it is made from? */
bool dev_target_is_stale(dev_target *self);
/* Makes it; is_broken then says how it went, and said why. CSGI_OK, also when it does not compile;
 * CSGI_EBUSY: build_stop was called; CSGI_ECANCELED, CSGI_ENOMEM. [suspends] */
csgi_status dev_target_build(dev_target *self, build *with, loop *loop);
/* Has the configuration beside the source be beside the file. */
void dev_target_link_config(const dev_target *self);
/* Appends the paths that are to be watched, each with a NUL behind it. CSGI_ENOMEM. */
csgi_status dev_target_list_watched(const dev_target *self, buffer *paths);
void dev_target_fini(dev_target *self);

#endif
