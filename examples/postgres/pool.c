/* SPDX-License-Identifier: MIT
 * The pool: libpq's non-blocking functions, and csgi_wait_fd wherever they would block. There are
 * no locks: calls of one worker never run at the same time. */
#include "pool.h"

#include <csgi/ext/draft/task.h>

#define CONNECT_TIMEOUT_MS 5000
#define ANSWER_TIMEOUT_MS  10000
#define TURN_TIMEOUT_MS    30000

struct pool {
    const csgi_sync_functions *sync;
    csgi_semaphore *turns; /* one for each connection that there may be */
    const char *conninfo;
    size_t idle_count;
    PGconn *idle[]; /* the one that was used last is taken first */
};

/* ---- one connection ---- */

/* A wait that failed has said why already. */
static void fail(csgi_call *call, const PGconn *connection)
{
    if (csgi_failed(call)) return;
    csgi_log(call, CSGI_LOG_WARNING, "PostgreSQL: %s", PQerrorMessage(connection));
    csgi_fail(call, 502, "the database did not answer the query");
}

/* 1: it is connected. */
static int connect_on(csgi_call *call, PGconn *connection)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    if (PQstatus(connection) == CONNECTION_BAD) return 0;
    while (next != PGRES_POLLING_OK) {
        uint32_t wanted = next == PGRES_POLLING_READING ? CSGI_READABLE : CSGI_WRITABLE;

        if (!csgi_wait_fd(call, PQsocket(connection), wanted, CONNECT_TIMEOUT_MS)) return 0;
        next = PQconnectPoll(connection);
        if (next == PGRES_POLLING_FAILED) return 0;
    }
    return PQsetnonblocking(connection, 1) == 0;
}

static PGconn *make_connection(const pool *self, csgi_call *call)
{
    PGconn *made = PQconnectStart(self->conninfo);

    if (made && connect_on(call, made)) return made;
    fail(call, made);
    PQfinish(made);
    return NULL;
}

/* While we write PostgreSQL may wait for us to read. */
static int flush(csgi_call *call, PGconn *connection)
{
    int left;

    while ((left = PQflush(connection)) > 0) {
        uint32_t ready = csgi_wait_fd(call, PQsocket(connection), CSGI_READABLE | CSGI_WRITABLE,
                                      ANSWER_TIMEOUT_MS);

        if (!ready) return 0;
        if ((ready & CSGI_READABLE) && !PQconsumeInput(connection)) return 0;
    }
    return left == 0;
}

static int wait_for_answer(csgi_call *call, PGconn *connection)
{
    while (PQisBusy(connection)) {
        if (!csgi_wait_fd(call, PQsocket(connection), CSGI_READABLE, ANSWER_TIMEOUT_MS)) return 0;
        if (!PQconsumeInput(connection)) return 0;
    }
    return 1;
}

/* The last result; NULL comes after it, and the connection is free again. */
static int read_answer(csgi_call *call, PGconn *connection, PGresult **result)
{
    PGresult *next;

    while (wait_for_answer(call, connection)) {
        next = PQgetResult(connection);
        if (!next) return *result != NULL;
        PQclear(*result);
        *result = next;
    }
    return 0;
}

/* ---- the pool ---- */

/* NULL in the place of one that was closed. */
static void give_back(pool *self, PGconn *connection)
{
    if (connection) self->idle[self->idle_count++] = connection;
    self->sync->semaphore_release(self->turns);
}

static PGconn *take(pool *self, csgi_call *call)
{
    PGconn *taken;

    if (csgi_failed(call)) return NULL;
    if (self->sync->semaphore_acquire(self->turns, TURN_TIMEOUT_MS) != CSGI_OK) {
        csgi_fail(call, 503, "no connection to the database was free in time");
        return NULL;
    }
    if (self->idle_count) return self->idle[--self->idle_count];
    taken = make_connection(self, call);
    if (!taken) give_back(self, NULL);
    return taken;
}

static void clear_result(void *result)
{
    PQclear(result);
}

/* It is cleared when the call ends; now, and the call has failed, if it is an error. */
static PGresult *keep(csgi_call *call, const PGconn *connection, PGresult *result)
{
    ExecStatusType kind = PQresultStatus(result);

    if (kind != PGRES_TUPLES_OK && kind != PGRES_COMMAND_OK)
        fail(call, connection);
    else if (call->host->defer(call->scope, clear_result, result) == CSGI_OK)
        return result;
    else
        csgi_fail(call, 500, "no memory");
    PQclear(result);
    return NULL;
}

PGresult *pool_query(pool *self, csgi_call *call, const char *sql, int count,
                     const char *const *values)
{
    PGconn *mine = take(self, call);
    PGresult *result = NULL;

    if (!mine) return NULL;
    if (PQsendQueryParams(mine, sql, count, NULL, values, NULL, NULL, 0) && flush(call, mine) &&
        read_answer(call, mine, &result)) {
        result = keep(call, mine, result);
        give_back(self, mine);
        return result;
    }
    fail(call, mine);
    PQclear(result);
    PQfinish(mine); /* in the middle of something: the next one makes a new one */
    give_back(self, NULL);
    return NULL;
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
    self->conninfo = csgi_config_str(call, "conninfo");
    return self;
}

void pool_free(pool *self)
{
    if (!self) return;
    while (self->idle_count)
        PQfinish(self->idle[--self->idle_count]);
    (void)self->sync->semaphore_free(self->turns);
}
