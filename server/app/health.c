/* SPDX-License-Identifier: MIT
 * Answers to those who ask whether the server is well. */
#include "app/health.h"

#include "app/table.h"

static bool has_own_route(const router *routes, csgi_str path)
{
    for (size_t i = 0; i < router_count(routes); i++) {
        if (str_eq(router_get(routes, i)->pattern, path)) return true;
    }
    return false;
}

/* Does an app serve that very path, at the host that is asked for? One that serves all paths does
 * not count. */
static bool is_apps(const router *routes, exchange *request, csgi_str host)
{
    const route_request wanted = { request->method, request->raw_path, host };
    route_match match = { 0 };
    csgi_status status;

    switch (router_match(routes, &wanted, &request->arena, &match, &status)) {
    case ROUTE_FOUND:
        return str_eq(match.route->pattern, request->raw_path);
    case ROUTE_METHOD_NOT_ALLOWED:
    case ROUTE_OPTIONS:
        return has_own_route(routes, request->raw_path);
    default:
        return false;
    }
}

static void reply(exchange *request, uint32_t status, csgi_str body)
{
    static const csgi_field headers[] = {
        { CSGI_STR("content-type"), CSGI_STR("application/json"), 0, 0 },
        { CSGI_STR("cache-control"), CSGI_STR("no-store"), 0, 0 },
    };

    exchange_reply(request, status, (csgi_fields){ headers, 2 }, body);
}

bool health_answer(const app_set *self, exchange *request, csgi_str host)
{
    static const csgi_field allow = { CSGI_STR("allow"), CSGI_STR("GET, HEAD"), 0, 0 };
    bool asks_ready = str_eq(request->raw_path, STR(READY_PATH));

    if (self->table && is_apps(self->table->routes, request, host)) return false;
    request->is_unlogged = true;
    if (!str_eq(request->method, STR("GET")) && !str_eq(request->method, STR("HEAD")))
        exchange_reply_error(request, 405, "Method Not Allowed", (csgi_fields){ &allow, 1 });
    else if (asks_ready && self->stopping)
        reply(request, 503, STR("{\"status\":\"stopping\"}"));
    else
        reply(request, 200, STR("{\"status\":\"ok\"}"));
    exchange_app_release(request);
    return true;
}
