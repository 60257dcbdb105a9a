/* SPDX-License-Identifier: MIT
 * The route table for people to read. */
#include "app/instance.h"
#include "app/table.h"
#include "base/str.h"

static csgi_str print_use(const app_endpoint *use, arena *memory)
{
    return arena_printf(memory, "%.*s:%.*s", STR_ARG(use->instance->name),
                        STR_ARG(use->label.endpoint));
}

size_t app_set_route_count(const app_set *self)
{
    return self->table ? router_count(self->table->routes) : 0;
}

csgi_status app_set_get_route(const app_set *self, size_t index, arena *memory, app_route *out)
{
    const route *it = router_get(self->table->routes, index);
    const app_target *target = it->target;
    const instance *of = target->endpoint->instance;
    csgi_str *around =
        arena_alloc(memory, target->around_count * sizeof *around + 1, _Alignof(csgi_str));

    *out = (app_route){
        .path = it->pattern,
        .methods = it->methods,
        .host = it->host,
        .use = print_use(target->endpoint, memory),
        .file = of->plugin->file ? str_from(of->plugin->file) : STR(""),
        .generation = of->host.generation,
        .timeout_ms = target->timeout_ms,
        .around = around,
        .around_count = target->around_count,
    };
    if (!around || !out->use.ptr) return CSGI_ENOMEM;
    for (size_t i = 0; i < target->around_count; i++) {
        around[i] = print_use(target->around[i], memory);
        if (!around[i].ptr) return CSGI_ENOMEM;
    }
    return CSGI_OK;
}
