/* SPDX-License-Identifier: MIT
 * A few connections to PostgreSQL, shared by all calls of a worker. */
#ifndef POSTGRES_POOL_H
#define POSTGRES_POOL_H

#include <csgi/web.h>
#include <libpq-fe.h>

typedef struct pool pool;

/* For a start-up function. Connects to nothing yet; "conninfo" and "connections" of the
 * configuration say where to and how many. NULL: the call has failed. */
pool *pool_new(csgi_call *call);
/* No query is running. */
void pool_free(pool *self);

/* Runs one statement on a connection that is free, waiting for one, and for the answer; others are
 * served meanwhile. The result lives until the call ends. NULL: the call has failed, with 503 when
 * no connection was free in time, 504 when PostgreSQL took too long, 502 for all else; the log has
 * what PostgreSQL said. [suspends] */
PGresult *pool_query(pool *self, csgi_call *call, const char *sql, int count,
                     const char *const *values);

#endif
