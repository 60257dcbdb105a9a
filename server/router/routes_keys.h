/* SPDX-License-Identifier: MIT
 * What may stand in a routes file: one table for each kind of object says its keys. Reading, the
 * schema and the reference page come from these tables (and that of the options). */
#ifndef CAPRICORN_ROUTER_ROUTES_KEYS_H
#define CAPRICORN_ROUTER_ROUTES_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/json_text.h"

#define ROUTES_TIMEOUT_MAX_MS (UINT64_C(365) * 86400 * 1000)

/* What a value is. */
typedef enum routes_kind {
    ROUTES_TEXT,
    ROUTES_BOOLEAN,
    ROUTES_CONFIG, /* any object */
    ROUTES_DURATION,
    ROUTES_SIZE,
    ROUTES_METHODS,
    ROUTES_HOST,
    ROUTES_PATTERN,
    ROUTES_PREFIX,
    ROUTES_USE,    /* APP or APP:ENDPOINT */
    ROUTES_PLUGIN, /* a name or a file */
    ROUTES_DIR,
    ROUTES_SERVER,
    ROUTES_PLUGINS,
    ROUTES_APPS,
    ROUTES_AROUND,
    ROUTES_LIST,
    ROUTES_KIND_COUNT
} routes_kind;

typedef struct routes_key {
    const char *name;
    routes_kind kind;
    bool is_required;
    size_t offset; /* into what the object is read into */
    const char *help;
} routes_key;

/* A kind of object. */
typedef struct routes_shape {
    const char *what;     /* "a route" */
    const char *def;      /* its name among the schema's definitions */
    const char *contrary; /* a key that makes it another shape, which has not the first key */
    const routes_key *keys;
    size_t count;
} routes_shape;

extern const routes_shape routes_root_shape, routes_plugins_shape, routes_app_shape,
    routes_middleware_shape, routes_route_shape, routes_mount_shape;

/* The key of that name, or NULL. */
const routes_key *routes_shape_find(const routes_shape *self, csgi_str name);
/* "a duration such as 250ms, 2s or 1m", for messages. */
const char *routes_kind_expects(routes_kind kind);
/* Can a value of that kind be written so? */
bool routes_kind_takes(routes_kind kind, json_kind written);

#endif
