/* SPDX-License-Identifier: MIT
 * The routes file, read and found well-formed: apps, middleware and routes as it names them. It
 * loads nothing, so it does not know which plugins and endpoints there are; who does complains with
 * routes_file_complain, at the positions kept here. */
#ifndef CAPRICORN_ROUTER_ROUTES_FILE_H
#define CAPRICORN_ROUTER_ROUTES_FILE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "config/json_text.h"
#include "config/options.h"

/* "APP" or "APP:ENDPOINT". */
typedef struct routes_use {
    csgi_str app, endpoint; /* endpoint: empty when left out */
    file_position at;
} routes_use;

/* An entry of "apps", or a middleware with a configuration in its place. */
typedef struct routes_app {
    csgi_str name;   /* unique among the apps of the file */
    csgi_str plugin; /* "weather", or a path with a slash or that ends in .so, made absolute */
    csgi_str config; /* JSON text of an object; "{}" when there is none */
    file_position at, plugin_at, config_at;
} routes_app;

typedef struct routes_around {
    const routes_use *uses; /* outermost first */
    size_t count;
} routes_around;

typedef struct routes_entry {
    csgi_str pattern; /* of a mount: its prefix, "" for "/" */
    csgi_str methods; /* "GET,POST"; empty: what the endpoint says */
    csgi_str host;    /* lower case, "api.example.com" or "*.example.com"; empty: any */
    csgi_str config;  /* JSON text for csgi_scope.route_config; empty: none */
    routes_use use;
    routes_around around; /* within the file's own */
    uint64_t timeout_ms;  /* 0: none */
    uint64_t limit_body;  /* UINT64_MAX: the server's; 0: no limit */
    bool is_mount;
    file_position at; /* of the pattern */
} routes_entry;

typedef struct routes_file {
    arena memory;  /* of all that is here; every string is NUL-terminated */
    csgi_str name; /* as it was given, for messages */
    csgi_str dir;  /* where it stands, absolute; relative paths in it start there */
    const routes_app *apps;
    size_t app_count;
    routes_around around; /* "middleware": around every route */
    const routes_entry *routes;
    size_t route_count;
    bool has_default_routes;
    bool is_part; /* the file has mistakes, and this is what is well-formed in it */
} routes_file;

/* Reads a routes file. Its server options are set in options, where neither the environment nor an
 * argument has set them. Every mistake is found at once: CSGI_EINVAL, with *problem a line for each
 * ("routes.json:12:27: ..."), and options unchanged. CSGI_ENOMEM. After CSGI_OK
 * routes_file_fini is owed, and options borrow the file's strings. */
csgi_status routes_file_read(routes_file *self, const char *path, server_options *options,
                             buffer *problem);
/* The same, but whoever knows more of the file can complain of the rest of it: after CSGI_EINVAL
 * with is_part set, the entries that nothing is wrong with are here, options are set as far as they
 * could be, and routes_file_fini is owed. Without is_part nothing can be said of the rest, as the
 * file is no JSON, or where its plugins or which its apps are is not known. */
csgi_status routes_file_read_part(routes_file *self, const char *path, server_options *options,
                                  buffer *problem);
void routes_file_fini(routes_file *self);

/* Adds the beginning of a complaint to *problem: "routes.json:12:27: ". */
void routes_file_complain(const routes_file *self, file_position at, buffer *problem);
/* Puts the lines of *problem in the order of the file. A line that begins with no position of it
 * stays behind the one before it. */
void routes_file_sort_complaints(const routes_file *self, buffer *problem);

/* The JSON Schema (2020-12) of a routes file, from the tables that reading uses. */
csgi_status routes_file_print_schema(buffer *out);

#endif
