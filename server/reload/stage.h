/* SPDX-License-Identifier: MIT
 * Copies of plugin files, in a private directory: what is mapped is a copy, so that the file may be
 * written, replaced and taken away while its code runs, and so that the loader never takes a new
 * file for an old one. Everything here blocks: it is for a thread of the pool. */
#ifndef CAPRICORN_RELOAD_STAGE_H
#define CAPRICORN_RELOAD_STAGE_H

#include <stdint.h>
#include <sys/types.h>

#include <csgi/types.h>

#include "base/buffer.h"

typedef struct stage stage;

/* Hexadecimal digits of 64 bits, and a NUL. */
#define STAGE_HASH_SIZE 17

/* A file that was taken. */
typedef struct staged {
    char *image; /* the path that is to be mapped; on the heap */
    int fd;      /* of a copy in memory, which the path names as long as it is open; or -1 */
    char hash[STAGE_HASH_SIZE];
    dev_t device; /* of the file that it was copied from */
    ino_t inode;
} staged;

typedef enum stage_result {
    STAGE_TAKEN,
    STAGE_NO_COPY, /* neither on disk nor in memory: the hash is all there is */
    STAGE_SAME,    /* it has the hash that is known already: there is nothing to do */
    STAGE_BUSY,    /* somebody is writing it: look again in a moment */
    STAGE_GONE,    /* there is no such file */
    STAGE_REFUSED  /* *problem says why */
} stage_result;

/* Makes a directory of its own, for this user alone, below parent, and removes those that servers
 * of this user have left behind there. NULL: $XDG_RUNTIME_DIR or $TMPDIR, unless others may rename
 * what is in it, or /tmp. Where none can be made, copies lie in memory. CSGI_ENOMEM. */
csgi_status stage_open(const char *parent, stage **out);
/* Removes the directory with what is in it; what is mapped stays mapped. Harmless with NULL. */
void stage_close(stage *self);
const char *stage_directory(const stage *self); /* NULL: there is none */

/* Copies a file as it is at one moment, if nobody is writing it. known: a hash, or NULL. Only
 * STAGE_TAKEN and STAGE_NO_COPY fill *out. Threads may do so side by side. [any-thread] */
stage_result stage_take(stage *self, const char *source, uint64_t generation, const char *known,
                        staged *out, buffer *problem);
/* Removes a copy that is mapped no more, or never was. [any-thread] */
void staged_discard(staged *self);

#endif
