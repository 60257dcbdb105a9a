/* SPDX-License-Identifier: MIT
 * A middleware built from the headers of 1.0, around whatever is served: it derives the scope,
 * changes a copy of the response's start, and forwards untouched what it does not know. */
#include <csgi/csgi.h>

/* Its own send: a closure with state behind it. */
typedef struct wrapped_send {
    csgi_send closure;
    csgi_send *outer;
    const csgi_host *host;
    csgi_arena *arena;
} wrapped_send;

static csgi_status send_marked(wrapped_send *self, const csgi_event *event)
{
    static const csgi_field mark = { CSGI_STR("x-wrapped"), CSGI_STR("by 1.0"), 0, 0 };
    csgi_http_start *start;
    csgi_event *copy;
    csgi_field *headers;
    csgi_status status = self->host->copy_event(self->arena, event, &copy);

    if (status != CSGI_OK) return status;
    start = (csgi_http_start *)copy;
    headers = self->host->alloc(self->arena, (start->headers.count + 1) * sizeof(*headers), 0);
    if (!headers) return CSGI_ENOMEM;
    for (size_t i = 0; i < start->headers.count; i++)
        headers[i] = start->headers.items[i];
    headers[start->headers.count] = mark;
    start->headers.items = headers;
    start->headers.count++;
    return self->outer->call(self->outer, copy);
}

static csgi_status send_through(csgi_send *closure, const csgi_event *event)
{
    wrapped_send *self = (wrapped_send *)closure;

    if (event->type == CSGI_HTTP_RESPONSE_START) return send_marked(self, event);
    return self->outer->call(self->outer, event);
}

static csgi_status around(void *instance, csgi_app *inner, const csgi_scope *scope,
                          csgi_receive *receive, csgi_send *send)
{
    static const csgi_field local = { CSGI_STR("wrapped"), CSGI_STR("yes"), 0, 0 };
    const csgi_host *host = instance;
    wrapped_send wrapped = { { send_through }, send, host, scope->arena };
    csgi_scope *further;
    csgi_status status = host->derive(scope, &further);

    if (status != CSGI_OK) return status;
    further->locals.items = &local;
    further->locals.count = 1;
    return inner->call(inner, further, receive, &wrapped.closure);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("wrap"), CSGI_STR("/"), { NULL, 0 }, CSGI_HTTP, 0, NULL, around },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("frozen_wrap"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("a middleware of 1.0"),
                                    endpoints,
                                    1,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
