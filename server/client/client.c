/* SPDX-License-Identifier: MIT
 * Outbound HTTP/1.1: a fetch, told straight on from the caller's task: find a connection, talk on
 * it, once more if a pooled one was dead. */
#include "client/client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "client/names.h"
#include "client/pool.h"
#include "client/request.h"
#include "loop/task.h"

#define IDLE_MS             30000u
#define MAX_IDLE_PER_ORIGIN 1024u

struct client {
    pool pool;
    names names;
    size_t requests;
};

/* One call of client_fetch, on its task's stack. */
typedef struct fetch {
    conversation talk;
    client *client;
    loop *loop;
    arena *arena;
    const csgi_client_request *request;
    buffer *why;
    size_t why_start;                   /* what stood in it before the call stays */
    uint64_t total_due_ms, deadline_ms; /* the earlier of request's and caller's; the caller's */
    url url;
    request_facts facts;
    origin *origin;
    /* The wait that is under way, and what ended it. */
    task_wait wait;
    timer limit;
    bool settled;
    csgi_status status;
    const char *reason;     /* of a failure to resolve or connect */
    address *addresses;     /* resolved */
    size_t address_count;   /* 0 when that failed */
    stream *connected;      /* NULL when that failed */
    connection *connection; /* that we talk on */
} fetch;

/* ---- waiting ---- */

static uint64_t earlier_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static csgi_status explain(fetch *self, csgi_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes the sentence behind a failure, in place of an earlier one. */
static csgi_status explain(fetch *self, csgi_status status, const char *format, ...)
{
    va_list args;

    self->why->len = self->why_start;
    buffer_printf(self->why, "%.*s: ", STR_ARG(self->url.origin));
    va_start(args, format);
    buffer_vprintf(self->why, format, args);
    va_end(args);
    return status;
}

static void settle(fetch *self, csgi_status status)
{
    self->settled = true;
    self->status = status;
    timer_stop(self->loop, &self->limit);
    task_wake(&self->wait, status);
}

static void on_limit(timer *due)
{
    task_wake(&CONTAINER_OF(due, fetch, limit)->wait, CSGI_ETIMEDOUT);
}

static void set_limit(fetch *self, uint64_t due_ms)
{
    uint64_t now_ms = loop_now_ms(self->loop);

    due_ms = earlier_of(due_ms, self->total_due_ms);
    timer_start(self->loop, &self->limit, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void begin_wait(fetch *self, uint64_t due_ms)
{
    self->settled = false;
    task_wait_begin(self->loop, &self->wait);
    set_limit(self, due_ms);
}

/* What was begun has settled with that status; or CSGI_ETIMEDOUT, CSGI_ECANCELED, and unless
 * settled it must be taken back. [suspends] */
static csgi_status end_wait(fetch *self)
{
    csgi_status status = task_wait_end(&self->wait);

    timer_stop(self->loop, &self->limit);
    if (status == CSGI_ECANCELED) return explain(self, status, "given up: the task is cancelled");
    return self->settled ? self->status : CSGI_ETIMEDOUT;
}

static bool out_of_time(const fetch *self)
{
    return loop_now_ms(self->loop) >= self->total_due_ms;
}

static csgi_status explain_total(fetch *self)
{
    if (self->deadline_ms <= self->total_due_ms)
        return explain(self, CSGI_ETIMEDOUT, "not done before the call's deadline");
    return explain(self, CSGI_ETIMEDOUT, "not done within %" PRIu64 " ms (total timeout)",
                   self->facts.total_timeout_ms);
}

/* ---- finding a server ---- */

static void on_resolved(void *arg, const address *found, size_t count, const char *reason)
{
    fetch *self = arg;

    self->address_count = 0;
    self->reason = reason;
    if (count == 0) {
        settle(self, CSGI_EUNREACH);
        return;
    }
    names_keep(&self->client->names, self->url.host, found, count, loop_now_ms(self->loop));
    self->addresses = arena_alloc(self->arena, count * sizeof *found, 0);
    if (self->addresses) memcpy(self->addresses, found, count * sizeof *found);
    self->address_count = self->addresses ? count : 0;
    settle(self, self->addresses ? CSGI_OK : CSGI_ENOMEM);
}

static csgi_status resolve(fetch *self, uint64_t due_ms)
{
    resolving *asked;
    csgi_status status =
        address_resolve(self->loop, self->url.host, self->url.port, on_resolved, self, &asked);

    if (status == CSGI_EINVAL) return explain(self, CSGI_EUNREACH, "the host's name is malformed");
    if (status) return explain(self, status, "no memory");
    begin_wait(self, due_ms);
    status = end_wait(self);
    if (!self->settled) resolving_cancel(asked);
    if (status == CSGI_EUNREACH)
        return explain(self, status, "the name '%s' did not resolve: %s", self->url.host,
                       self->reason);
    if (status == CSGI_ENOMEM) return explain(self, status, "no memory");
    if (status == CSGI_ETIMEDOUT) {
        if (out_of_time(self)) return explain_total(self);
        return explain(self, status, "the name '%s' did not resolve within %" PRIu64 " ms",
                       self->url.host, self->facts.connect_timeout_ms);
    }
    return status;
}

/* Paths, numeric addresses and localhost need no resolving. How many there are. */
static size_t given_addresses(const url *to, address out[ADDRESS_LOCALHOSTS])
{
    if (to->is_unix) return address_from_path(out, to->host) == CSGI_OK;
    if (address_from_ip(out, to->host, to->port) == CSGI_OK) return 1;
    return address_from_localhost(out, to->host, to->port);
}

static csgi_status find_addresses(fetch *self, uint64_t due_ms)
{
    const name_entry *known =
        names_find(&self->client->names, self->url.host, loop_now_ms(self->loop));
    size_t count = known ? known->count : ADDRESS_LOCALHOSTS;

    self->addresses = arena_alloc(self->arena, count * sizeof *self->addresses, 0);
    if (!self->addresses) return explain(self, CSGI_ENOMEM, "no memory");
    if (!known) {
        self->address_count = given_addresses(&self->url, self->addresses);
        return self->address_count ? CSGI_OK : resolve(self, due_ms);
    }
    memcpy(self->addresses, known->found, count * sizeof *self->addresses);
    for (size_t i = 0; i < count; i++)
        address_set_port(&self->addresses[i], self->url.port);
    self->address_count = count;
    return CSGI_OK;
}

static void on_connected(void *arg, stream *connected, csgi_status status, const char *reason)
{
    fetch *self = arg;

    self->connected = connected;
    self->reason = reason;
    settle(self, status);
}

/* One address. CSGI_ETIMEDOUT and CSGI_EUNREACH are left for the caller to explain. */
static csgi_status connect_to(fetch *self, const address *to, uint64_t due_ms)
{
    connecting *begun;
    csgi_status status = stream_connect(self->loop, to, on_connected, self, &begun);

    if (status) return explain(self, status, "no memory for a connection");
    self->connected = NULL;
    begin_wait(self, due_ms);
    status = end_wait(self);
    if (!self->settled) connecting_cancel(begun);
    if (status && self->connected) stream_close(self->connected);
    return status;
}

/* Tries the addresses in order, each with its share of the time that is left. */
static csgi_status connect_any(fetch *self, uint64_t due_ms)
{
    csgi_status status = CSGI_EUNREACH;

    for (size_t i = 0; i < self->address_count; i++) {
        uint64_t now_ms = loop_now_ms(self->loop);
        uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;

        status = connect_to(self, &self->addresses[i],
                            request_due_ms(now_ms, left_ms / (self->address_count - i)));
        if (status != CSGI_EUNREACH && status != CSGI_ETIMEDOUT) return status;
        if (status == CSGI_ETIMEDOUT && out_of_time(self)) return explain_total(self);
    }
    if (status == CSGI_EUNREACH) return explain(self, status, "%s", self->reason);
    return explain(self, status, "no connection within %" PRIu64 " ms",
                   self->facts.connect_timeout_ms);
}

/* A fresh connection. [suspends] */
static csgi_status open_connection(fetch *self, connection **out)
{
    uint64_t due_ms =
        earlier_of(request_due_ms(loop_now_ms(self->loop), self->facts.connect_timeout_ms),
                   self->total_due_ms);
    csgi_status status = find_addresses(self, due_ms);

    if (status == CSGI_OK) status = connect_any(self, due_ms);
    if (status) return status;
    *out = connection_new(self->origin, self->connected);
    return *out ? CSGI_OK : explain(self, CSGI_ENOMEM, "no memory for a connection");
}

/* ---- asking ---- */

/* While the request is being written and nothing has been answered, only the total limit counts. */
static uint64_t reading_due_ms(const fetch *self)
{
    bool waiting = self->talk.answered || connection_queued(self->connection) == 0;

    return waiting ? request_due_ms(loop_now_ms(self->loop), self->facts.read_timeout_ms)
                   : UINT64_MAX;
}

static void on_progress(conversation *talk)
{
    fetch *self = CONTAINER_OF(talk, fetch, talk);

    set_limit(self, reading_due_ms(self));
}

static void on_settled(conversation *talk, csgi_status status)
{
    fetch *self = CONTAINER_OF(talk, fetch, talk);

    self->connection = NULL;
    settle(self, status);
}

static csgi_status explain_silence(fetch *self)
{
    if (out_of_time(self)) return explain_total(self);
    if (!self->talk.answered)
        return explain(self, CSGI_ETIMEDOUT, "no answer within %" PRIu64 " ms",
                       self->facts.read_timeout_ms);
    return explain(self, CSGI_ETIMEDOUT, "the response went no further within %" PRIu64 " ms",
                   self->facts.read_timeout_ms);
}

/* Sends the request on the connection and waits for the answer. *dead: it was not answered, and
 * another connection may be tried. [suspends] */
static csgi_status talk_on(fetch *self, connection *on, bool *dead)
{
    csgi_str head = { loop_scratch(self->loop), 0 };
    csgi_status status;

    head.len = request_print_head(self->request, &self->facts, &self->url, loop_scratch(self->loop),
                                  LOOP_SCRATCH_SIZE);
    if (head.len == 0) {
        origin_put(self->origin, on);
        return explain(self, CSGI_EINVAL, "the request's head is larger than 64 KiB");
    }
    status = connection_talk(on, &self->talk, head, self->request->body, self->arena,
                             self->facts.is_head, self->facts.max_response_size);
    if (status == CSGI_EDISCONNECTED) {
        *dead = true;
        return explain(self, CSGI_EPROTO, "the connection was closed without an answer");
    }
    if (status) return explain(self, status, "no memory");
    self->connection = on;
    begin_wait(self, reading_due_ms(self));
    status = end_wait(self);
    if (!self->settled) {
        connection_give_up(on);
        return status == CSGI_ETIMEDOUT ? explain_silence(self) : status;
    }
    *dead = status == CSGI_EPROTO && !self->talk.answered && self->facts.is_idempotent;
    return status;
}

static csgi_status fetch_run(fetch *self)
{
    connection *on = origin_take(self->origin);
    bool dead = false;
    csgi_status status;

    if (on) {
        status = talk_on(self, on, &dead);
        if (!dead) return status;
        self->why->len =
            self->why_start; /* the other server had let it go; that is no failure yet */
    }
    status = open_connection(self, &on);
    return status ? status : talk_on(self, on, &dead);
}

/* ---- public ---- */

static void free_if_unused(client *self)
{
    if (!self->pool.closing || self->requests || self->pool.connections) return;
    names_fini(&self->names);
    pool_free_responses(&self->pool);
    free(self);
}

static void on_pool_unused(pool *unused)
{
    free_if_unused(CONTAINER_OF(unused, client, pool));
}

client *client_new(loop *runner, const client_options *options)
{
    client_options chosen = options ? *options : (client_options){ 0 };
    client *self = calloc(1, sizeof *self);

    if (!self) return NULL;
    if (!chosen.idle_ms) chosen.idle_ms = IDLE_MS;
    if (!chosen.max_idle_per_origin) chosen.max_idle_per_origin = MAX_IDLE_PER_ORIGIN;
    pool_init(&self->pool, runner, &chosen, on_pool_unused);
    return self;
}

void client_close(client *self)
{
    CHECK(!self->pool.closing);
    pool_close(&self->pool);
    free_if_unused(self);
}

client_counts client_get_counts(const client *self)
{
    return (client_counts){ self->pool.connections, self->pool.idle, self->requests };
}

static csgi_status fetch_prepare(fetch *self)
{
    const char *wrong = NULL;
    uint64_t now_ms = loop_now_ms(self->loop);
    csgi_status status = request_check(self->request, &self->facts, self->why);

    if (status) return status;
    if (url_parse(self->request->url, &self->url, &wrong)) {
        buffer_printf(self->why, "cannot fetch '%.*s': %s", STR_ARG(self->request->url), wrong);
        return CSGI_EINVAL;
    }
    self->total_due_ms =
        earlier_of(request_due_ms(now_ms, self->facts.total_timeout_ms), self->deadline_ms);
    timer_init(&self->limit, on_limit);
    self->talk = (conversation){ .on_progress = on_progress,
                                 .on_settled = on_settled,
                                 .why = self->why,
                                 .origin_name = self->url.origin };
    self->origin = origin_get(&self->client->pool, self->url.origin);
    return self->origin ? CSGI_OK : explain(self, CSGI_ENOMEM, "no memory");
}

csgi_status client_fetch(client *self, arena *into, const csgi_client_request *request,
                         uint64_t deadline_ms, const csgi_client_response **answer, buffer *why)
{
    fetch asked = { .client = self,
                    .loop = self->pool.loop,
                    .arena = into,
                    .request = request,
                    .deadline_ms = deadline_ms,
                    .why = why };
    task *caller = task_current(asked.loop);
    csgi_status status;

    CHECK(caller);
    if (self->pool.closing) {
        buffer_printf(why, "the server is stopping: no more outbound requests");
        return CSGI_ESTATE;
    }
    status = fetch_prepare(&asked);
    if (status) return status;
    self->requests++;
    if (task_is_cancelled(caller)) status = task_yield(asked.loop);
    if (status == CSGI_ETIMEDOUT)
        explain_total(&asked);
    else if (status)
        explain(&asked, status, "given up: the task is cancelled");
    else
        status = fetch_run(&asked);
    if (status == CSGI_OK) *answer = asked.talk.response;
    self->requests--;
    origin_release(asked.origin); /* the client may go with it */
    return status;
}
