/* SPDX-License-Identifier: MIT
 * The tables of what may stand in a routes file. */
#include "router/routes_keys.h"

#include "base/check.h"
#include "base/str.h"
#include "router/routes_file.h"

#define REQUIRED true
#define OPTIONAL false
#define SHAPE(what, def, contrary, keys)           \
    {                                              \
        what, def, contrary, keys, COUNT_OF(keys), \
    }

static const routes_key root_keys[] = {
    { "$schema", ROUTES_TEXT, OPTIONAL, 0, "the schema of this file, for editors" },
    { "server", ROUTES_SERVER, OPTIONAL, 0,
      "options of the server by their names, with _ for -; the environment and flags beat them" },
    { "plugins", ROUTES_PLUGINS, OPTIONAL, 0, "where the plugins are" },
    { "apps", ROUTES_APPS, OPTIONAL, 0,
      "apps by name; an app is a plugin with a configuration, and one plugin can be several" },
    { "middleware", ROUTES_AROUND, OPTIONAL, offsetof(routes_file, around),
      "apps that are around every route, the outermost first" },
    { "default_routes", ROUTES_BOOLEAN, OPTIONAL, offsetof(routes_file, has_default_routes),
      "whether the default routes of the plugins are served as well; false unless given" },
    { "routes", ROUTES_LIST, OPTIONAL, 0, "which path leads to which app; the order says nothing" },
};
const routes_shape routes_root_shape = SHAPE("a routes file", "file", NULL, root_keys);

static const routes_key plugins_keys[] = {
    { "dir", ROUTES_DIR, OPTIONAL, 0, "the directory of the plugins; --plugin-dir beats it" },
};
const routes_shape routes_plugins_shape = SHAPE("\"plugins\"", "plugins", NULL, plugins_keys);

static const routes_key app_keys[] = {
    { "plugin", ROUTES_PLUGIN, REQUIRED, offsetof(routes_app, plugin),
      "the name of a plugin, or the path of its file (with a / or .so at its end)" },
    { "config", ROUTES_CONFIG, OPTIONAL, offsetof(routes_app, config),
      "its configuration, which the plugin judges; {} unless given" },
};
const routes_shape routes_app_shape = SHAPE("an app", "app", NULL, app_keys);
const routes_shape routes_middleware_shape = SHAPE("a middleware", "middleware", NULL, app_keys);

#define ENTRY_KEYS                                                                               \
    { "app", ROUTES_USE, REQUIRED, offsetof(routes_entry, use),                                  \
      "an app under \"apps\", or a plugin without configuration; the endpoint may be left out "  \
      "where there is one" },                                                                    \
        { "host", ROUTES_HOST, OPTIONAL, offsetof(routes_entry, host),                           \
          "only requests for this host: \"api.example.com\", or \"*.example.com\" for all that " \
          "are below; any unless given" },                                                       \
        { "timeout", ROUTES_DURATION, OPTIONAL, offsetof(routes_entry, timeout_ms),              \
          "how long the app may take; 0: no limit" },                                            \
        { "limit_body", ROUTES_SIZE, OPTIONAL, offsetof(routes_entry, limit_body),               \
          "a larger request body is answered with 413; 0: no limit; the server's limit_body "    \
          "unless given" },                                                                      \
        { "config", ROUTES_CONFIG, OPTIONAL, offsetof(routes_entry, config),                     \
          "an object for the app, as scope->route_config" },                                     \
    {                                                                                            \
        "middleware", ROUTES_AROUND, OPTIONAL, offsetof(routes_entry, around),                   \
            "apps around this one, the outermost first, inside those of the file"                \
    }

static const routes_key route_keys[] = {
    { "path", ROUTES_PATTERN, REQUIRED, offsetof(routes_entry, pattern),
      "the path, with parameters as in \"/items/{id:int}\"; the converters are str (unless one is "
      "named), int, float, uuid, path" },
    { "methods", ROUTES_METHODS, OPTIONAL, offsetof(routes_entry, methods),
      "the methods; those of the endpoint unless given; GET answers HEAD too" },
    ENTRY_KEYS,
};
const routes_shape routes_route_shape = SHAPE("a route", "route", "mount", route_keys);

static const routes_key mount_keys[] = {
    { "mount", ROUTES_PREFIX, REQUIRED, offsetof(routes_entry, pattern),
      "the path below which all is the app's; it may have parameters" },
    ENTRY_KEYS,
};
const routes_shape routes_mount_shape = SHAPE("a mount", "mount", "path", mount_keys);

#define TAKES(kind) (1u << (kind))

static const struct {
    const char *expected;
    unsigned takes;
} kinds[ROUTES_KIND_COUNT] = {
    [ROUTES_TEXT] = { "text", TAKES(JSON_STRING) },
    [ROUTES_BOOLEAN] = { "true or false", TAKES(JSON_BOOLEAN) },
    [ROUTES_CONFIG] = { "an object: {...}", TAKES(JSON_OBJECT) },
    [ROUTES_DURATION] = { "a duration such as \"250ms\", \"2s\" or \"1m\", of at most a year",
                          TAKES(JSON_STRING) | TAKES(JSON_NUMBER) },
    [ROUTES_SIZE] = { "a size such as \"64KiB\" or \"1MiB\"",
                      TAKES(JSON_STRING) | TAKES(JSON_NUMBER) },
    [ROUTES_METHODS] = { "a list of methods such as [\"GET\", \"POST\"]", TAKES(JSON_ARRAY) },
    [ROUTES_HOST] = { "a host name such as \"api.example.com\" or \"*.example.com\", without port",
                      TAKES(JSON_STRING) },
    [ROUTES_PATTERN] = { "a path such as \"/items/{id:int}\"", TAKES(JSON_STRING) },
    [ROUTES_PREFIX] = { "a path such as \"/admin\"", TAKES(JSON_STRING) },
    [ROUTES_USE] = { "\"APP\" or \"APP:ENDPOINT\", of letters, digits, _ and -",
                     TAKES(JSON_STRING) },
    [ROUTES_PLUGIN] = { "the name of a plugin, or the path of its .so file", TAKES(JSON_STRING) },
    [ROUTES_DIR] = { "the path of a directory", TAKES(JSON_STRING) },
    [ROUTES_SERVER] = { "an object with options of the server", TAKES(JSON_OBJECT) },
    [ROUTES_PLUGINS] = { "an object such as {\"dir\": \"./plugins\"}", TAKES(JSON_OBJECT) },
    [ROUTES_APPS] = { "an object such as {\"NAME\": {\"plugin\": \"weather\"}}",
                      TAKES(JSON_OBJECT) },
    [ROUTES_AROUND] = { "a list of \"APP\", \"APP:ENDPOINT\" or {\"plugin\": ..., \"config\": "
                        "{...}}",
                        TAKES(JSON_ARRAY) },
    [ROUTES_LIST] = { "a list of routes", TAKES(JSON_ARRAY) },
};

const routes_key *routes_shape_find(const routes_shape *self, csgi_str name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (str_eq(name, str_from(self->keys[i].name))) return &self->keys[i];
    }
    return NULL;
}

const char *routes_kind_expects(routes_kind kind)
{
    return kinds[kind].expected;
}

bool routes_kind_takes(routes_kind kind, json_kind written)
{
    return kinds[kind].takes & TAKES(written);
}
