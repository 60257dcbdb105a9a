/* SPDX-License-Identifier: MIT
 * A plugin of a later minor, built from headers that test_frozen.py has made to grow (each struct
 * that may grow has a field late_NAME at its end). It must run on today's server: bigger structs
 * are fine, what the server lacks is asked for with CSGI_HAS, and what it does not know is refused.
 */
#include <stdio.h>
#include <string.h>

#include <csgi/csgi.h>

enum { AN_EVENT_TO_COME = 0x1f1 };

/* Endpoints are walked by the size that the plugin declares. */
typedef struct newer_endpoint {
    csgi_endpoint known;
    uint64_t late[4];
} newer_endpoint;

static csgi_status show(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    static const csgi_field type = { CSGI_STR("content-type"), CSGI_STR("text/plain"), 0, 0 };
    const csgi_host *host = instance;
    csgi_event unknown = CSGI_EVENT(csgi_event, AN_EVENT_TO_COME);
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 201, 0, { &type, 1 }, UINT64_MAX
    };
    csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                            { NULL, 0 },
                            0,
                            0,
                            { NULL, 0 },
                            UINT64_MAX };
    csgi_status refused = send->call(send, &unknown), status;
    char text[512];
    int len;

    (void)receive;
    len = snprintf(text, sizeof(text),
                   "host has late field: %d\nscope has late field: %d\nunknown event: %d\n"
                   "start of %u bytes\nlocals: %zu\n",
                   CSGI_HAS(host, csgi_host, late_host), CSGI_HAS(scope, csgi_scope, late_scope),
                   refused, start.event.size, scope->locals.count);
    body.body.ptr = text;
    body.body.len = (size_t)len;
    status = send->call(send, &start.event);
    return status == CSGI_OK ? send->call(send, &body.event) : status;
}

static const newer_endpoint endpoints[] = {
    { { CSGI_STR("first"), CSGI_STR("/newer/first"), CSGI_STR("GET"), CSGI_HTTP, 0, show, NULL },
      { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } },
    { { CSGI_STR("second"), CSGI_STR("/newer/second"), CSGI_STR("GET"), CSGI_HTTP | 0x40, 1, show,
        NULL },
      { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    1,
                                    0,
                                    sizeof(newer_endpoint),
                                    CSGI_STR("newer"),
                                    CSGI_STR("7.0.0"),
                                    CSGI_STR("of a later minor"),
                                    &endpoints[0].known,
                                    2,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    &endpoints };

CSGI_PLUGIN(plugin);
