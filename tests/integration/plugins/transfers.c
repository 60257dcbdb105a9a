/* SPDX-License-Identifier: MIT
 * Passes bodies on in pieces: GET and POST /relay (and /relay-blocking, on a thread) with the
 * headers x-url, x-length (of the body that follows), x-read, x-write (milliseconds), x-max (bytes)
 * and x-flags. A POST's body goes out as it comes; the response's comes back in the same way,
 * behind a first line with what came of it. /forget closes nothing. */
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

static const csgi_client_extension *find(const csgi_host *host)
{
    return host->extension(host, CSGI_CLIENT_EXTENSION);
}

static csgi_status open_as_asked(const csgi_host *host, const csgi_scope *scope,
                                 csgi_transfer **out)
{
    csgi_client_request request = { .size = sizeof request,
                                    .flags = (uint32_t)number(scope, "x-flags"),
                                    .method = scope->method,
                                    .url = header(scope, "x-url"),
                                    .read_timeout_ms = number(scope, "x-read"),
                                    .write_timeout_ms = number(scope, "x-write"),
                                    .max_response_size = number(scope, "x-max"),
                                    .body_length = number(scope, "x-length") };

    if (plug_is(scope->method, "POST")) request.flags |= CSGI_CLIENT_BODY_FOLLOWS;
    return find(host)->open(host, scope->arena, &request, out);
}

static csgi_status pass_up(const csgi_host *host, csgi_receive *receive, csgi_transfer *transfer)
{
    csgi_status status = CSGI_OK;
    uint32_t more = CSGI_MORE;

    while (status == CSGI_OK && more) {
        const csgi_event *event = NULL;
        const csgi_http_body *body;

        status = receive->call(receive, &event);
        if (status == CSGI_OK && event->type != CSGI_HTTP_REQUEST) status = CSGI_EDISCONNECTED;
        if (status) return status;
        body = (const csgi_http_body *)(const void *)event;
        more = body->flags & CSGI_MORE;
        status = find(host)->write(transfer, body->body, !more);
    }
    return status == CSGI_EDISCONNECTED ? CSGI_OK : status; /* the answer is there already */
}

static csgi_status pass_down(const csgi_host *host, csgi_send *send, csgi_transfer *transfer)
{
    const csgi_client_response *head = NULL;
    csgi_str piece = { "", 0 };
    char line[64];
    csgi_status status = find(host)->head(transfer, &head), sent;

    if (status) return status;
    snprintf(line, sizeof line, "status %u\n", head->status);
    sent = plug_start(send, 200);
    if (sent == CSGI_OK) sent = plug_body(send, plug_str(line), CSGI_MORE);
    while (sent == CSGI_OK) {
        status = find(host)->read(transfer, &piece);
        if (status || !piece.len) break;
        sent = plug_body(send, piece, CSGI_MORE);
    }
    if (sent) return CSGI_OK;
    if (!status) return plug_body(send, plug_str(""), 0);
    snprintf(line, sizeof line, "\nfailed %d ", status);
    plug_body(send, plug_str(line), CSGI_MORE);
    host->last_error(host, &piece);
    plug_body(send, piece, 0);
    return CSGI_OK;
}

static csgi_status tell(const csgi_host *host, csgi_send *send, csgi_status failed)
{
    csgi_str detail = { "", 0 };
    char text[600];

    host->last_error(host, &detail);
    snprintf(text, sizeof text, "error %d %.*s", failed, (int)detail.len, detail.ptr);
    if (failed == CSGI_ECANCELED) host->log(host, CSGI_LOG_INFO, plug_str("relay was cancelled"));
    return plug_reply(send, 200, plug_str(text));
}

static csgi_status relay(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    const csgi_host *host = instance;
    csgi_transfer *transfer = NULL;
    csgi_status status = open_as_asked(host, scope, &transfer);

    if (status) return tell(host, send, status);
    if (plug_is(scope->method, "POST")) status = pass_up(host, receive, transfer);
    if (status == CSGI_OK) status = pass_down(host, send, transfer);
    if (status) status = tell(host, send, status);
    find(host)->close(transfer);
    return status;
}

/* Three of them, of which one is closed by a deferred function. */
typedef struct late {
    const csgi_host *host;
    csgi_transfer *transfer;
} late;

static void close_late(void *arg)
{
    const late *self = arg;

    find(self->host)->close(self->transfer);
}

static csgi_status forget(void *instance, const csgi_scope *scope, csgi_receive *receive,
                          csgi_send *send)
{
    const csgi_host *host = instance;
    late *self = host->alloc(scope->arena, sizeof *self, 0);
    csgi_str piece = { "", 0 };
    csgi_transfer *transfer = NULL;
    csgi_status status = CSGI_OK;

    (void)receive;
    if (!self) return CSGI_ENOMEM;
    for (int i = 0; i < 3 && status == CSGI_OK; i++) {
        status = open_as_asked(host, scope, &transfer);
        if (status == CSGI_OK) status = find(host)->read(transfer, &piece);
        if (i == 1) *self = (late){ host, transfer };
    }
    if (status) return tell(host, send, status);
    if (number(scope, "x-later")) host->defer(scope, close_late, self);
    return plug_reply(send, 200, piece);
}

#define AT(name, path, fn, flags)                                                        \
    {                                                                                    \
        CSGI_STR(name), CSGI_STR(path), CSGI_STR("GET,POST"), CSGI_HTTP, flags, fn, NULL \
    }

static const csgi_endpoint endpoints[] = {
    AT("relay", "/relay", relay, 0),
    AT("relay_blocking", "/relay-blocking", relay, CSGI_BLOCKING),
    AT("forget", "/forget", forget, 0),
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("transfers"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("passes bodies on in pieces"),
                                    endpoints,
                                    3,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
