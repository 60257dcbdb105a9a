/* SPDX-License-Identifier: MIT
 * Asks another server, as its own request says:
 * POST /fetch with the headers x-url, x-method, x-header (name=value), x-connect, x-read, x-total
 * (milliseconds), x-max (bytes), and the body to send. It answers with what came of it: the
 * status the client extension returned, the response's status, its headers, and its body. */
#include <csgi/ext/draft/client.h>
#include <stdlib.h>

#include "plug.h"

static csgi_str header(const csgi_scope *scope, const char *name)
{
    for (size_t i = 0; i < scope->headers.count; i++) {
        if (plug_is(scope->headers.items[i].name, name)) return scope->headers.items[i].value;
    }
    return (csgi_str){ "", 0 };
}

static uint64_t number(const csgi_scope *scope, const char *name)
{
    return strtoull(header(scope, name).ptr, NULL, 10);
}

/* The whole body, in the arena. */
static csgi_status read_body(const csgi_host *host, const csgi_scope *scope, csgi_receive *receive,
                             csgi_str *out)
{
    size_t capacity = (size_t)1 << 20, len = 0;
    char *bytes = host->alloc(scope->arena, capacity, 1);

    if (!bytes) return CSGI_ENOMEM;
    for (;;) {
        const csgi_event *event = NULL;
        const csgi_http_body *body;
        csgi_status status = receive->call(receive, &event);

        if (status != CSGI_OK) return status;
        if (event->type != CSGI_HTTP_REQUEST) return CSGI_EDISCONNECTED;
        body = (const csgi_http_body *)(const void *)event;
        if (body->body.len > capacity - len) return CSGI_ELIMIT;
        if (body->body.len) memcpy(bytes + len, body->body.ptr, body->body.len);
        len += body->body.len;
        if (!(body->flags & CSGI_MORE)) break;
    }
    *out = (csgi_str){ bytes, len };
    return CSGI_OK;
}

static csgi_status reply(const csgi_host *host, const csgi_scope *scope, csgi_send *send,
                         csgi_status result, const csgi_client_response *response)
{
    plug_text *text = host->alloc(scope->arena, sizeof(*text), 0);
    csgi_str detail = { "", 0 };
    csgi_status status;

    if (!text) return CSGI_ENOMEM;
    text->len = 0;
    if (result != CSGI_OK) {
        host->last_error(host, &detail);
        plug_addf(text, "error %d %.*s", result, (int)detail.len, detail.ptr);
        return plug_reply(send, 200, (csgi_str){ text->bytes, text->len });
    }
    plug_addf(text, "status %u\n", response->status);
    for (size_t i = 0; i < response->headers.count; i++) {
        plug_addf(text, "%s: %s\n", response->headers.items[i].name.ptr,
                  response->headers.items[i].value.ptr);
    }
    plug_addf(text, "\n");
    status = plug_start(send, 200);
    if (status == CSGI_OK)
        status = plug_body(send, (csgi_str){ text->bytes, text->len }, CSGI_MORE);
    return status == CSGI_OK ? plug_body(send, response->body, 0) : status;
}

static csgi_status fetch(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    const csgi_host *host = instance;
    const csgi_client_extension *client = host->extension(host, CSGI_CLIENT_EXTENSION);
    const csgi_client_response *response = NULL;
    csgi_client_request request = { .size = sizeof(request) };
    csgi_str extra = header(scope, "x-header");
    const char *equals = memchr(extra.ptr, '=', extra.len);
    csgi_field field = { { extra.ptr, 0 }, { "", 0 }, 0, 0 };
    csgi_status status = read_body(host, scope, receive, &request.body);

    if (status != CSGI_OK) return status;
    request.url = header(scope, "x-url");
    request.method = header(scope, "x-method");
    if (equals) {
        field.name.len = (size_t)(equals - extra.ptr);
        field.value = (csgi_str){ equals + 1, extra.len - field.name.len - 1 };
        request.headers = (csgi_fields){ &field, 1 };
    }
    request.connect_timeout_ms = number(scope, "x-connect");
    request.read_timeout_ms = number(scope, "x-read");
    request.total_timeout_ms = number(scope, "x-total");
    request.max_response_size = number(scope, "x-max");
    status = client->fetch(host, scope->arena, &request, &response);
    if (status == CSGI_ECANCELED) host->log(host, CSGI_LOG_INFO, plug_str("fetch was cancelled"));
    return reply(host, scope, send, status, response);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("fetch"), CSGI_STR("/fetch"), CSGI_STR("POST"), CSGI_HTTP, 0, fetch, NULL },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("fetch"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("asks another server"),
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
