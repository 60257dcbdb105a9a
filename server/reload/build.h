/* SPDX-License-Identifier: MIT
 * Running a compiler, or whatever makes a plugin, beside the loop: its output is kept, and it is
 * killed, with all that it has started, when nobody wants its result any more. */
#ifndef CAPRICORN_RELOAD_BUILD_H
#define CAPRICORN_RELOAD_BUILD_H

#include <sys/types.h>

#include "base/buffer.h"
#include "loop/loop.h"

/* Of a build's output so many bytes are kept. */
#define BUILD_OUTPUT_MAX ((size_t)262144)

typedef struct build_order {
    char *const *arguments; /* up to NULL; the program is looked for in PATH */
    const char *directory;  /* where it runs; NULL: here */
} build_order;

/* One that runs; all zero before. */
typedef struct build {
    pid_t child; /* 0: none */
    bool is_stopped;
} build;

/* Runs it to its end, with nothing to read and both outputs appended to *output. CSGI_OK: it has
 * succeeded; CSGI_EFAIL: it has not, as *output says; CSGI_EBUSY: build_stop was called;
 * CSGI_ECANCELED, CSGI_ENOMEM. [task] [suspends] */
csgi_status build_run(build *self, loop *loop, const build_order *order, buffer *output);
/* Ends the one that runs, if there is one: build_run returns CSGI_EBUSY. [loop] or task */
void build_stop(build *self);

#endif
