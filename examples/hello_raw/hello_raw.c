/* SPDX-License-Identifier: MIT
 * GET /hello/{name}, on csgi.h and nothing else: the whole contract is a function that is called
 * with a scope, and sends events. */
#include <csgi/csgi.h>

static csgi_status hello(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    static const csgi_field headers[] = {
        { CSGI_STR("content-type"), CSGI_STR("text/plain; charset=utf-8"), 0, 0 },
    };
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { headers, 1 }
    };
    csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                            CSGI_STR("hello, "),
                            CSGI_MORE, /* this is not the last piece */
                            0,
                            { NULL, 0 } };
    csgi_status status;

    (void)instance; /* there is no create, so it is the csgi_host; not needed here */
    (void)receive;  /* would give the request's body, piece by piece */
    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;

    /* send returns when the bytes are handed over; the task may have been suspended meanwhile, and
     * others have run. A failure means that there is nothing left to do: pass it on. */
    status = send->call(send, &start.event);
    if (status != CSGI_OK) return status;
    status = send->call(send, &body.event);
    if (status != CSGI_OK) return status;

    body.body = scope->path_params.items[0].value; /* {name}, decoded; there is one */
    body.flags = 0;                                /* the last piece */
    return send->call(send, &body.event);
}

/* Where the endpoint is served when no routes file says otherwise. */
static const csgi_endpoint endpoints[] = {
    { CSGI_STR("hello"), CSGI_STR("/hello/{name}"), CSGI_STR("GET"), CSGI_HTTP, 0, hello, NULL },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    0,                               /* flags */
    0,                               /* stack_size: the server's default */
    (uint32_t)sizeof(csgi_endpoint), /* as this file was compiled */
    CSGI_STR("hello_raw"),
    CSGI_STR("1.0.0"),
    CSGI_STR("Says hello"),
    endpoints,
    sizeof(endpoints) / sizeof(endpoints[0]),
    NULL, /* create */
    NULL, /* destroy */
    NULL, /* lifespan */
    NULL, /* save */
    NULL, /* restore */
    NULL, /* describe */
    NULL, /* extension */
};

CSGI_PLUGIN(plugin);
