/* SPDX-License-Identifier: MIT
 * Answers with its scope, as JSON: what the server said the request is. Strings are written in
 * Latin-1 escapes, byte for byte, so that the test sees bytes and not an encoding. */
#include "plug.h"

static void add_string(plug_text *json, csgi_str str)
{
    plug_add(json, "\"", 1);
    for (size_t i = 0; i < str.len; i++) {
        unsigned char byte = (unsigned char)str.ptr[i];

        if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') {
            plug_addf(json, "\\u%04x", byte);
        } else {
            plug_add(json, str.ptr + i, 1);
        }
    }
    plug_add(json, "\"", 1);
}

static void add_member(plug_text *json, const char *name, csgi_str str)
{
    plug_addf(json, "\"%s\": ", name);
    add_string(json, str);
    plug_addf(json, ",\n");
}

static void add_fields(plug_text *json, const char *name, csgi_fields fields)
{
    plug_addf(json, "\"%s\": [", name);
    for (size_t i = 0; i < fields.count; i++) {
        plug_addf(json, i ? ", [" : "[");
        add_string(json, fields.items[i].name);
        plug_addf(json, ", ");
        add_string(json, fields.items[i].value);
        plug_addf(json, "]");
    }
    plug_addf(json, "],\n");
}

static int ends_in_nul(csgi_str str)
{
    return str.ptr && str.ptr[str.len] == 0;
}

static int fields_end_in_nul(csgi_fields fields)
{
    for (size_t i = 0; i < fields.count; i++) {
        if (!ends_in_nul(fields.items[i].name) || !ends_in_nul(fields.items[i].value)) return 0;
    }
    return 1;
}

static int all_end_in_nul(const csgi_scope *scope)
{
    const csgi_str strings[] = { scope->http_version, scope->method,   scope->scheme,
                                 scope->path,         scope->raw_path, scope->query_string,
                                 scope->root_path,    scope->app,      scope->client_host,
                                 scope->server_host,  scope->endpoint, scope->route,
                                 scope->route_config };

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        if (!ends_in_nul(strings[i])) return 0;
    }
    return fields_end_in_nul(scope->headers) && fields_end_in_nul(scope->path_params) &&
           fields_end_in_nul(scope->locals);
}

static void add_scope(plug_text *json, const csgi_host *host, const csgi_scope *scope)
{
    plug_addf(json, "{\"size\": %u, \"type\": %u, \"features\": %llu,\n", scope->size, scope->type,
              (unsigned long long)scope->features);
    add_member(json, "http_version", scope->http_version);
    add_member(json, "method", scope->method);
    add_member(json, "scheme", scope->scheme);
    add_member(json, "path", scope->path);
    add_member(json, "raw_path", scope->raw_path);
    add_member(json, "query_string", scope->query_string);
    add_member(json, "root_path", scope->root_path);
    add_fields(json, "headers", scope->headers);
    add_fields(json, "path_params", scope->path_params);
    add_fields(json, "locals", scope->locals);
    add_member(json, "client_host", scope->client_host);
    add_member(json, "server_host", scope->server_host);
    add_member(json, "app", scope->app);
    add_member(json, "endpoint", scope->endpoint);
    add_member(json, "route", scope->route);
    add_member(json, "route_config", scope->route_config);
    add_member(json, "server_url", host->server_url);
    add_member(json, "host_app", host->app);
    add_member(json, "plugin_dir", host->plugin_dir);
    plug_addf(json,
              "\"client_port\": %u, \"server_port\": %u, \"subprotocols\": %zu, \"tls\": %d,\n",
              scope->client_port, scope->server_port, scope->subprotocol_count, scope->tls != NULL);
    plug_addf(json, "\"deadline\": \"%llu\", \"draining\": %d, \"nul\": %d, \"sizeof\": %zu,\n",
              (unsigned long long)host->deadline_ns(scope), host->is_draining(scope),
              all_end_in_nul(scope), sizeof(csgi_scope));
    plug_addf(json,
              "\"worker\": %u, \"workers\": %u, \"generation\": %llu, \"abi\": [%u, %u],"
              " \"host_size\": %u, \"sizeof_host\": %zu, \"unknown_extension\": %d}\n",
              host->worker, host->workers, (unsigned long long)host->generation, host->abi_major,
              host->abi_minor, host->size, sizeof(csgi_host),
              host->extension(host, "csgi.nobody-has-this/1") != NULL);
}

static csgi_status show(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    const csgi_host *host = instance;
    plug_text *json;

    (void)receive;
    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;
    json = host->alloc(scope->arena, sizeof(*json), 0);
    if (!json) return CSGI_ENOMEM;
    json->len = 0;
    add_scope(json, host, scope);
    return plug_reply(send, 200, (csgi_str){ json->bytes, json->len });
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("show"), CSGI_STR("/scope"), CSGI_STR(""), CSGI_HTTP, 0, show, NULL },
    { CSGI_STR("one"), CSGI_STR("/scope/one/{name}"), CSGI_STR("GET"), CSGI_HTTP, 0, show, NULL },
    { CSGI_STR("two"), CSGI_STR("/scope/two/{id:int}/{name}"), CSGI_STR("GET,POST"), CSGI_HTTP, 0,
      show, NULL },
    { CSGI_STR("rest"), CSGI_STR("/scope/rest/{rest:path}"), CSGI_STR("GET"), CSGI_HTTP, 0, show,
      NULL },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("scope"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("answers with its scope"),
                                    endpoints,
                                    4,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
