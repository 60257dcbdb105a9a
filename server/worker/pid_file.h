/* SPDX-License-Identifier: MIT
 * The file that says the server's process id. Its holder locks it for as long as it lives, so that
 * one that was left behind is known, whatever process has the number now. */
#ifndef CAPRICORN_WORKER_PID_FILE_H
#define CAPRICORN_WORKER_PID_FILE_H

#include "base/buffer.h"

typedef struct pid_file {
    const char *path; /* borrowed; NULL: there is none */
    int fd;           /* open and locked */
} pid_file;

/* Makes the file: whole, or not at all. One that was left behind is replaced; CSGI_EFAIL when a
 * process holds it, or something else stands there, with a sentence in *problem. */
csgi_status pid_file_create(pid_file *self, const char *path, buffer *problem);
/* Removes the file, if it is still ours; harmless when there is none. Safe to call twice. */
void pid_file_remove(pid_file *self);

#endif
