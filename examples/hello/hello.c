/* SPDX-License-Identifier: MIT
 * GET /hello/{name}: a whole plugin on csgi.h alone, without the framework. */
#include <csgi/csgi.h>

static csgi_status hello(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    static const csgi_field headers[] = {
        { CSGI_STR("content-type"), CSGI_STR("text/plain; charset=utf-8"), 0, 0 },
    };
    static const csgi_str nobody = CSGI_STR("whoever you are");
    const csgi_fields *params = &scope->path_params;
    csgi_http_start start = {
        .event = CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START),
        .status = 200,
        .headers = { headers, 1 },
    };
    csgi_http_body body = {
        .event = CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
        .body = CSGI_STR("hello, "),
        .flags = CSGI_MORE,
    };
    csgi_status status;

    (void)instance; /* there is no create, so it is the csgi_host; not needed here */
    (void)receive;  /* would give the request's body, piece by piece */
    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;

    /* send may suspend this task, and others run meanwhile. A failure leaves nothing to do. */
    if ((status = send->call(send, &start.event)) != CSGI_OK) return status;
    if ((status = send->call(send, &body.event)) != CSGI_OK) return status;
    /* {name}, decoded; a routes file may serve this at a path that has no parameter. */
    body.body = params->count ? params->items[0].value : nobody;
    body.flags = 0; /* the last piece */
    return send->call(send, &body.event);
}

/* Where the endpoint is served when no routes file says otherwise. */
static const csgi_endpoint endpoints[] = {
    {
        .name = CSGI_STR("hello"),
        .path = CSGI_STR("/hello/{name}"),
        .methods = CSGI_STR("GET"),
        .accepts = CSGI_HTTP,
        .call = hello,
    },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("hello"),
    .version = CSGI_STR("1.0.0"),
    .summary = CSGI_STR("Says hello"),
    .endpoints = endpoints,
    .endpoint_count = 1,
};

CSGI_PLUGIN(plugin);
