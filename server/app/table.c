/* SPDX-License-Identifier: MIT
 * The life of a table of targets, and what its two makers share. */
#include "app/table.h"

#include <stdlib.h>

#include "app/instance.h"
#include "base/check.h"
#include "base/str.h"

static int compare_own(const void *a, const void *b)
{
    const instance *left = ((const app_own_routes *)a)->instance;
    const instance *right = ((const app_own_routes *)b)->instance;
    int order = str_compare(left->plugin_name, right->plugin_name);

    return order ? order : str_compare(left->name, right->name);
}

static csgi_status add_instances(app_table *self, instance *const *instances, size_t count)
{
    self->own = calloc(count + 1, sizeof *self->own);
    if (!self->own) return CSGI_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        app_own_routes *own = &self->own[self->own_count];

        own->instance = instances[i];
        own->routes = router_new();
        if (!own->routes) return CSGI_ENOMEM;
        self->own_count++;
    }
    qsort(self->own, self->own_count, sizeof *self->own, compare_own);
    return CSGI_OK;
}

app_table *table_new(instance *const *instances, size_t count)
{
    app_table *self = calloc(1, sizeof *self);

    if (!self) return NULL;
    self->references = 1;
    arena_init(&self->memory, NULL, 0);
    self->routes = router_new();
    if (self->routes && add_instances(self, instances, count) == CSGI_OK) return self;
    table_release(self);
    return NULL;
}

void table_free(app_table *self)
{
    CHECK(self->references == 0);
    for (size_t i = 0; i < self->own_count; i++)
        router_free(self->own[i].routes);
    free(self->own);
    router_free(self->routes);
    arena_reset(&self->memory);
    free(self);
}

void table_swap_in(app_table *self, app_set *set)
{
    app_table *before = set->table;

    for (size_t i = 0; i < self->own_count; i++)
        self->own[i].instance->routes = self->own[i].routes;
    set->table = self;
    table_release(before);
}

bool table_takes_around(size_t around_count, buffer *why)
{
    if (around_count <= TABLE_MAX_AROUND) return true;
    buffer_printf(why, "%zu middleware are around it, expected at most %d", around_count,
                  TABLE_MAX_AROUND);
    return false;
}

app_target *table_new_target(app_table *self, const app_endpoint *endpoint, size_t around_max)
{
    app_target *target = arena_alloc(&self->memory, sizeof *target, _Alignof(app_target));

    if (!target) return NULL;
    *target = (app_target){
        .table = self,
        .endpoint = endpoint,
        .around = arena_alloc(&self->memory, around_max * sizeof *target->around + 1,
                              _Alignof(app_endpoint *)),
        .pattern = endpoint->path,
        .config = CSGI_STR(""),
        .root_path = CSGI_STR(""),
        .body_limit = UINT64_MAX,
    };
    return target->around ? target : NULL;
}

bool table_wraps(const app_endpoint *around, const app_endpoint *endpoint)
{
    csgi_str prefix = around->path, path = endpoint->path;

    if (!around->endpoint->around || !prefix.len) return false;
    if (!(around->endpoint->accepts & endpoint->endpoint->accepts)) return false;
    if (prefix.ptr[prefix.len - 1] == '/') prefix.len--;
    return str_starts_with(path, prefix) && (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

csgi_status table_add_own(app_own_routes *own, app_target *target, buffer *problem)
{
    const app_endpoint *endpoint = target->endpoint;
    const route added = { .pattern = endpoint->path,
                          .methods = endpoint->endpoint->methods,
                          .target = target };

    CHECK(own->instance == endpoint->instance);
    return router_add(own->routes, &added, NULL, problem);
}
