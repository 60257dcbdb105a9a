/* SPDX-License-Identifier: MIT
 * GET /: thirteen bytes, on csgi.h alone: what a request costs when nothing is done for it. */
#include <csgi/csgi.h>

static csgi_status plain(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    static const csgi_field headers[] = {
        { CSGI_STR("content-type"), CSGI_STR("text/plain"), 0, 0 },
        { CSGI_STR("content-length"), CSGI_STR("13"), 0, 0 },
    };
    static const csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { headers, 2 }
    };
    static const csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                                         CSGI_STR("Hello, world!"),
                                         0,
                                         0,
                                         { NULL, 0 } };
    csgi_status status;

    (void)instance, (void)scope, (void)receive;
    status = send->call(send, &start.event);
    return status == CSGI_OK ? send->call(send, &body.event) : status;
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("plain"), CSGI_STR("/"), CSGI_STR("GET"), CSGI_HTTP, 0, plain, NULL },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,          .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("plain"), .version = CSGI_STR("1.0.0"),
    .endpoints = endpoints,    .endpoint_count = sizeof(endpoints) / sizeof(endpoints[0]),
};

CSGI_PLUGIN(plugin);
