/* SPDX-License-Identifier: MIT
 * The route table without a routes file: the default route of every endpoint, with the middleware
 * whose prefix it stands under. */
#include <stdlib.h>

#include "app/app_set.h"
#include "app/instance.h"
#include "base/str.h"

/* A middleware's prefix without the slash at its end: "/" is "". */
static csgi_str prefix_of(const app_endpoint *around)
{
    csgi_str prefix = around->path;

    if (prefix.len && prefix.ptr[prefix.len - 1] == '/') prefix.len--;
    return prefix;
}

static bool wraps(const app_endpoint *around, const app_endpoint *endpoint)
{
    csgi_str prefix = prefix_of(around);
    csgi_str path = endpoint->path;

    if (!around->endpoint->around || !around->path.len) return false;
    if (!(around->endpoint->accepts & endpoint->endpoint->accepts)) return false;
    return str_starts_with(path, prefix) && (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

static int compare_str(csgi_str a, csgi_str b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* The order of wrapping: by the names of the plugins, then of the apps. */
static int compare_instances(const void *a, const void *b)
{
    const instance *left = *(instance *const *)a, *right = *(instance *const *)b;
    int order = compare_str(left->plugin_name, right->plugin_name);

    return order ? order : compare_str(left->name, right->name);
}

typedef struct sorted_instances {
    instance **items;
    size_t count;
} sorted_instances;

static csgi_status sort_instances(app_set *self, sorted_instances *out)
{
    size_t count = 0;

    LIST_EACH (node, &self->instances) {
        count++;
    }
    out->items = arena_alloc(&self->memory, count * sizeof *out->items + 1, _Alignof(instance *));
    if (!out->items) return CSGI_ENOMEM;
    out->count = 0;
    LIST_EACH (node, &self->instances) {
        out->items[out->count++] = CONTAINER_OF(node, instance, node);
    }
    qsort(out->items, out->count, sizeof *out->items, compare_instances);
    return CSGI_OK;
}

/* Puts the middleware of an endpoint into list, if there is one; returns how many there are. */
static size_t list_around(const sorted_instances *all, const app_endpoint *endpoint,
                          const app_endpoint **list)
{
    size_t count = 0;

    for (size_t i = 0; i < all->count; i++) {
        for (size_t j = 0; j < all->items[i]->endpoint_count; j++) {
            const app_endpoint *around = &all->items[i]->endpoints[j];

            if (!wraps(around, endpoint)) continue;
            if (list) list[count] = around;
            count++;
        }
    }
    return count;
}

static app_target *target_new(app_set *self, const sorted_instances *all,
                              const app_endpoint *endpoint)
{
    app_target *target = arena_alloc(&self->memory, sizeof *target, _Alignof(app_target));

    if (!target) return NULL;
    target->endpoint = endpoint;
    target->around_count = list_around(all, endpoint, NULL);
    target->around = arena_alloc(&self->memory, target->around_count * sizeof *target->around + 1,
                                 _Alignof(app_endpoint *));
    if (!target->around) return NULL;
    list_around(all, endpoint, target->around);
    return target;
}

static void explain(const app_endpoint *endpoint, const route *rival, csgi_str why, buffer *problem)
{
    const app_target *other = rival ? rival->target : NULL;

    buffer_printf(problem, "plugin %.*s, endpoint %.*s cannot be served at %.*s: %.*s",
                  STR_ARG(endpoint->label.plugin), STR_ARG(endpoint->label.endpoint),
                  STR_ARG(endpoint->path), STR_ARG(why));
    if (!other) return;
    buffer_printf(problem, " (the other is of plugin %.*s, endpoint %.*s)",
                  STR_ARG(other->endpoint->label.plugin), STR_ARG(other->endpoint->label.endpoint));
}

static csgi_status add_route(app_set *self, router *routes, const sorted_instances *all,
                             const app_endpoint *endpoint, buffer *problem)
{
    route added = { .pattern = endpoint->path, .methods = endpoint->endpoint->methods };
    const route *rival = NULL;
    buffer why = { 0 };
    csgi_status status;

    added.target = target_new(self, all, endpoint);
    if (!added.target) return CSGI_ENOMEM;
    status = router_add(routes, &added, &rival, &why);
    if (status == CSGI_OK) status = router_add(endpoint->instance->next_routes, &added, NULL, &why);
    if (status == CSGI_EINVAL) explain(endpoint, rival, buffer_str(&why), problem);
    buffer_fini(&why);
    return status;
}

/* Adds every route to the new tables: the set's, and each instance's own. */
static csgi_status fill(app_set *self, router *routes, buffer *problem)
{
    sorted_instances all = { NULL, 0 };
    csgi_status status = sort_instances(self, &all);

    for (size_t i = 0; i < all.count && status == CSGI_OK; i++) {
        all.items[i]->next_routes = router_new();
        if (!all.items[i]->next_routes) return CSGI_ENOMEM;
        for (size_t j = 0; j < all.items[i]->endpoint_count && status == CSGI_OK; j++) {
            const app_endpoint *endpoint = &all.items[i]->endpoints[j];

            if (!endpoint->endpoint->call || !endpoint->path.len) continue;
            status = add_route(self, routes, &all, endpoint, problem);
        }
    }
    return status;
}

static void replace(router **routes, router *next)
{
    router_free(*routes);
    *routes = next;
}

csgi_status app_set_route_defaults(app_set *self, buffer *problem)
{
    router *routes = router_new();
    csgi_status status = routes ? fill(self, routes, problem) : CSGI_ENOMEM;

    if (status == CSGI_ENOMEM) buffer_printf(problem, "no memory for the route table");
    if (status == CSGI_OK) {
        replace(&self->routes, routes);
    } else {
        router_free(routes);
    }
    LIST_EACH (node, &self->instances) {
        instance *each = CONTAINER_OF(node, instance, node);

        if (status == CSGI_OK) {
            replace(&each->routes, each->next_routes);
        } else {
            router_free(each->next_routes);
        }
        each->next_routes = NULL;
    }
    return status;
}
