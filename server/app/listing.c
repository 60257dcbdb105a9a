/* SPDX-License-Identifier: MIT
 * What serves, for people to read: the apps and the route table. */
#include <inttypes.h>

#include "app/ext_task.h"
#include "app/instance.h"
#include "app/table.h"
#include "base/str.h"

static app_info info_of(const instance *it)
{
    size_t jobs = jobs_count_of(it);

    return (app_info){
        .name = it->name,
        .plugin = it->plugin_name,
        .version = it->plugin->descriptor.version,
        .file = str_from(it->plugin->file),
        .hash = str_from(it->plugin->hash),
        .generation = it->host.generation,
        .made_at_ms = it->made_at_ms,
        .requests = it->uses - jobs,
        .jobs = jobs,
        .is_serving = !it->is_retired,
    };
}

bool app_set_get_app(const app_set *self, size_t index, app_info *out)
{
    LIST_EACH (node, &self->instances) {
        if (index-- > 0) continue;
        *out = info_of(CONTAINER_OF(node, instance, node));
        return true;
    }
    LIST_EACH (node, &self->retired) {
        const instance *old = CONTAINER_OF(node, instance, node);

        if (!old->is_serving || index-- > 0) continue; /* of an edition that was given up */
        *out = info_of(old);
        return true;
    }
    return false;
}

uint64_t app_set_threads_refused(const app_set *self)
{
    return self->threads_refused;
}

static csgi_str print_use(const app_endpoint *use, arena *memory)
{
    return arena_printf(memory, "%.*s:%.*s", STR_ARG(use->instance->name),
                        STR_ARG(use->label.endpoint));
}

size_t app_set_route_count(const app_set *self)
{
    return self->table ? router_count(self->table->routes) : 0;
}

static void print_old(const app_set *self, const instance *serving, buffer *out)
{
    LIST_EACH (node, &self->retired) {
        const instance *old = CONTAINER_OF(node, instance, node);

        if (!old->uses || !str_eq(old->name, serving->name)) continue;
        buffer_printf(out, " (%zu request%s on generation %" PRIu64 ")", old->uses,
                      old->uses == 1 ? "" : "s", old->host.generation);
    }
}

void app_set_print_serving(const app_set *self, buffer *out)
{
    const char *separator = "";

    LIST_EACH (node, &self->instances) {
        const instance *each = CONTAINER_OF(node, instance, node);

        buffer_printf(out, "%s%.*s generation %" PRIu64, separator, STR_ARG(each->name),
                      each->host.generation);
        print_old(self, each, out);
        separator = ", ";
    }
    if (!*separator) buffer_printf(out, "no app");
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
