/* SPDX-License-Identifier: MIT
 * A table of targets: what a worker serves where, built whole, then only read. What is in it comes
 * from default routes (routes.c) or from a routes file (file_routes.c). */
#ifndef CAPRICORN_APP_TABLE_H
#define CAPRICORN_APP_TABLE_H

#include "app/app_set.h"
#include "router/routes_file.h"

/* Around one route: a call's frames lie on its stack. */
#define TABLE_MAX_AROUND 100

/* What a route leads to: an endpoint, the middleware around it, and what the route says of it. */
typedef struct app_target {
    app_table *table; /* of which it is */
    const app_endpoint *endpoint;
    const app_endpoint **around; /* outermost first */
    size_t around_count;
    csgi_str pattern, config; /* csgi_scope.route and route_config; NUL-terminated */
    csgi_str root_path;       /* of a mount: its prefix, decoded */
    size_t root_segments;     /* of one whose prefix has parameters: how much of the path it is */
    uint64_t timeout_ms;      /* from dispatch on; 0: no limit */
    uint64_t body_limit;      /* 0: no limit; UINT64_MAX: the server's */
    file_position at;         /* in the routes file; line 0: it is a default route */
} app_target;

/* The default routes of one instance, for "app:NAME/path". */
typedef struct app_own_routes {
    instance *instance;
    router *routes;
} app_own_routes;

struct app_table {
    arena memory; /* of the targets */
    router *routes;
    app_own_routes *own;
    size_t own_count;
    size_t references; /* the set's or an edition's, and one for each request */
};

/* An empty one, with own routes for each of the instances, sorted by plugin and app: the order in
 * which their middleware wraps. NULL: no memory. */
app_table *table_new(instance *const *instances, size_t count);
/* Once nobody holds it. */
void table_free(app_table *self);
static inline void table_hold(app_table *self)
{
    self->references++;
}
/* Harmless with NULL. */
static inline void table_release(app_table *self)
{
    if (self && --self->references == 0) table_free(self);
}
/* From now on requests are looked up in this one; those that are under way keep theirs. */
void table_swap_in(app_table *self, app_set *set);

/* A target with all that an endpoint alone says, and room for so much middleware. NULL: no memory.
 */
app_target *table_new_target(app_table *self, const app_endpoint *endpoint, size_t around_max);
/* May a route have so much middleware? Otherwise *why says what it may have. */
bool table_takes_around(size_t around_count, buffer *why);
/* Does this middleware by default wrap what stands at that path, for that endpoint? */
bool table_wraps(const app_endpoint *around, const app_endpoint *endpoint);
/* Adds the default route of an endpoint to the own routes of its instance. CSGI_EINVAL,
 * CSGI_ENOMEM. */
csgi_status table_add_own(app_own_routes *own, app_target *target, buffer *problem);

#endif
