/* SPDX-License-Identifier: MIT
 * W3C trace context (Recommendation of 23 November 2021): what a request came with, and what goes
 * on with the requests made for it. Bytes in, bytes out; chance is given. */
#ifndef CAPRICORN_CLIENT_TRACE_H
#define CAPRICORN_CLIENT_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <csgi/types.h>

/* "00-", 32 digits, "-", 16 digits, "-", 2 digits. */
#define TRACE_PARENT_LENGTH ((size_t)55)
/* What of tracestate is passed on (section 3.3.1.5), and how many members it may have (3.3.1.1). */
#define TRACE_STATE_MAX   ((size_t)512)
#define TRACE_MEMBERS_MAX ((size_t)32)
/* Members larger than that go first when there is too much. */
#define TRACE_LARGE_MEMBER ((size_t)128)

typedef struct trace {
    char id[32]; /* lower-case hexadecimal digits, as the caller's traceparent has them */
    bool sampled;
    size_t state_len; /* 0: no tracestate */
    char state[TRACE_STATE_MAX];
} trace;

/* Reads traceparent and tracestate from a request's fields (names in lower case). False: there is
 * no trace, or it is malformed (zero ids, version ff, two traceparents), which starts a new one for
 * the next server. Later versions are read as far as version 00 goes (section 4). A malformed
 * tracestate, or one of more than TRACE_MEMBERS_MAX members, is dropped alone; one that is too long
 * loses large members, then those at its end. */
bool trace_read(csgi_fields headers, trace *out);
/* The traceparent of a request that is part of the trace: version 00, of the flags only "sampled".
 * span is the new parent id, random; 0, which is no id, becomes 1. No NUL. */
void trace_print_parent(const trace *self, uint64_t span, char out[TRACE_PARENT_LENGTH]);

#endif
