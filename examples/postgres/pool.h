/* SPDX-License-Identifier: MIT
 * A few connections to PostgreSQL, shared by all calls of a worker. */
#ifndef POSTGRES_POOL_H
#define POSTGRES_POOL_H

#include <csgi/csgi.h>
#include <libpq-fe.h>

typedef struct pool pool;

/* Room for what went wrong. */
#define POOL_WHY_SIZE 256

/* Connects to nothing yet. NULL: no memory, or the server cannot wait for descriptors. The text is
 * borrowed. */
pool *pool_new(const csgi_host *host, const char *conninfo, size_t size);
/* No query is running. */
void pool_free(pool *self);

/* Runs one statement on a connection that is free, waiting for one, and for the answer; others are
 * served meanwhile. The result is to be cleared by PQclear. On failure why says what PostgreSQL
 * said. CSGI_EFAIL, CSGI_ENOMEM, CSGI_ETIMEDOUT, CSGI_ECANCELED. [task] [suspends] */
csgi_status pool_query(pool *self, const char *sql, int count, const char *const *values,
                       PGresult **result, char why[POOL_WHY_SIZE]);

#endif
