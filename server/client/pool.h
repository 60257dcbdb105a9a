/* SPDX-License-Identifier: MIT
 * The connections of each origin: how many there may be, the idle ones (the last used first), and
 * who waits for one (the first come first). */
#ifndef CAPRICORN_CLIENT_POOL_H
#define CAPRICORN_CLIENT_POOL_H

#include "client/client.h"
#include "client/connection.h"

/* The limits of options that say 0. A connection costs a descriptor and a few KiB; servers refuse
 * more at once sooner than that. One that waits costs no more than its task. */
#define POOL_MAX_PER_ORIGIN  ((size_t)1024)
#define POOL_MAX_CONNECTIONS ((size_t)4096)
#define POOL_MAX_WAITING     ((size_t)8192)

#define POOL_BUCKETS   64u
#define POOL_RESPONSES 16u /* kept to be used again: few are read at the same moment */

typedef struct pool pool;
typedef struct pool_waiter pool_waiter;

/* In the queue for a connection, or for the place of a fresh one. */
struct pool_waiter {
    list_node in_origin, in_pool;
    origin *origin;
    connection *connection; /* when granted; NULL: a place */
    bool wants_fresh;       /* no connection that was used before */
    bool is_granted;
    void (*on_granted)(pool_waiter *self); /* once; it is in no queue then */
};

/* Who connections to one server belong to; it lives as long as one of them, or a fetch, uses it. */
struct origin {
    list_node in_bucket;
    pool *pool;
    list_node idle;    /* of connections */
    list_node waiters; /* of pool_waiter, the first come first */
    size_t idle_count, users, waiting;
    size_t places; /* taken by connections, idle or not, and by who makes one */
    csgi_str name;
    char text[];
};

struct pool {
    loop *loop;
    client_options options;
    list_node buckets[POOL_BUCKETS]; /* of origins, by their name */
    list_node waiters;               /* those of all origins */
    size_t connections, idle, waiting, places;
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
/* Takes the idle connection that was used last; or, with *out NULL, a place for a fresh one, for
 * which the idle one that was unused for longest may have to go. CSGI_EBUSY: wait. */
csgi_status origin_claim(origin *self, bool wants_fresh, connection **out);
/* Joins the queue, after CSGI_EBUSY. CSGI_ELIMIT: too many wait for this origin. */
csgi_status origin_wait(origin *self, pool_waiter *waiter);
/* Leaves the queue ungranted. */
void origin_leave(pool_waiter *waiter);
/* A place is free again: its connection has closed, or none was made. */
void origin_free_place(origin *self);
/* Puts a connection back: who waits has it, or it becomes idle; it is closed if others wait for its
 * place, or the pool is closing. */
void origin_put(origin *self, connection *unused);
/* Its timer is due: it is closed if it has been idle for all that time, or looked at once more when
 * it will have been. */
void origin_end_idle(const origin *self, connection *due);
/* An idle connection is closing. */
void origin_forget(origin *self, connection *closing);

#endif
