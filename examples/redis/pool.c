/* SPDX-License-Identifier: MIT
 * The pool: hiredis on non-blocking sockets, and csgi_wait_fd wherever it would block. There are no
 * locks: calls of one worker never run at the same time. The server ignores SIGPIPE, so writing to
 * a Redis that has gone is an error as any other. */
#include "pool.h"

#include <csgi/ext/draft/task.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_MS 2000
#define TURN_TIMEOUT_MS    5000

struct pool {
    const csgi_sync_functions *sync;
    csgi_semaphore *turns; /* one for each connection that there may be */
    const char *socket, *host;
    int port;
    int64_t timeout_ms;
    size_t idle_count;
    redisContext *idle[]; /* the one that was used last is taken first */
};

/* What Redis has answered, freed when the call ends. */
typedef struct answers {
    size_t count;
    redisReply *items[];
} answers;

static void free_answers(void *arg)
{
    answers *self = arg;
    size_t i;

    for (i = 0; i < self->count; i++)
        freeReplyObject(self->items[i]);
}

/* A wait that failed has said why already. */
static void fail(csgi_call *call, const redisContext *connection)
{
    if (csgi_failed(call)) return;
    csgi_log(call, CSGI_LOG_WARNING, "Redis: %s", connection ? connection->errstr : "no memory");
    csgi_fail(call, 502, "Redis cannot be asked");
}

/* ---- one connection ---- */

/* A socket's own failure to connect is told by what is written first. */
static redisContext *make_connection(const pool *self, csgi_call *call)
{
    redisContext *made = *self->socket ? redisConnectUnixNonBlock(self->socket)
                                       : redisConnectNonBlock(self->host, self->port);

    if (made && !made->err && csgi_wait_fd(call, made->fd, CSGI_WRITABLE, CONNECT_TIMEOUT_MS))
        return made;
    fail(call, made);
    if (made) redisFree(made);
    return NULL;
}

/* Redis has not closed it meanwhile, as it does when it is restarted. */
static int is_open(const redisContext *connection)
{
    char byte;

    return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* While we write Redis may wait for us to read. */
static int write_commands(const pool *self, csgi_call *call, redisContext *connection)
{
    int is_done = 0;

    while (!connection->err && redisBufferWrite(connection, &is_done) == REDIS_OK && !is_done) {
        uint32_t ready =
            csgi_wait_fd(call, connection->fd, CSGI_READABLE | CSGI_WRITABLE, self->timeout_ms);

        if (!ready) return 0;
        if ((ready & CSGI_READABLE) && redisBufferRead(connection) != REDIS_OK) return 0;
    }
    return is_done;
}

static redisReply *read_answer(const pool *self, csgi_call *call, redisContext *connection)
{
    void *answer = NULL;

    while (redisGetReplyFromReader(connection, &answer) == REDIS_OK && !answer) {
        if (!csgi_wait_fd(call, connection->fd, CSGI_READABLE, self->timeout_ms)) return NULL;
        if (redisBufferRead(connection) != REDIS_OK) return NULL;
    }
    return answer;
}

/* All answers are here, and no more can come: another call may use the connection. */
static int ask(const pool *self, csgi_call *call, redisContext *connection, answers *into,
               size_t count)
{
    if (!write_commands(self, call, connection)) return 0;
    while (into->count < count) {
        redisReply *next = read_answer(self, call, connection);

        if (!next) return 0;
        into->items[into->count++] = next;
    }
    return 1;
}

/* ---- the pool ---- */

/* NULL in the place of one that was closed. */
static void give_back(pool *self, redisContext *connection)
{
    if (connection) self->idle[self->idle_count++] = connection;
    self->sync->semaphore_release(self->turns);
}

redisContext *pool_take(pool *self, csgi_call *call)
{
    redisContext *taken;

    if (csgi_failed(call)) return NULL;
    if (self->sync->semaphore_acquire(self->turns, TURN_TIMEOUT_MS) != CSGI_OK) {
        csgi_fail(call, 503, "no connection to Redis was free in time");
        return NULL;
    }
    while (self->idle_count) {
        taken = self->idle[--self->idle_count];
        if (is_open(taken)) return taken;
        redisFree(taken);
    }
    taken = make_connection(self, call);
    if (!taken) give_back(self, NULL);
    return taken;
}

/* The first of them that is an error fails the call, not the connection. */
static redisReply **judge(csgi_call *call, answers *given)
{
    size_t i;

    for (i = 0; i < given->count; i++) {
        if (given->items[i]->type != REDIS_REPLY_ERROR) continue;
        csgi_log(call, CSGI_LOG_WARNING, "Redis: %s", given->items[i]->str);
        csgi_fail(call, 502, "Redis refuses the command");
        return NULL;
    }
    return given->items;
}

redisReply **pool_ask(pool *self, csgi_call *call, redisContext *connection, size_t count)
{
    answers *given = csgi_alloc(call, sizeof(*given) + count * sizeof(given->items[0]));
    int is_answered = 0;

    if (given && call->host->defer(call->scope, free_answers, given) == CSGI_OK) {
        is_answered = ask(self, call, connection, given, count);
        if (!is_answered) fail(call, connection);
    } else {
        fail(call, NULL);
    }
    if (!is_answered) redisFree(connection); /* in the middle of something */
    give_back(self, is_answered ? connection : NULL);
    return is_answered ? judge(call, given) : NULL;
}

redisReply *pool_command(pool *self, csgi_call *call, const char *format, ...)
{
    redisContext *connection = pool_take(self, call);
    redisReply **only;
    va_list arguments;

    if (!connection) return NULL;
    va_start(arguments, format);
    (void)redisvAppendCommand(connection, format, arguments); /* pool_ask sees that it failed */
    va_end(arguments);
    only = pool_ask(self, call, connection, 1);
    return only ? only[0] : NULL;
}

pool *pool_new(csgi_call *call)
{
    const csgi_task_extension *tasks = call->host->extension(call->host, CSGI_TASK_EXTENSION);
    size_t size = (size_t)csgi_config_int(call, "connections");
    pool *self = csgi_alloc(call, sizeof(*self) + size * sizeof(self->idle[0]));

    if (!self) return NULL;
    self->sync = tasks && CSGI_HAS(tasks, csgi_task_extension, sync) ? tasks->sync : NULL;
    if (!self->sync || self->sync->semaphore_new(call->host, size, &self->turns) != CSGI_OK) {
        csgi_fail(call, 500, "this server has no semaphores");
        return NULL;
    }
    self->socket = csgi_config_str(call, "socket");
    self->host = csgi_config_str(call, "host");
    self->port = (int)csgi_config_int(call, "port");
    self->timeout_ms = csgi_config_int(call, "timeout_ms");
    return self;
}

void pool_free(pool *self)
{
    if (!self) return;
    while (self->idle_count)
        redisFree(self->idle[--self->idle_count]);
    (void)self->sync->semaphore_free(self->turns);
}
