/* SPDX-License-Identifier: MIT
 * A route's pattern, taken apart and found well-formed; and which converters a piece of a path
 * satisfies. It knows no table. */
#ifndef CAPRICORN_ROUTER_PATTERN_H
#define CAPRICORN_ROUTER_PATTERN_H

#include "base/arena.h"
#include "base/buffer.h"
#include "router/router.h"

/* What a segment of a pattern is. */
typedef enum segment_kind {
    SEGMENT_PATH,
    SEGMENT_STR,
    SEGMENT_INT,
    SEGMENT_FLOAT,
    SEGMENT_UUID,
    SEGMENT_LITERAL
} segment_kind;

/* The kinds that have a name in a pattern: all but SEGMENT_LITERAL. */
#define SEGMENT_CONVERTERS SEGMENT_LITERAL

typedef struct pattern_segment {
    segment_kind kind;
    csgi_str text; /* a literal, percent-decoded, or the parameter's name; NUL-terminated */
} pattern_segment;

typedef struct pattern {
    const pattern_segment *segments;
    size_t count, param_count;
} pattern;

/* Takes a pattern apart, into the arena. CSGI_EINVAL: *problem says what is wrong. CSGI_ENOMEM. */
csgi_status pattern_parse(csgi_str text, arena *memory, pattern *out, buffer *problem);

/* Which converters take this non-empty, decoded segment: a bit (1 << SEGMENT_INT) for each of int,
 * float and uuid. */
unsigned segment_typed_kinds(csgi_str segment);

#endif
