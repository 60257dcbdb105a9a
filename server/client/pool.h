/* SPDX-License-Identifier: MIT
 * The idle connections of each origin, the last used first. */
#ifndef CAPRICORN_CLIENT_POOL_H
#define CAPRICORN_CLIENT_POOL_H

#include "client/client.h"
#include "client/connection.h"

#define POOL_BUCKETS   64u
#define POOL_RESPONSES 16u /* kept to be used again: few are read at the same moment */

typedef struct pool pool;

/* Who connections to one server belong to; it lives as long as one of them, or a fetch, uses it. */
struct origin {
    list_node in_bucket;
    pool *pool;
    list_node idle; /* of connections */
    size_t idle_count, users;
    csgi_str name;
    char text[];
};

struct pool {
    loop *loop;
    client_options options;
    list_node buckets[POOL_BUCKETS]; /* of origins, by their name */
    size_t connections, idle;
    response *responses[POOL_RESPONSES]; /* nobody reads them */
    size_t response_count;
    bool closing;
    void (*on_unused)(pool *self); /* told when an origin has gone */
};

/* Makes an empty pool. */
void pool_init(pool *self, loop *loop, const client_options *options,
               void (*on_unused)(pool *self));
/* Closes idle connections, and from now on each that would become idle. */
void pool_close(pool *self);

/* What reads a response, taken for as long as one is arriving. NULL: no memory. */
response *pool_take_response(pool *self);
void pool_put_response(pool *self, response *unused);
/* Frees those that are kept. */
void pool_free_responses(pool *self);

/* The origin of that name, made if need be, with one more user. NULL: no memory. */
origin *origin_get(pool *self, csgi_str name);
void origin_hold(origin *self);
void origin_release(origin *self);
/* The idle connection that was used last, or NULL. */
connection *origin_take(origin *self);
/* Puts a connection back, or closes it when the pool is closing. */
void origin_put(origin *self, connection *unused);
/* An idle connection is closing. */
void origin_forget(origin *self, connection *closing);

#endif
