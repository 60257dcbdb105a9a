/* SPDX-License-Identifier: MIT
 * Sets of HTTP methods as bits, so that a route's methods are compared at once. */
#ifndef CAPRICORN_ROUTER_METHODS_H
#define CAPRICORN_ROUTER_METHODS_H

#include "base/arena.h"
#include "base/buffer.h"

typedef uint64_t method_set;

#define METHOD_SET_ANY (~(method_set)0)

/* The bits of the methods that routes name; HTTP's own come first. */
#define METHOD_GET     ((method_set)1 << 0)
#define METHOD_HEAD    ((method_set)1 << 1)
#define METHOD_OPTIONS ((method_set)1 << 2)
/* No route names it: only a route for any method has this bit. */
#define METHOD_UNKNOWN ((method_set)1 << 63)

/* How many different methods a table may name. */
#define METHODS_MAX 63

typedef struct methods {
    csgi_str names[METHODS_MAX];
    size_t count;
} methods;

void methods_init(methods *self);
/* The set of a list "GET,POST"; empty: any. New names are copied into the arena. CSGI_EINVAL:
 * *problem says what is wrong, without naming the route. CSGI_ENOMEM. */
csgi_status methods_parse(methods *self, csgi_str list, arena *memory, method_set *out,
                          buffer *problem);
/* The bit of a request's method. */
method_set methods_find(const methods *self, csgi_str method);
/* The names of a set, in the arena: "GET, HEAD, POST". ptr is NULL when there is no memory. */
csgi_str methods_list(const methods *self, method_set set, arena *memory);

#endif
