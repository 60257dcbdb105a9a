/* SPDX-License-Identifier: MIT
 * The part of a worker that `capricorn dev` adds: compiles what changes, has it served, and answers
 * browsers with what is wrong. */
#ifndef CAPRICORN_WORKER_DEV_H
#define CAPRICORN_WORKER_DEV_H

#include "exchange/exchange.h"
#include "worker/dev_target.h"
#include "worker/reload.h"

/* What is to be compiled and served; borrowed. */
typedef struct dev_plan {
    dev_target *targets;
    size_t target_count;
    /* What is served: each target's file is added to choice->files when it has compiled first, and
     * to the arguments of the process that tries things out; both have room for all. */
    plugin_choice *choice;
    char **probe_arguments;
    size_t probe_count;
    bool leaves_pages; /* they do not load themselves again */
} dev_plan;

typedef struct dev dev;

typedef struct dev_parts {
    loop *loop;
    dev_plan *plan;
    const server_options *options;
    reloader *reloader;
    void (*on_ready)(void *arg); /* all has been compiled, and what could be is served. [loop] */
    void *arg;
} dev_parts;

/* Begins to compile, and to watch. CSGI_ENOMEM, CSGI_ELIMIT. [loop] */
csgi_status dev_new(const dev_parts *parts, dev **out);
/* As reloader_parts.on_attempt; harmless with NULL. */
void dev_note_attempt(dev *self, csgi_str problem);
/* While something is wrong: answers those who asked for HTML or JSON by name, and everybody when
 * nothing has been served yet. False: it is to be served. [loop] */
bool dev_answer(dev *self, exchange *request);
/* Ends a compiler that runs, and takes no more; on_stopped perhaps at once. [loop] */
void dev_stop(dev *self, void (*on_stopped)(void *arg), void *arg);
/* After it has stopped. Harmless with NULL. */
void dev_free(dev *self);

#endif
