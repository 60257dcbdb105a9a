/* SPDX-License-Identifier: MIT
 * Keeps what the process writes to standard error, for tests that read the log. */
#ifndef TESTS_UNIT_LOOP_STDERR_CAPTURE_H
#define TESTS_UNIT_LOOP_STDERR_CAPTURE_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    int file, before;
    char text[16384];
} stderr_capture;

static inline void stderr_begin(void)
{
    stderr_capture.before = dup(STDERR_FILENO);
    stderr_capture.file = memfd_create("stderr", 0);
    dup2(stderr_capture.file, STDERR_FILENO);
}

/* Puts standard error back and returns what was written meanwhile. */
static inline const char *stderr_end(void)
{
    ssize_t len =
        pread(stderr_capture.file, stderr_capture.text, sizeof(stderr_capture.text) - 1, 0);

    stderr_capture.text[len > 0 ? len : 0] = '\0';
    dup2(stderr_capture.before, STDERR_FILENO);
    close(stderr_capture.before);
    close(stderr_capture.file);
    return stderr_capture.text;
}

/* How often a text occurs in another. */
static inline unsigned count_text(const char *text, const char *part)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

#endif
