/* SPDX-License-Identifier: MIT
 * The addresses of host names: a hash of those that are known or being looked up. */
#include "client/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

/* FNV-1a. */
static size_t bucket_of(csgi_str host)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < host.len; i++)
        hash = (hash ^ (unsigned char)char_lower(host.ptr[i])) * 16777619u;
    return hash % NAMES_BUCKETS;
}

static name_entry *find(const names *self, csgi_str host)
{
    const list_node *bucket = &self->buckets[bucket_of(host)];

    LIST_EACH (node, bucket) {
        name_entry *each = CONTAINER_OF(node, name_entry, in_bucket);

        if (str_eq_nocase((csgi_str){ each->host, each->host_len }, host)) return each;
    }
    return NULL;
}

static void forget(name_entry *self)
{
    CHECK(list_is_empty(&self->waits));
    list_remove(&self->in_bucket);
    if (!list_is_empty(&self->in_remembered)) self->from->count--;
    list_remove(&self->in_remembered);
    free(self->found);
    free(self);
}

/* ---- a lookup's end ---- */

static void remember(name_entry *self, const address *found, size_t count, const char *reason)
{
    names *from = self->from;
    uint64_t ttl_ms = count ? from->ttl_ms : from->failed_ttl_ms;

    if (ttl_ms && count) self->found = calloc(count, sizeof *found);
    if (ttl_ms == 0 || (count && !self->found)) {
        forget(self);
        return;
    }
    if (count) memcpy(self->found, found, count * sizeof *found);
    self->count = count;
    self->reason = reason;
    self->until_ms = loop_now_ms(from->loop) + ttl_ms;
    if (from->count == NAMES_MAX)
        forget(CONTAINER_OF(from->remembered.next, name_entry, in_remembered));
    list_append(&from->remembered, &self->in_remembered);
    from->count++;
}

/* Everybody is told first: none of them can ask again meanwhile, for they are tasks. */
static void on_resolved(void *arg, const address *found, size_t count, const char *reason)
{
    name_entry *self = arg;
    list_node *node;

    self->under_way = NULL;
    while ((node = list_pop(&self->waits))) {
        name_wait *asker = CONTAINER_OF(node, name_wait, node);

        asker->asked = NULL;
        asker->on_found(asker, found, count, reason);
    }
    remember(self, found, count, reason);
}

static csgi_status look_up(names *self, csgi_str host, name_entry **out)
{
    name_entry *made = calloc(1, sizeof *made + host.len + 1);
    csgi_status status;

    if (!made) return CSGI_ENOMEM;
    memcpy(made->host, host.ptr, host.len);
    made->host_len = host.len;
    made->from = self;
    status = address_resolve(self->loop, made->host, 0, on_resolved, made, &made->under_way);
    if (status) {
        free(made);
        return status;
    }
    self->lookups++;
    list_init(&made->waits);
    list_init(&made->in_remembered);
    list_append(&self->buckets[bucket_of(host)], &made->in_bucket);
    *out = made;
    return CSGI_OK;
}

/* ---- public ---- */

void names_init(names *self, loop *runner, uint64_t ttl_ms, uint64_t failed_ttl_ms)
{
    memset(self, 0, sizeof *self);
    self->loop = runner;
    self->ttl_ms = ttl_ms;
    self->failed_ttl_ms = failed_ttl_ms;
    list_init(&self->remembered);
    for (size_t i = 0; i < NAMES_BUCKETS; i++)
        list_init(&self->buckets[i]);
}

void names_fini(names *self)
{
    while (!list_is_empty(&self->remembered))
        forget(CONTAINER_OF(self->remembered.next, name_entry, in_remembered));
    for (size_t i = 0; i < NAMES_BUCKETS; i++)
        CHECK(list_is_empty(&self->buckets[i]));
}

const name_entry *names_find(const names *self, const char *host)
{
    const name_entry *entry = find(self, str_from(host));

    if (!entry || entry->under_way) return NULL;
    return loop_now_ms(self->loop) < entry->until_ms ? entry : NULL;
}

csgi_status names_ask(names *self, const char *host, name_wait *asker)
{
    name_entry *entry = find(self, str_from(host));

    if (entry && !entry->under_way) {
        forget(entry);
        entry = NULL;
    }
    if (!entry) {
        csgi_status status = look_up(self, str_from(host), &entry);

        if (status) return status;
    }
    asker->asked = entry;
    list_append(&entry->waits, &asker->node);
    return CSGI_OK;
}

void names_give_up(name_wait *asker)
{
    name_entry *entry = asker->asked;

    list_remove(&asker->node);
    asker->asked = NULL;
    if (!list_is_empty(&entry->waits)) return;
    resolving_cancel(entry->under_way);
    forget(entry);
}

void names_forget(names *self, const char *host)
{
    name_entry *entry = find(self, str_from(host));

    if (entry && !entry->under_way) forget(entry);
}
