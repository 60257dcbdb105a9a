/* SPDX-License-Identifier: MIT
 * A route table: patterns to targets. Built whole, then only read. It knows neither plugins nor
 * exchanges.
 *
 * A pattern is "/" and segments: literal, "{name}", or "{name:converter}" with str (default), int,
 * float, uuid, path (the rest, slashes included; last only). Static beats typed beats str beats
 * path, whatever the order of adding, with backtracking: a path that one pattern matches and whose
 * method it lacks goes to the next. Matching works on the raw path's segments, each decoded by
 * itself, so "%2F" stays inside its segment and "/%61" is "/a". A "path" may be empty, all other
 * parameters are not. int: "-" and digits; float: the same and a fraction; uuid: 8-4-4-4-12.
 *
 * A route may be for one host, "api.example.com", or for all names below one, "*.example.com". A
 * request is looked up among the routes of its own host, then of the longest "*." name that it is
 * below, and so on, at last among those for any host; what one of them lacks is looked for in the
 * next. */
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
    csgi_str host; /* in lower case, without port or dot at its end; empty: any; copied */
} route;

typedef struct route_request {
    csgi_str method, raw_path;
    csgi_str host; /* as the client named it; not looked at unless router_has_hosts */
} route_request;

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
 * collides with; *rival (may be NULL) is that route, or NULL. CSGI_ENOMEM. */
csgi_status router_add(router *self, const route *wanted, const route **rival, buffer *problem);
size_t router_count(const router *self);
/* Is some route for a certain host? */
bool router_has_hosts(const router *self);
const route *router_get(const router *self, size_t index); /* in the order of adding */
/* Finds the route of a request. A route with GET answers HEAD. OPTIONS, of a path or of "*", is
 * ROUTE_OPTIONS unless routed. Where only the path with the slash added or taken away exists:
 * ROUTE_REDIRECT. A path with a bad escape, a NUL or bytes that are not UTF-8: ROUTE_BAD_PATH,
 * *status CSGI_EINVAL. No memory is its twin: *status says CSGI_ENOMEM. Else *status is CSGI_OK. */
route_result router_match(const router *self, const route_request *request, arena *memory,
                          route_match *match, csgi_status *status);

/* Does a segment of a pattern look like another framework's parameter (":id", "<id>", "*")? Then
 * *hint says how it is written here; as it is, it matches only itself. */
bool route_find_foreign(csgi_str text, buffer *hint);

#endif
