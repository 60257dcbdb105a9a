/* SPDX-License-Identifier: MIT
 * Handlers that clients abandon while they wait for another server, and what became of each:
 * GET /abandoned with the header x-url waits for it; GET /counts says how many have begun, were
 * cancelled, and were cleaned up after (one number each). */
#include <csgi/ext/draft/client.h>
#include <stdlib.h>

#include "plug.h"

typedef struct counts {
    const csgi_host *host;
    unsigned begun, cancelled, cleaned;
} counts;

static csgi_str url_of(const csgi_scope *scope)
{
    for (size_t i = 0; i < scope->headers.count; i++) {
        if (plug_is(scope->headers.items[i].name, "x-url")) return scope->headers.items[i].value;
    }
    return (csgi_str){ "", 0 };
}

static void clean(void *arg)
{
    counts *self = arg;

    self->cleaned++;
}

static csgi_status abandoned(void *instance, const csgi_scope *scope, csgi_receive *receive,
                             csgi_send *send)
{
    counts *self = instance;
    const csgi_host *host = self->host;
    const csgi_client_extension *client = host->extension(host, CSGI_CLIENT_EXTENSION);
    const csgi_client_response *response = NULL;
    csgi_client_request request = { .size = sizeof(request), .url = url_of(scope) };
    csgi_status status = host->defer(scope, clean, self);

    (void)receive;
    if (status != CSGI_OK) return status;
    self->begun++;
    request.read_timeout_ms = request.total_timeout_ms = 600000;
    status = client->fetch(host, scope->arena, &request, &response);
    if (status == CSGI_ECANCELED) self->cancelled++;
    return status == CSGI_OK ? plug_reply(send, 200, response->body) : status;
}

static csgi_status tell(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    const counts *self = instance;
    plug_text *text = self->host->alloc(scope->arena, sizeof(*text), 0);

    (void)receive;
    if (!text) return CSGI_ENOMEM;
    text->len = 0;
    plug_addf(text, "%u %u %u", self->begun, self->cancelled, self->cleaned);
    return plug_reply(send, 200, (csgi_str){ text->bytes, text->len });
}

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    counts *self = calloc(1, sizeof(*self));

    (void)config_json;
    if (!self) return CSGI_ENOMEM;
    self->host = host;
    *instance = self;
    return CSGI_OK;
}

static void destroy(void *instance)
{
    free(instance);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("abandoned"), CSGI_STR("/abandoned"), CSGI_STR("GET"), CSGI_HTTP, 0, abandoned,
      NULL },
    { CSGI_STR("counts"), CSGI_STR("/counts"), CSGI_STR("GET"), CSGI_HTTP, 0, tell, NULL },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("abandoned"),
    .version = CSGI_STR("1.0.0"),
    .endpoints = endpoints,
    .endpoint_count = sizeof endpoints / sizeof endpoints[0],
    .create = create,
    .destroy = destroy,
};

CSGI_PLUGIN(plugin);
