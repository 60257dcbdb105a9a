/* SPDX-License-Identifier: MIT
 * The route table without a routes file: the default route of every endpoint, with the middleware
 * whose prefix it stands under. */
#include "app/edition.h"
#include "base/str.h"

/* Puts the middleware of an endpoint into list, if there is one; returns how many there are. */
static size_t list_around(const app_table *table, const app_endpoint *endpoint,
                          const app_endpoint **list)
{
    size_t count = 0;

    for (size_t i = 0; i < table->own_count; i++) {
        const instance *from = table->own[i].instance;

        for (size_t j = 0; j < from->endpoint_count; j++) {
            const app_endpoint *around = &from->endpoints[j];

            if (!table_wraps(around, endpoint)) continue;
            if (list) list[count] = around;
            count++;
        }
    }
    return count;
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

static csgi_status add_route(app_table *table, app_own_routes *own, const app_endpoint *endpoint,
                             buffer *problem)
{
    route added = { .pattern = endpoint->path, .methods = endpoint->endpoint->methods };
    app_target *target = table_new_target(table, endpoint, list_around(table, endpoint, NULL));
    const route *rival = NULL;
    buffer why = { 0 };
    csgi_status status = CSGI_EINVAL;

    if (!target) return CSGI_ENOMEM;
    target->around_count = list_around(table, endpoint, target->around);
    added.target = target;
    if (table_takes_around(target->around_count, &why))
        status = router_add(table->routes, &added, &rival, &why);
    if (status == CSGI_OK) status = table_add_own(own, target, &why);
    if (status == CSGI_EINVAL) explain(endpoint, rival, buffer_str(&why), problem);
    buffer_fini(&why);
    return status;
}

static csgi_status fill(app_table *table, buffer *problem)
{
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < table->own_count; i++) {
        app_own_routes *own = &table->own[i];
        const instance *from = own->instance;

        for (size_t j = 0; j < from->endpoint_count && status == CSGI_OK; j++) {
            const app_endpoint *endpoint = &from->endpoints[j];

            if (!endpoint->endpoint->call || !endpoint->path.len) continue;
            status = add_route(table, own, endpoint, problem);
        }
    }
    return status;
}

csgi_status edition_route_defaults(edition *self, buffer *problem)
{
    app_table *table = table_new(self->apps, self->app_count);
    csgi_status status = table ? fill(table, problem) : CSGI_ENOMEM;

    CHECK(!self->table);
    if (status == CSGI_ENOMEM) buffer_printf(problem, "no memory for the route table");
    if (status == CSGI_OK)
        self->table = table;
    else
        table_release(table);
    return status;
}
