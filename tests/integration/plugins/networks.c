/* SPDX-License-Identifier: MIT
 * GET /ask?url=U: asks by a client whose network is as the configuration says, and tells what came
 * of it. */
#include <csgi/web.h>
#include <string.h>

CSGI_GET(ask, "/ask", CSGI_QUERY_STR("url"));

static csgi_status ask(csgi_call *call)
{
    csgi_http_request request = { .url = csgi_query_str(call, "url"), .timeout_ms = 5000 };
    csgi_http_response answer = csgi_http(call, &request);

    return csgi_reply_json(call, 200, "{'status': %d, 'body': %s}", answer.status, answer.body);
}

static csgi_str text(csgi_call *call, const char *name)
{
    const char *value = csgi_config_str(call, name);

    return (csgi_str){ value, strlen(value) };
}

static csgi_status start(csgi_call *call)
{
    csgi_client_options options = {
        .flags = (uint32_t)csgi_config_int(call, "flags"),
        .ca_file = text(call, "ca_file"),
        .cert_file = text(call, "cert_file"),
        .key_file = text(call, "key_file"),
        .proxy = text(call, "proxy"),
        .max_connections_per_origin = (uint32_t)csgi_config_int(call, "per_origin"),
        .pool_timeout_ms = (uint64_t)csgi_config_int(call, "pool_timeout_ms"),
    };

    csgi_set_client(call, csgi_make_client(call, &options));
    return CSGI_OK;
}

CSGI_WEB_PLUGIN("networks", "1.0.0", "asks by a client with a network of its own", CSGI_ROUTES(ask),
                CSGI_CONFIG_INT("flags", .default_value = "0"),
                CSGI_CONFIG_STR("ca_file", .default_value = ""),
                CSGI_CONFIG_STR("cert_file", .default_value = ""),
                CSGI_CONFIG_STR("key_file", .default_value = ""),
                CSGI_CONFIG_STR("proxy", .default_value = ""),
                CSGI_CONFIG_INT("per_origin", .default_value = "0"),
                CSGI_CONFIG_INT("pool_timeout_ms", .default_value = "0"), CSGI_ON_STARTUP(start));
