/* SPDX-License-Identifier: MIT
 * Answers any request with what the application saw of it, as text: the request line, the decoded
 * path, the headers, the body and the trailers. The query string may ask for another answer:
 *
 *   status=N   that status instead of 200
 *   stream=1   the answer in two pieces, so that its length is not known beforehand
 *   fields=1   framing and connection fields of the application's own
 *   closes=1   a Connection field that says close
 *   unread=1   the body is not asked for
 *   cut=1      the application fails in the middle of its answer
 *   short=1    a Content-Length that is longer than the body
 *
 * /socket is for WebSockets only. The path /smuggled is one that no request may reach:
 * /smuggled-count says how many have. */
#include "plug.h"

static unsigned smuggled;

static void add_fields(plug_text *text, const char *prefix, csgi_fields fields)
{
    for (size_t i = 0; i < fields.count; i++) {
        plug_addf(text, "%s", prefix);
        plug_add(text, fields.items[i].name.ptr, fields.items[i].name.len);
        plug_addf(text, ": ");
        plug_add(text, fields.items[i].value.ptr, fields.items[i].value.len);
        plug_addf(text, "\n");
    }
}

static void add_scope(plug_text *text, const csgi_scope *scope)
{
    plug_addf(text, "%s %s?%s HTTP/%s\n", scope->method.ptr, scope->raw_path.ptr,
              scope->query_string.ptr, scope->http_version.ptr);
    plug_addf(text, "path=%s\n", scope->path.ptr);
    add_fields(text, "", scope->headers);
    plug_addf(text, "\n");
}

static csgi_status add_body(plug_text *text, csgi_receive *receive)
{
    for (;;) {
        const csgi_event *event = NULL;
        const csgi_http_body *body;
        csgi_status status = receive->call(receive, &event);

        if (status != CSGI_OK) return status;
        if (event->type != CSGI_HTTP_REQUEST) return CSGI_EDISCONNECTED;
        body = (const csgi_http_body *)(const void *)event;
        plug_add(text, body->body.ptr, body->body.len);
        if (body->flags & CSGI_MORE) continue;
        plug_addf(text, "\n");
        add_fields(text, "trailer ", body->trailers);
        return CSGI_OK;
    }
}

static csgi_status start(csgi_send *send, const csgi_scope *scope)
{
    static const csgi_field headers[] = {
        { CSGI_STR("transfer-encoding"), CSGI_STR("gzip"), 0, 0 },
        { CSGI_STR("keep-alive"), CSGI_STR("timeout=5"), 0, 0 },
        { CSGI_STR("x-kept"), CSGI_STR("yes"), 0, 0 },
    };
    static const csgi_field close = { CSGI_STR("connection"), CSGI_STR("close"), 0, 0 };
    static const csgi_field length = { CSGI_STR("content-length"), CSGI_STR("99999"), 0, 0 };
    csgi_http_start event = { CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START),
                              (uint32_t)plug_number(scope, "status", 200),
                              0,
                              { NULL, 0 } };

    if (plug_number(scope, "fields", 0)) event.headers = (csgi_fields){ headers, 3 };
    if (plug_number(scope, "closes", 0)) event.headers = (csgi_fields){ &close, 1 };
    if (plug_number(scope, "short", 0)) event.headers = (csgi_fields){ &length, 1 };
    return send->call(send, &event.event);
}

static csgi_status mirror(void *instance, const csgi_scope *scope, csgi_receive *receive,
                          csgi_send *send)
{
    const csgi_host *host = instance;
    plug_text *text = host->alloc(scope->arena, sizeof(*text), 0);
    csgi_status status = CSGI_OK;
    size_t first;

    if (!text) return CSGI_ENOMEM;
    text->len = 0;
    add_scope(text, scope);
    if (!plug_number(scope, "unread", 0)) status = add_body(text, receive);
    if (status == CSGI_OK) status = start(send, scope);
    if (status != CSGI_OK) return status;
    first = plug_number(scope, "stream", 0) || plug_number(scope, "cut", 0) ? 5 : 0;
    if (first) status = plug_body(send, (csgi_str){ text->bytes, first }, CSGI_MORE);
    if (plug_number(scope, "cut", 0)) return CSGI_EFAIL;
    if (status != CSGI_OK) return status;
    return plug_body(send, (csgi_str){ text->bytes + first, text->len - first }, 0);
}

static csgi_status smuggle(void *instance, const csgi_scope *scope, csgi_receive *receive,
                           csgi_send *send)
{
    (void)instance;
    (void)scope;
    (void)receive;
    smuggled++;
    return plug_reply(send, 200, plug_str("smuggled"));
}

static csgi_status count(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    char number[16];

    (void)instance;
    (void)scope;
    (void)receive;
    snprintf(number, sizeof(number), "%u", smuggled);
    return plug_reply(send, 200, plug_str(number));
}

/* LOCK is a method that no resource here has. */
#define METHODS "GET,POST,PUT,DELETE,OPTIONS,PATCH,TRACE,PROPFIND,REPORT,PURGE,LINK,MKCOL"

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("smuggle"), CSGI_STR("/smuggled"), CSGI_STR(""), CSGI_HTTP, 0, smuggle, NULL },
    { CSGI_STR("socket"), CSGI_STR("/socket"), CSGI_STR(""), CSGI_WEBSOCKET, 0, smuggle, NULL },
    { CSGI_STR("count"), CSGI_STR("/smuggled-count"), CSGI_STR(""), CSGI_HTTP, 0, count, NULL },
    { CSGI_STR("root"), CSGI_STR("/"), CSGI_STR(METHODS), CSGI_HTTP, 0, mirror, NULL },
    { CSGI_STR("mirror"), CSGI_STR("/{rest:path}"), CSGI_STR(METHODS), CSGI_HTTP, 0, mirror, NULL },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("mirror"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("answers with the request as it saw it"),
                                    endpoints,
                                    5,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
