/* SPDX-License-Identifier: MIT
 * The apps of a routes file: those under "apps", those in the place of a middleware, and plugins
 * that nobody configured. */
#include "router/routes_values.h"

#include <string.h>

#include "base/str.h"

static void add_app(routes_reader *self, const routes_app *app)
{
    if (buffer_append(&self->apps, app, sizeof *app) != CSGI_OK) self->has_no_memory = true;
}

static size_t app_count(const routes_reader *self)
{
    return self->apps.len / sizeof(routes_app);
}

static bool has_app(const routes_reader *self, csgi_str name, size_t from)
{
    const routes_app *apps = (const routes_app *)(const void *)self->apps.bytes;

    for (size_t i = from; i < app_count(self); i++) {
        if (str_eq(apps[i].name, name)) return true;
    }
    return false;
}

/* False: something is wrong with it, and the complaint is made. */
static bool read_app_object(routes_reader *self, const json_value *it, const routes_shape *shape,
                            routes_app *out)
{
    const json_value *plugin = json_find(it, STR("plugin")), *config = json_find(it, STR("config"));
    size_t before = self->problem->len;

    *out = (routes_app){ .config = STR("{}"), .at = it->key.len ? it->key_at : it->at };
    out->plugin_at = plugin ? plugin->at : out->at;
    out->config_at = config ? config->at : out->at;
    routes_read_object(self, it, shape, out);
    return out->plugin.len > 0 && self->problem->len == before;
}

void routes_read_apps(routes_reader *self, const json_value *apps)
{
    for (const json_value *it = apps->first; it; it = it->next) {
        size_t before = self->problem->len;
        routes_app app;

        if (routes_is_repeated(self, it)) continue;
        if (!str_is_name(it->key)) {
            routes_complain(self, it->key_at,
                            "found an app named \"%.*s\", expected letters, digits, _ and -",
                            STR_ARG(json_shorten(it->key)));
        }
        if (it->kind != JSON_OBJECT) {
            routes_refuse(self, it, it->key.ptr, "an object such as {\"plugin\": \"weather\"}");
        } else if (read_app_object(self, it, &routes_app_shape, &app) &&
                   self->problem->len == before) {
            app.name = routes_copy(self, it->key);
            add_app(self, &app);
        }
        self->has_lost_app |= self->problem->len > before;
    }
}

/* "gzip" of "/usr/lib/gzip.so". */
static csgi_str plugin_stem(csgi_str plugin)
{
    size_t start = plugin.len;

    while (start > 0 && plugin.ptr[start - 1] != '/')
        start--;
    plugin = str_slice(plugin, start, SIZE_MAX);
    return str_slice(plugin, 0, str_find_char(plugin, '.'));
}

/* A middleware with a configuration in its place is an app of its own: "gzip@12", by its line. */
static void name_in_place(routes_reader *self, routes_app *app)
{
    csgi_str stem = plugin_stem(app->plugin);
    arena *memory = &self->file->memory;

    app->name = arena_printf(memory, "%.*s@%u", STR_ARG(stem), app->at.line);
    if (app->name.ptr && has_app(self, app->name, 0))
        app->name = arena_printf(memory, "%.*s@%u.%u", STR_ARG(stem), app->at.line, app->at.column);
    if (!app->name.ptr) self->has_no_memory = true;
}

bool routes_read_app_in_place(routes_reader *self, const json_value *it, routes_use *out)
{
    routes_app app;

    if (!read_app_object(self, it, &routes_middleware_shape, &app)) return false;
    name_in_place(self, &app);
    add_app(self, &app);
    *out = (routes_use){ app.name, STR(""), it->at };
    return true;
}

/* Whom nobody configured is a plugin by that name. */
static void imply_app(routes_reader *self, const json_value *declared, size_t known,
                      const routes_use *use)
{
    routes_app app = { use->app, use->app, STR("{}"), use->at, use->at, use->at };

    if (declared && declared->kind == JSON_OBJECT && json_find(declared, use->app)) return;
    if (str_find_char(use->app, '@') < use->app.len || has_app(self, use->app, known)) return;
    add_app(self, &app);
}

static void imply_apps(routes_reader *self, const json_value *declared)
{
    const routes_file *file = self->file;
    size_t known = app_count(self);

    for (size_t i = 0; i < file->around.count; i++)
        imply_app(self, declared, known, &file->around.uses[i]);
    for (size_t i = 0; i < file->route_count; i++) {
        const routes_entry *route = &file->routes[i];

        imply_app(self, declared, known, &route->use);
        for (size_t j = 0; j < route->around.count; j++)
            imply_app(self, declared, known, &route->around.uses[j]);
    }
}

void routes_keep_apps(routes_reader *self, const json_value *declared)
{
    routes_app *apps;

    imply_apps(self, declared);
    apps = routes_alloc(self, app_count(self), sizeof *apps);
    if (!apps || self->apps.len == 0) return;
    memcpy(apps, self->apps.bytes, self->apps.len);
    self->file->apps = apps;
    self->file->app_count = app_count(self);
}
