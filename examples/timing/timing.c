/* SPDX-License-Identifier: MIT
 * A middleware around every route: adds a Server-Timing header with the time the application took
 * until it began its response. */
#include <csgi/csgi.h>

#include <stdio.h>
#include <string.h>

/* A send of our own, which adds the header on the way out. */
typedef struct timing_send {
    csgi_send send; /* first: what is further in knows only this */
    csgi_send *outer;
    const csgi_host *host;
    csgi_arena *arena;
    uint64_t began_ns;
} timing_send;

/* Received and sent events are never changed in place: a copy goes on. */
static csgi_status send_with_header(timing_send *self, const csgi_event *event)
{
    const csgi_http_start *start = (const csgi_http_start *)(const void *)event;
    size_t count = start->headers.count;
    csgi_event *copy = NULL;
    csgi_status status = self->host->copy_event(self->arena, event, &copy);
    csgi_field *headers =
        self->host->alloc(self->arena, (count + 1) * sizeof(*headers), _Alignof(csgi_field));
    char *text = self->host->alloc(self->arena, 32, 1);
    int len;

    if (status != CSGI_OK) return status;
    if (!headers || !text) return CSGI_ENOMEM;
    len = snprintf(text, 32, "app;dur=%.3f",
                   (double)(self->host->now_ns(self->host) - self->began_ns) / 1e6);
    if (count) memcpy(headers, start->headers.items, count * sizeof(*headers));
    headers[count] = (csgi_field){
        .name = CSGI_STR("server-timing"),
        .value = { text, (size_t)len },
    };
    ((csgi_http_start *)(void *)copy)->headers = (csgi_fields){ headers, count + 1 };
    return self->outer->call(self->outer, copy);
}

static csgi_status send_timed(csgi_send *send, const csgi_event *event)
{
    timing_send *self = (timing_send *)(void *)send;

    if (event->type == CSGI_HTTP_RESPONSE_START) return send_with_header(self, event);
    return self->outer->call(self->outer, event);
}

static csgi_status time_it(void *instance, csgi_app *inner, const csgi_scope *scope,
                           csgi_receive *receive, csgi_send *send)
{
    const csgi_host *host = instance; /* there is no create: the instance is its host */
    timing_send timed = { { send_timed }, send, host, scope->arena, host->now_ns(host) };

    if (scope->type != CSGI_HTTP) return inner->call(inner, scope, receive, send);
    return inner->call(inner, scope, receive, &timed.send);
}

static const csgi_endpoint endpoints[] = {
    {
        .name = CSGI_STR("time_it"),
        .path = CSGI_STR("/"), /* a middleware's path is a prefix */
        .accepts = CSGI_HTTP,
        .around = time_it,
    },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("timing"),
    .version = CSGI_STR("1.0.0"),
    .summary = CSGI_STR("Says how long applications take"),
    .endpoints = endpoints,
    .endpoint_count = 1,
};

CSGI_PLUGIN(plugin);
