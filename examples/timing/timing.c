/* SPDX-License-Identifier: MIT
 * A middleware: adds "server-timing: app;dur=1.234" (milliseconds from the call to its response's
 * head) to every response. Its path is "/", so to drop it into the plugin directory is to wrap
 * every route of the server. */
#include <csgi/csgi.h>
#include <inttypes.h>
#include <stdio.h>

/* Our own send, which the application further in gets instead of ours. A closure is a function and
 * the struct that holds it, so what it needs stands beside it. */
typedef struct timing_send {
    csgi_send closure; /* first, so that the function finds the rest */
    csgi_send *outer;
    const csgi_host *host;
    csgi_arena *arena;
    uint64_t started_ns;
} timing_send;

/* A copy of the start event with one header more. An event is never changed and never copied by
 * assignment: it may be larger than the struct that this file was compiled with. */
static csgi_status add_header(timing_send *self, const csgi_event *event, csgi_event **copy)
{
    const csgi_host *host = self->host;
    uint64_t us = (host->now_ns(host) - self->started_ns) / 1000;
    csgi_http_start *start;
    csgi_field *fields;
    csgi_status status;
    size_t i, count;
    char *value;

    status = host->copy_event(self->arena, event, copy);
    if (status != CSGI_OK) return status;
    start = (csgi_http_start *)(void *)*copy;
    count = start->headers.count;

    fields = host->alloc(self->arena, (count + 1) * sizeof(*fields), 0);
    value = host->alloc(self->arena, 48, 1);
    if (!fields || !value) return CSGI_ENOMEM;
    for (i = 0; i < count; i++)
        fields[i] = start->headers.items[i];
    snprintf(value, 48, "app;dur=%" PRIu64 ".%03u", us / 1000, (unsigned)(us % 1000));
    fields[count] = (csgi_field){ CSGI_STR("server-timing"), { value, 0 }, 0, 0 };
    while (value[fields[count].value.len])
        fields[count].value.len++;
    start->headers = (csgi_fields){ fields, count + 1 };
    return CSGI_OK;
}

static csgi_status timing_send_call(csgi_send *closure, const csgi_event *event)
{
    timing_send *self = (timing_send *)closure;
    csgi_event *copy;
    csgi_status status;

    /* All else goes on untouched, what we have never heard of as well. */
    if (event->type != CSGI_HTTP_RESPONSE_START) return self->outer->call(self->outer, event);
    status = add_header(self, event, &copy);
    return status == CSGI_OK ? self->outer->call(self->outer, copy) : status;
}

static csgi_status timing(void *instance, csgi_app *inner, const csgi_scope *scope,
                          csgi_receive *receive, csgi_send *send)
{
    const csgi_host *host = instance; /* there is no create: instances are their csgi_host */
    timing_send wrapped = { { timing_send_call }, send, host, scope->arena, host->now_ns(host) };

    /* The struct may live on this stack: the call further in ends before we return. */
    return inner->call(inner, scope, receive, &wrapped.closure);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("timing"), CSGI_STR("/"), CSGI_STR(""), CSGI_HTTP, 0, NULL, timing },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    0,
    0,
    (uint32_t)sizeof(csgi_endpoint),
    CSGI_STR("timing"),
    CSGI_STR("1.0.0"),
    CSGI_STR("Tells clients how long a response took"),
    endpoints,
    sizeof(endpoints) / sizeof(endpoints[0]),
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
};

CSGI_PLUGIN(plugin);
