/* SPDX-License-Identifier: MIT
 * Reading a file whole, off the loop. */
#ifndef CAPRICORN_APP_WHOLE_FILE_H
#define CAPRICORN_APP_WHOLE_FILE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "loop/loop.h"

/* Reads a regular file of at most max_size bytes into the arena, on a thread of the loop's pool; a
 * NUL follows it. On failure *why is a sentence. CSGI_EFAIL: as the system says. CSGI_ELIMIT: it is
 * larger, or the pool is full. CSGI_EINVAL: it is no regular file, or the path has a NUL in it.
 * CSGI_ENOMEM, CSGI_ECANCELED, CSGI_ETIMEDOUT. [task] [suspends] */
csgi_status whole_file_read(loop *loop, arena *into, csgi_str path, uint64_t max_size,
                            csgi_str *content, buffer *why);

#endif
