/* SPDX-License-Identifier: MIT
 * A few connections to Redis, shared by all calls of a worker. */
#ifndef REDIS_POOL_H
#define REDIS_POOL_H

#include <csgi/web.h>
#include <hiredis/hiredis.h>

typedef struct pool pool;

/* For a start-up function. Connects to nothing yet, as its configuration says: "socket", or else
 * "host" and "port"; "connections"; "timeout_ms". NULL: the call has failed. */
pool *pool_new(csgi_call *call);
/* No call is being served. */
void pool_free(pool *self);

/* What Redis answers to one command, which is made as redisCommand makes it: each %s becomes one
 * argument, whatever is in it. Waits for a connection that is free, and for the answer; others are
 * served meanwhile. It lives until the call ends. NULL: the call has failed, with 503 when no
 * connection was free in time, 504 when Redis took too long, 502 for all else. [suspends] */
redisReply *pool_command(pool *self, csgi_call *call, const char *format, ...);

/* Several commands in one journey: take a connection, append them with redisAppendCommand, and ask
 * for as many answers, at once, whether they could be appended or not; that gives the connection
 * back too. NULL, as above: the call has failed. [suspends] */
redisContext *pool_take(pool *self, csgi_call *call);
redisReply **pool_ask(pool *self, csgi_call *call, redisContext *connection, size_t count);

#endif
