/* SPDX-License-Identifier: MIT
 * What all steps of an outbound request share: its time limits, the wait that is under way, and the
 * sentence that tells why it failed. */
#ifndef CAPRICORN_CLIENT_PENDING_H
#define CAPRICORN_CLIENT_PENDING_H

#include "base/buffer.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "loop/timer.h"

typedef struct pending {
    loop *loop;
    csgi_str origin; /* "http://127.0.0.1:9000"; begins each sentence */
    buffer *why;
    size_t why_start; /* what stood in it before the call stays */
    uint64_t total_timeout_ms;
    uint64_t total_due_ms; /* the earlier of the request's and the caller's */
    uint64_t deadline_ms;  /* the caller's, on loop_now_ms; UINT64_MAX: none */
    task_wait wait;
    timer limit;
    bool settled;
    csgi_status status;
} pending;

/* The earlier of the two times decides when all has to be over. The sentence is appended to why. */
void pending_init(pending *self, loop *loop, csgi_str origin, buffer *why,
                  uint64_t total_timeout_ms, uint64_t deadline_ms);

/* Writes the sentence behind a failure, in place of an earlier one; returns the status. */
csgi_status pending_explain(pending *self, csgi_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes the sentence back: it was no failure yet. */
void pending_forgive(pending *self);
/* Is all the time over? Then pending_explain_total says so. */
bool pending_is_over(const pending *self);
csgi_status pending_explain_total(pending *self);

/* Begins to wait for pending_settle, until then at most (or all the time is over). */
void pending_begin(pending *self, uint64_t due_ms);
/* Moves the limit of the wait that is under way. */
void pending_set_limit(pending *self, uint64_t due_ms);
/* What was begun has ended with that status. [loop] */
void pending_settle(pending *self, csgi_status status);
/* What it settled with; or CSGI_ETIMEDOUT, or CSGI_ECANCELED (explained): unless settled, what was
 * begun must be taken back. [suspends] */
csgi_status pending_end(pending *self);

/* The earlier of two times. */
static inline uint64_t pending_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The time that long after now; the end of time, if there is none. */
static inline uint64_t pending_due_ms(uint64_t now_ms, uint64_t delay_ms)
{
    return delay_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + delay_ms;
}

#endif
