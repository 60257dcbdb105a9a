/* SPDX-License-Identifier: MIT
 * From a request to its endpoint, along the route table; what has none is answered here. */
#include "app/app_set.h"
#include "app/health.h"
#include "app/http_call.h"
#include "app/table.h"
#include "base/str.h"

static void refuse(exchange *request, uint32_t status, const char *detail, csgi_fields headers)
{
    exchange_reply_error(request, status, detail, headers);
    exchange_app_release(request);
}

static const csgi_fields no_fields = { NULL, 0 };

/* The path with its slash added or taken away, and the query as it was, below what a proxy has
 * taken off. A path that begins with two slashes would be read as another host's name (RFC 3986
 * section 4.2), so it is not offered. */
static void redirect(exchange *request, csgi_str root, csgi_str location)
{
    csgi_field header = { CSGI_STR("location"), location, 0, 0 };

    if (str_starts_with(location, STR("//"))) {
        refuse(request, 404, "Not Found", no_fields);
        return;
    }
    if (root.len || request->query_string.len) {
        header.value =
            arena_printf(&request->arena, "%.*s%.*s%s%.*s", STR_ARG(root), STR_ARG(location),
                         request->query_string.len ? "?" : "", STR_ARG(request->query_string));
    }
    if (!header.value.ptr) {
        refuse(request, 503, "Service Unavailable", no_fields);
        return;
    }
    exchange_reply(request, 307, (csgi_fields){ &header, 1 }, (csgi_str){ "", 0 });
    exchange_app_release(request);
}

static void serve(app_set *self, exchange *request, const route_match *match, unsigned depth)
{
    static const csgi_field upgrade = { CSGI_STR("upgrade"), CSGI_STR("websocket"), 0, 0 };
    const app_target *target = match->route->target;

    if (!(target->endpoint->endpoint->accepts & CSGI_HTTP)) {
        refuse(request, 426, "Upgrade Required", (csgi_fields){ &upgrade, 1 });
        return;
    }
    http_call_begin(self, request, target, match->params, depth);
}

/* The host that a request is for; empty: it does not say. */
static csgi_str host_of(const exchange *request)
{
    for (size_t i = 0; i < request->headers.count; i++) {
        if (str_eq(request->headers.items[i].name, STR("host")))
            return request->headers.items[i].value;
    }
    return STR("");
}

void app_set_dispatch_along(app_set *self, const router *routes, exchange *request, unsigned depth)
{
    route_match match = { 0 };
    csgi_status status = CSGI_OK;
    const route_request wanted = {
        .method = request->method,
        .raw_path = request->raw_path,
        .host = router_has_hosts(routes) ? host_of(request) : STR(""),
    };
    route_result result = router_match(routes, &wanted, &request->arena, &match, &status);
    csgi_field allow = { CSGI_STR("allow"), match.allow, 0, 0 };

    switch (result) {
    case ROUTE_FOUND:
        serve(self, request, &match, depth);
        return;
    case ROUTE_NOT_FOUND:
        refuse(request, 404, "Not Found", no_fields);
        return;
    case ROUTE_METHOD_NOT_ALLOWED:
        refuse(request, 405, "Method Not Allowed", (csgi_fields){ &allow, 1 });
        return;
    case ROUTE_OPTIONS:
        exchange_reply(request, 204, (csgi_fields){ &allow, 1 }, (csgi_str){ "", 0 });
        exchange_app_release(request);
        return;
    case ROUTE_REDIRECT:
        redirect(request, self->options.root_path, match.location);
        return;
    case ROUTE_BAD_PATH:
        break;
    }
    if (status == CSGI_ENOMEM) {
        refuse(request, 503, "Service Unavailable", no_fields);
    } else {
        refuse(request, 400, "Bad Request", no_fields);
    }
}

void app_set_dispatch(app_set *self, exchange *request)
{
    if (self->options.answers_health && health_has_path(request->raw_path) &&
        health_answer(self, request, host_of(request)))
        return;
    if (self->options.answer_first &&
        self->options.answer_first(self->options.answer_first_arg, request))
        return;
    if (self->table)
        app_set_dispatch_along(self, self->table->routes, request, 0);
    else
        refuse(request, 404, "Not Found", no_fields);
}
