/* SPDX-License-Identifier: MIT
 * The connections of each origin, and who waits for them. */
#include "client/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

/* FNV-1a. */
static list_node *bucket_of(pool *self, csgi_str name)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 16777619u;
    return &self->buckets[hash % POOL_BUCKETS];
}

void pool_init(pool *self, loop *runner, const client_options *options,
               void (*on_unused)(pool *self))
{
    memset(self, 0, sizeof *self);
    self->loop = runner;
    self->options = *options;
    self->on_unused = on_unused;
    list_init(&self->waiters);
    if (!self->options.max_connections_per_origin)
        self->options.max_connections_per_origin = POOL_MAX_PER_ORIGIN;
    if (!self->options.max_connections) self->options.max_connections = POOL_MAX_CONNECTIONS;
    if (!self->options.max_waiting_per_origin)
        self->options.max_waiting_per_origin = POOL_MAX_WAITING;
    for (size_t i = 0; i < POOL_BUCKETS; i++)
        list_init(&self->buckets[i]);
}

void pool_close(pool *self)
{
    self->closing = true;
    for (size_t i = 0; i < POOL_BUCKETS; i++) {
        LIST_EACH (node, &self->buckets[i]) {
            origin *each = CONTAINER_OF(node, origin, in_bucket);

            while (!list_is_empty(&each->idle))
                connection_close(CONTAINER_OF(each->idle.next, connection, node));
        }
    }
}

response *pool_take_response(pool *self)
{
    response *made;

    if (self->response_count > 0) return self->responses[--self->response_count];
    made = malloc(sizeof *made);
    if (made) response_init(made);
    return made;
}

void pool_put_response(pool *self, response *unused)
{
    response_trim(unused);
    if (self->response_count < POOL_RESPONSES) {
        self->responses[self->response_count++] = unused;
        return;
    }
    response_fini(unused);
    free(unused);
}

void pool_free_responses(pool *self)
{
    while (self->response_count > 0) {
        response *last = self->responses[--self->response_count];

        response_fini(last);
        free(last);
    }
}

origin *origin_get(pool *self, csgi_str name)
{
    list_node *bucket = bucket_of(self, name);
    origin *made;

    LIST_EACH (node, bucket) {
        origin *each = CONTAINER_OF(node, origin, in_bucket);

        if (!str_eq(each->name, name)) continue;
        each->users++;
        return each;
    }
    made = malloc(sizeof *made + name.len);
    if (!made) return NULL;
    *made = (origin){ .pool = self, .users = 1 };
    memcpy(made->text, name.ptr, name.len);
    made->name = (csgi_str){ made->text, name.len };
    list_init(&made->idle);
    list_init(&made->waiters);
    list_prepend(bucket, &made->in_bucket);
    return made;
}

void origin_hold(origin *self)
{
    self->users++;
}

void origin_release(origin *self)
{
    pool *from = self->pool;

    CHECK(self->users > 0);
    if (--self->users > 0) return;
    list_remove(&self->in_bucket);
    free(self);
    from->on_unused(from);
}

/* ---- places ---- */

static bool is_origin_full(const origin *self)
{
    return self->places >= self->pool->options.max_connections_per_origin;
}

static bool is_pool_full(const pool *self)
{
    return self->places >= self->options.max_connections;
}

static void take_place(origin *self)
{
    self->places++;
    self->pool->places++;
}

static void leave(pool_waiter *waiter)
{
    list_remove(&waiter->in_origin);
    list_remove(&waiter->in_pool);
    waiter->origin->waiting--;
    waiter->origin->pool->waiting--;
}

static void grant(pool_waiter *waiter, connection *granted)
{
    leave(waiter);
    waiter->is_granted = true;
    waiter->connection = granted;
    waiter->on_granted(waiter);
}

static pool_waiter *first_waiter(const origin *self)
{
    return list_is_empty(&self->waiters) ? NULL
                                         : CONTAINER_OF(self->waiters.next, pool_waiter, in_origin);
}

/* The first of any origin for which a place of the pool is enough. */
static pool_waiter *first_of_all(pool *self)
{
    LIST_EACH (node, &self->waiters) {
        pool_waiter *each = CONTAINER_OF(node, pool_waiter, in_pool);

        if (!is_origin_full(each->origin)) return each;
    }
    return NULL;
}

void origin_free_place(origin *self)
{
    pool *from = self->pool;
    bool was_full = is_pool_full(from);
    pool_waiter *next;

    CHECK(self->places > 0);
    self->places--;
    from->places--;
    next = was_full ? first_of_all(from) : first_waiter(self);
    if (!next) return;
    take_place(next->origin);
    grant(next, NULL);
}

static connection *longest_idle(const origin *self)
{
    return list_is_empty(&self->idle) ? NULL : CONTAINER_OF(self->idle.prev, connection, node);
}

static connection *longest_idle_of_all(pool *self)
{
    connection *found = NULL;

    for (size_t i = 0; i < POOL_BUCKETS; i++) {
        LIST_EACH (node, &self->buckets[i]) {
            connection *each = longest_idle(CONTAINER_OF(node, origin, in_bucket));

            if (each && (!found || each->idle_since_ms < found->idle_since_ms)) found = each;
        }
    }
    return found;
}

csgi_status origin_claim(origin *self, bool wants_fresh, connection **out)
{
    connection *goes = NULL;

    if (!wants_fresh && !list_is_empty(&self->idle)) {
        *out = CONTAINER_OF(self->idle.next, connection, node);
        origin_forget(self, *out);
        return CSGI_OK;
    }
    if (is_origin_full(self))
        goes = longest_idle(self);
    else if (is_pool_full(self->pool))
        goes = longest_idle_of_all(self->pool);
    if (goes) connection_close(goes);
    if (is_origin_full(self) || is_pool_full(self->pool)) return CSGI_EBUSY;
    take_place(self);
    *out = NULL;
    return CSGI_OK;
}

csgi_status origin_wait(origin *self, pool_waiter *waiter)
{
    if (self->waiting >= self->pool->options.max_waiting_per_origin) return CSGI_ELIMIT;
    waiter->origin = self;
    list_append(&self->waiters, &waiter->in_origin);
    list_append(&self->pool->waiters, &waiter->in_pool);
    self->waiting++;
    self->pool->waiting++;
    return CSGI_OK;
}

void origin_leave(pool_waiter *waiter)
{
    CHECK(!waiter->is_granted);
    leave(waiter);
}

/* ---- idle connections ---- */

/* Who waits has it, or its place. */
static bool pass_on(origin *self, connection *unused)
{
    pool *of = self->pool;
    pool_waiter *next = first_waiter(self);

    if (next && !next->wants_fresh) {
        grant(next, unused);
        return true;
    }
    if (!next && !(is_pool_full(of) && first_of_all(of))) return false;
    connection_close(unused);
    return true;
}

void origin_put(origin *self, connection *unused)
{
    pool *to = self->pool;

    if (to->waiting > 0 && pass_on(self, unused)) return;
    if (to->closing) {
        connection_close(unused);
        return;
    }
    if (self->idle_count >= to->options.max_idle_per_origin) connection_close(longest_idle(self));
    list_prepend(&self->idle, &unused->node);
    unused->is_idle = true;
    self->idle_count++;
    to->idle++;
    unused->idle_since_ms = loop_now_ms(to->loop);
    /* One that runs from an earlier time looks again, which spares most requests a start. */
    if (!timer_is_running(&unused->idle)) timer_start(to->loop, &unused->idle, to->options.idle_ms);
}

void origin_end_idle(const origin *self, connection *due)
{
    const pool *of = self->pool;
    uint64_t due_ms = due->idle_since_ms + of->options.idle_ms, now_ms = loop_now_ms(of->loop);

    if (!due->is_idle) return;
    if (now_ms >= due_ms)
        connection_close(due);
    else
        timer_start(of->loop, &due->idle, due_ms - now_ms);
}

void origin_forget(origin *self, connection *closing)
{
    CHECK(closing->is_idle);
    closing->is_idle = false;
    list_remove(&closing->node);
    self->idle_count--;
    self->pool->idle--;
}
