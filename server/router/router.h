/* SPDX-License-Identifier: MIT
 * A route table: patterns to targets. Built whole, then only read. It knows neither plugins nor
 * exchanges.
 *
 * A pattern is "/" and segments: literal, "{name}", or "{name:converter}" with str (default), int,
 * float, uuid, path (the rest, slashes included; last only). Static beats typed beats str beats
 * path, whatever the order of adding, with backtracking: a path that one pattern matches and whose
 * method it lacks goes to the next. Matching works on the raw path's segments, each decoded by
 * itself, so "%2F" stays inside its segment and "/%61" is "/a". A "path" may be empty, all other
 * parameters are not. int: "-" and digits; float: the same and a fraction; uuid: 8-4-4-4-12. */
#ifndef CAPRICORN_ROUTER_ROUTER_H
#define CAPRICORN_ROUTER_ROUTER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"

typedef struct router router;

/* Of one pattern. */
#define ROUTE_MAX_PARAMS   16
#define ROUTE_MAX_SEGMENTS 32

typedef struct route {
    csgi_str pattern, methods; /* methods: "GET,POST", empty: any; copied */
    void *target;
} route;

typedef enum route_result {
    ROUTE_FOUND,
    ROUTE_NOT_FOUND,
    ROUTE_METHOD_NOT_ALLOWED,
    ROUTE_REDIRECT,
    ROUTE_OPTIONS,
    ROUTE_BAD_PATH
} route_result;

typedef struct route_match {
    const route *route;
    csgi_fields params; /* in the arena, NUL-terminated, decoded */
    csgi_str allow;     /* METHOD_NOT_ALLOWED and OPTIONS: for the Allow header, in the arena */
    csgi_str location; /* REDIRECT: the raw path with its slash added or taken away, in the arena */
} route_match;

router *router_new(void); /* NULL: no memory */
void router_free(router *self);
/* Adds a route. CSGI_EINVAL: *problem says what is wrong with the pattern, or which route it
 * collides with. CSGI_ENOMEM. */
csgi_status router_add(router *self, const route *wanted, buffer *problem);
size_t router_count(const router *self);
const route *router_get(const router *self, size_t index); /* in the order of adding */
/* Finds the route of a request. A route with GET answers HEAD. OPTIONS, of a path or of "*", is
 * ROUTE_OPTIONS unless routed. Where only the path with the slash added or taken away exists:
 * ROUTE_REDIRECT. A path with a bad escape, a NUL or bytes that are not UTF-8: ROUTE_BAD_PATH,
 * *status CSGI_EINVAL. No memory is its twin: *status says CSGI_ENOMEM. Else *status is CSGI_OK. */
route_result router_match(const router *self, csgi_str method, csgi_str raw_path, arena *memory,
                          route_match *match, csgi_status *status);

#endif
