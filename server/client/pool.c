/* SPDX-License-Identifier: MIT
 * The idle connections of each origin. */
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
    made->pool = self;
    made->idle_count = 0;
    made->users = 1;
    memcpy(made->text, name.ptr, name.len);
    made->name = (csgi_str){ made->text, name.len };
    list_init(&made->idle);
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

connection *origin_take(origin *self)
{
    connection *found;

    if (list_is_empty(&self->idle)) return NULL;
    found = CONTAINER_OF(self->idle.next, connection, node);
    origin_forget(self, found);
    return found;
}

void origin_put(origin *self, connection *unused)
{
    pool *to = self->pool;

    if (to->closing) {
        connection_close(unused);
        return;
    }
    if (self->idle_count >= to->options.max_idle_per_origin)
        connection_close(CONTAINER_OF(self->idle.prev, connection, node));
    list_prepend(&self->idle, &unused->node);
    unused->is_idle = true;
    self->idle_count++;
    to->idle++;
    timer_start(to->loop, &unused->idle, to->options.idle_ms);
}

void origin_forget(origin *self, connection *closing)
{
    CHECK(closing->is_idle);
    closing->is_idle = false;
    list_remove(&closing->node);
    timer_stop(self->pool->loop, &closing->idle);
    self->idle_count--;
    self->pool->idle--;
}
