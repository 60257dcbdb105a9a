/* SPDX-License-Identifier: MIT
 * Middleware around the "scope" plugin's routes:
 *   mark   at /scope       derives a scope with a local and a header, and marks the response
 *   twice  at /scope/two   calls what is further in twice
 *   deny   at /scope/rest  answers itself when there is no x-key, and never calls further in
 *   mask   at /script      with x-mask: takes all features away, and passes a send of its own */
#include "plug.h"

/* A send of our own, with the host's behind it. */
typedef struct marking_send {
    csgi_send send; /* first: what is further in knows only this */
    csgi_send *outer;
    const csgi_host *host;
    csgi_arena *arena;
} marking_send;

/* Adds a header to the start event; everything else passes untouched. */
static csgi_status send_marked(csgi_send *send, const csgi_event *event)
{
    marking_send *self = (marking_send *)(void *)send;
    const csgi_http_start *old = (const csgi_http_start *)(const void *)event;
    csgi_event *copy = NULL;
    csgi_http_start *start;
    csgi_field *headers;
    csgi_status status;

    if (event->type != CSGI_HTTP_RESPONSE_START) return self->outer->call(self->outer, event);
    status = self->host->copy_event(self->arena, event, &copy);
    if (status != CSGI_OK) return status;
    start = (csgi_http_start *)(void *)copy;
    headers = self->host->alloc(self->arena, (old->headers.count + 1) * sizeof(*headers), 0);
    if (!headers) return CSGI_ENOMEM;
    memcpy(headers, old->headers.items, old->headers.count * sizeof(*headers));
    headers[old->headers.count] = (csgi_field){ CSGI_STR("x-marked"), CSGI_STR("yes"), 0, 0 };
    start->headers = (csgi_fields){ headers, old->headers.count + 1 };
    return self->outer->call(self->outer, copy);
}

static csgi_status mark(void *instance, csgi_app *inner, const csgi_scope *scope,
                        csgi_receive *receive, csgi_send *send)
{
    static const csgi_field local[] = { { CSGI_STR("user"), CSGI_STR("ada"), 0, 0 } };
    const csgi_host *host = instance;
    marking_send marking = { { send_marked }, send, host, scope->arena };
    csgi_scope *derived = NULL;
    char line[128];
    csgi_status status;

    if (scope->type != CSGI_HTTP) return inner->call(inner, scope, receive, send);
    status = host->derive(scope, &derived);
    if (status != CSGI_OK) return status;
    derived->locals = (csgi_fields){ local, 1 };
    derived->root_path = (csgi_str)CSGI_STR("/derived");
    status = inner->call(inner, derived, receive, &marking.send);
    snprintf(line, sizeof(line), "original has %zu locals, root path <%s>, derived size %s",
             scope->locals.count, scope->root_path.ptr,
             derived->size == scope->size ? "equal" : "differs");
    host->log(host, CSGI_LOG_INFO, plug_str(line));
    return status;
}

static csgi_status twice(void *instance, csgi_app *inner, const csgi_scope *scope,
                         csgi_receive *receive, csgi_send *send)
{
    const csgi_host *host = instance;
    csgi_status first = inner->call(inner, scope, receive, send), second;
    char line[64];

    second = inner->call(inner, scope, receive, send);
    snprintf(line, sizeof(line), "inner returned %d and %d", first, second);
    host->log(host, CSGI_LOG_INFO, plug_str(line));
    return first;
}

static csgi_status deny(void *instance, csgi_app *inner, const csgi_scope *scope,
                        csgi_receive *receive, csgi_send *send)
{
    (void)instance;
    for (size_t i = 0; i < scope->headers.count; i++) {
        if (plug_is(scope->headers.items[i].name, "x-key"))
            return inner->call(inner, scope, receive, send);
    }
    return plug_reply(send, 403, plug_str("no key"));
}

static csgi_status send_through(csgi_send *send, const csgi_event *event)
{
    marking_send *self = (marking_send *)(void *)send;

    return self->outer->call(self->outer, event);
}

static csgi_status mask(void *instance, csgi_app *inner, const csgi_scope *scope,
                        csgi_receive *receive, csgi_send *send)
{
    const csgi_host *host = instance;
    marking_send through = { { send_through }, send, host, scope->arena };
    csgi_scope *derived = NULL;

    for (size_t i = 0; i < scope->headers.count; i++) {
        if (!plug_is(scope->headers.items[i].name, "x-mask")) continue;
        if (host->derive(scope, &derived) != CSGI_OK) return CSGI_ENOMEM;
        derived->features = 0;
        return inner->call(inner, derived, receive, &through.send);
    }
    return inner->call(inner, scope, receive, send);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("mark"), CSGI_STR("/scope"), CSGI_STR(""), CSGI_HTTP, 0, NULL, mark },
    { CSGI_STR("twice"), CSGI_STR("/scope/two"), CSGI_STR(""), CSGI_HTTP, 0, NULL, twice },
    { CSGI_STR("deny"), CSGI_STR("/scope/rest"), CSGI_STR(""), CSGI_HTTP, 0, NULL, deny },
    { CSGI_STR("mask"), CSGI_STR("/script"), CSGI_STR(""), CSGI_HTTP, 0, NULL, mask },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("around"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("middleware around another plugin"),
                                    endpoints,
                                    4,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
