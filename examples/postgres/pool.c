/* SPDX-License-Identifier: MIT
 * The pool: libpq's non-blocking functions, and csgi.draft.wait/1 wherever they would block. There
 * are no locks: calls of one worker never run at the same time. */
#include "pool.h"

#include <csgi/ext/draft/wait.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 5000
#define ANSWER_TIMEOUT_MS  10000
#define TURN_TIMEOUT_MS    30000

typedef struct slot slot;
struct slot {
    PGconn *connection; /* NULL: to be made by the first who needs it */
    slot *next_free;
};

/* One call that waits for a slot, on its stack. Its descriptor becomes readable when it has one. */
typedef struct waiter waiter;
struct waiter {
    waiter *next;
    slot *given;
    int fd;
};

struct pool {
    const csgi_host *host;
    const csgi_wait_extension *wait;
    const char *conninfo;
    slot *free;
    waiter *first, **last;
    size_t size;
    slot slots[];
};

/* ---- whose turn it is ---- */

static void give_back(pool *self, slot *item)
{
    waiter *next = self->first;

    if (!next) {
        item->next_free = self->free;
        self->free = item;
        return;
    }
    self->first = next->next;
    if (!self->first) self->last = &self->first;
    next->given = item;
    (void)eventfd_write(next->fd, 1);
}

static void leave_queue(pool *self, const waiter *item)
{
    waiter **at = &self->first;

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    if (!*at) self->last = at;
}

static csgi_status wait_for_turn(pool *self, slot **out)
{
    waiter mine = { .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
    csgi_status status;

    if (mine.fd < 0) return CSGI_ELIMIT;
    *self->last = &mine;
    self->last = &mine.next;
    status = self->wait->fd(self->host, mine.fd, CSGI_READABLE, TURN_TIMEOUT_MS, NULL);
    close(mine.fd);
    if (status == CSGI_OK)
        *out = mine.given;
    else if (mine.given)
        give_back(self, mine.given); /* it came too late: cancelled, or the time was over */
    else
        leave_queue(self, &mine);
    return status;
}

static csgi_status take(pool *self, slot **out)
{
    if (!self->free) return wait_for_turn(self, out);
    *out = self->free;
    self->free = self->free->next_free;
    return CSGI_OK;
}

/* ---- one connection ---- */

static csgi_status wait_for(const pool *self, PGconn *connection, uint32_t wanted,
                            uint64_t timeout_ms, uint32_t *ready)
{
    return self->wait->fd(self->host, PQsocket(connection), wanted, timeout_ms, ready);
}

static csgi_status connect_slot(const pool *self, slot *item)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    item->connection = PQconnectStart(self->conninfo);
    if (!item->connection) return CSGI_ENOMEM;
    if (PQstatus(item->connection) == CONNECTION_BAD) return CSGI_EFAIL;
    while (next != PGRES_POLLING_OK) {
        uint32_t wanted = next == PGRES_POLLING_READING ? CSGI_READABLE : CSGI_WRITABLE;
        csgi_status status = wait_for(self, item->connection, wanted, CONNECT_TIMEOUT_MS, NULL);

        if (status != CSGI_OK) return status;
        next = PQconnectPoll(item->connection);
        if (next == PGRES_POLLING_FAILED) return CSGI_EFAIL;
    }
    return PQsetnonblocking(item->connection, 1) == 0 ? CSGI_OK : CSGI_EFAIL;
}

/* While we write PostgreSQL may wait for us to read. */
static csgi_status flush(const pool *self, PGconn *connection)
{
    int left;

    while ((left = PQflush(connection)) > 0) {
        uint32_t ready = 0;
        csgi_status status =
            wait_for(self, connection, CSGI_READABLE | CSGI_WRITABLE, ANSWER_TIMEOUT_MS, &ready);

        if (status != CSGI_OK) return status;
        if ((ready & CSGI_READABLE) && !PQconsumeInput(connection)) return CSGI_EFAIL;
    }
    return left == 0 ? CSGI_OK : CSGI_EFAIL;
}

static csgi_status wait_for_answer(const pool *self, PGconn *connection)
{
    while (PQisBusy(connection)) {
        csgi_status status = wait_for(self, connection, CSGI_READABLE, ANSWER_TIMEOUT_MS, NULL);

        if (status != CSGI_OK) return status;
        if (!PQconsumeInput(connection)) return CSGI_EFAIL;
    }
    return CSGI_OK;
}

/* The last result; NULL comes after it, and the connection is free again. */
static csgi_status read_answer(const pool *self, PGconn *connection, PGresult **result)
{
    csgi_status status;
    PGresult *next;

    while ((status = wait_for_answer(self, connection)) == CSGI_OK) {
        next = PQgetResult(connection);
        if (!next) return *result ? CSGI_OK : CSGI_EFAIL;
        PQclear(*result);
        *result = next;
    }
    return status;
}

static csgi_status run(const pool *self, slot *item, const char *sql, int count,
                       const char *const *values, PGresult **result)
{
    csgi_status status = item->connection ? CSGI_OK : connect_slot(self, item);

    if (status == CSGI_OK &&
        !PQsendQueryParams(item->connection, sql, count, NULL, values, NULL, NULL, 0))
        status = CSGI_EFAIL;
    if (status == CSGI_OK) status = flush(self, item->connection);
    if (status == CSGI_OK) status = read_answer(self, item->connection, result);
    return status;
}

csgi_status pool_query(pool *self, const char *sql, int count, const char *const *values,
                       PGresult **result, char why[POOL_WHY_SIZE])
{
    ExecStatusType kind;
    csgi_status status;
    slot *mine;

    *result = NULL;
    snprintf(why, POOL_WHY_SIZE, "no connection was free in time");
    status = take(self, &mine);
    if (status != CSGI_OK) return status;

    status = run(self, mine, sql, count, values, result);
    snprintf(why, POOL_WHY_SIZE, "%s", PQerrorMessage(mine->connection));
    kind = PQresultStatus(*result);
    if (status != CSGI_OK) { /* in the middle of something: the next one makes a new one */
        PQfinish(mine->connection);
        mine->connection = NULL;
    } else if (kind != PGRES_TUPLES_OK && kind != PGRES_COMMAND_OK) {
        status = CSGI_EFAIL;
    }
    if (status != CSGI_OK) {
        PQclear(*result);
        *result = NULL;
    }
    give_back(self, mine);
    return status;
}

pool *pool_new(const csgi_host *host, const char *conninfo, size_t size)
{
    pool *self = calloc(1, sizeof *self + size * sizeof self->slots[0]);

    if (!self) return NULL;
    self->host = host;
    self->wait = host->extension(host, CSGI_WAIT_EXTENSION);
    if (!self->wait) {
        free(self);
        return NULL;
    }
    self->conninfo = conninfo;
    self->last = &self->first;
    self->size = size;
    for (size_t i = size; i > 0; i--)
        give_back(self, &self->slots[i - 1]);
    return self;
}

void pool_free(pool *self)
{
    if (!self) return;
    for (size_t i = 0; i < self->size; i++)
        PQfinish(self->slots[i].connection);
    free(self);
}
