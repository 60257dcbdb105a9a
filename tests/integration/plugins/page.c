/* SPDX-License-Identifier: MIT
 * Pages, for the tests of `capricorn dev`: GET /page is one with the app's configuration in it;
 * /pieces is sent in pieces; /text has the same bytes and is none. */
#include <stdlib.h>
#include <string.h>

#include <csgi/csgi.h>

static const char before[] =
    "<!doctype html><title>page</title><link rel=icon href=data:,><body><p id=\"config\">";
static const char after[] = "</p></body></html>\n";

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    (void)host;
    *instance = malloc(config_json.len + 1);
    if (!*instance) return CSGI_ENOMEM;
    memcpy(*instance, config_json.ptr, config_json.len);
    ((char *)*instance)[config_json.len] = '\0';
    return CSGI_OK;
}

static void destroy(void *instance)
{
    free(instance);
}

static csgi_status start(csgi_send *send, csgi_str type)
{
    csgi_field field = { CSGI_STR("content-type"), type, 0, 0 };
    csgi_http_start event = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { &field, 1 }
    };

    return send->call(send, &event.event);
}

static csgi_status send_piece(csgi_send *send, const char *text, size_t len, uint32_t flags)
{
    csgi_http_body event = {
        CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY), { text, len }, flags, 0, { NULL, 0 }
    };

    return send->call(send, &event.event);
}

static csgi_status send_whole(const char *config, csgi_send *send, csgi_str type)
{
    char text[1024];
    size_t len = strlen(config);
    csgi_status status = start(send, type);

    if (len > sizeof text - sizeof before - sizeof after) return CSGI_ELIMIT;
    memcpy(text, before, sizeof before - 1);
    memcpy(text + sizeof before - 1, config, len);
    memcpy(text + sizeof before - 1 + len, after, sizeof after - 1);
    if (status != CSGI_OK) return status;
    return send_piece(send, text, sizeof before + sizeof after - 2 + len, 0);
}

static csgi_status page(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    (void)scope;
    (void)receive;
    return send_whole(instance, send, (csgi_str)CSGI_STR("text/html; charset=utf-8"));
}

static csgi_status text(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    (void)scope;
    (void)receive;
    return send_whole(instance, send, (csgi_str)CSGI_STR("text/plain"));
}

static csgi_status pieces(void *instance, const csgi_scope *scope, csgi_receive *receive,
                          csgi_send *send)
{
    csgi_status status = start(send, (csgi_str)CSGI_STR("text/html"));

    (void)scope;
    (void)receive;
    if (status == CSGI_OK) status = send_piece(send, before, sizeof before - 1, CSGI_MORE);
    if (status == CSGI_OK) status = send_piece(send, instance, strlen(instance), CSGI_MORE);
    return status == CSGI_OK ? send_piece(send, after, sizeof after - 1, 0) : status;
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("page"), CSGI_STR("/page"), CSGI_STR("GET"), CSGI_HTTP, 0, page, NULL },
    { CSGI_STR("text"), CSGI_STR("/text"), CSGI_STR("GET"), CSGI_HTTP, 0, text, NULL },
    { CSGI_STR("pieces"), CSGI_STR("/pieces"), CSGI_STR("GET"), CSGI_HTTP, 0, pieces, NULL },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("page"),
    .version = CSGI_STR("1"),
    .summary = CSGI_STR("pages"),
    .endpoints = endpoints,
    .endpoint_count = sizeof endpoints / sizeof *endpoints,
    .create = create,
    .destroy = destroy,
};

CSGI_PLUGIN(plugin);
