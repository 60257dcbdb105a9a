/* SPDX-License-Identifier: MIT
 * Reads a routes file: its objects, and what they name among themselves. */
#include "router/routes_file.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "base/suggest.h"
#include "config/text_file.h"
#include "router/routes_values.h"

#define KEYS_MAX 16 /* of one shape */

static void read_member(routes_reader *self, const json_value *it, const routes_key *key,
                        void *field);

/* ---- any object ---- */

/* Without these whatever else is named could not be found, which would be no news. */
static void note_lost(routes_reader *self, const routes_shape *shape, csgi_str key)
{
    if (shape == &routes_root_shape && (str_eq(key, STR("plugins")) || str_eq(key, STR("apps"))))
        self->is_lost = true;
}

static void complain_missing(routes_reader *self, const json_value *object,
                             const routes_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++) {
        const routes_key *key = &shape->keys[i];
        bool has_contrary = i == 0 && shape->contrary;

        if (!key->is_required || json_find(object, str_from(key->name))) continue;
        routes_complain(self, object->at, "found %s without \"%s\"%s%s%s, expected %s", shape->what,
                        key->name, has_contrary ? " (or \"" : "",
                        has_contrary ? shape->contrary : "", has_contrary ? "\")" : "",
                        routes_kind_expects(key->kind));
    }
}

static void complain_unknown(routes_reader *self, const json_value *member,
                             const routes_shape *shape)
{
    csgi_str known[KEYS_MAX], nearest;
    buffer list = { 0 };

    if (shape->contrary && str_eq(member->key, str_from(shape->contrary))) {
        routes_complain(self, member->key_at, "\"%s\": found next to \"%s\", expected one of them",
                        shape->contrary, shape->keys[0].name);
        return;
    }
    CHECK(shape->count <= KEYS_MAX);
    for (size_t i = 0; i < shape->count; i++) {
        known[i] = str_from(shape->keys[i].name);
        if (buffer_printf(&list, "%s%s", i ? ", " : "", shape->keys[i].name) != CSGI_OK)
            self->has_no_memory = true;
    }
    nearest = suggest_nearest(member->key, known, shape->count);
    note_lost(self, shape, nearest);
    if (nearest.len) {
        routes_complain(self, member->key_at,
                        "\"%.*s\": there is no such key in %s (did you mean \"%.*s\"?)",
                        STR_ARG(json_shorten(member->key)), shape->what, STR_ARG(nearest));
    } else {
        routes_complain(self, member->key_at,
                        "\"%.*s\": there is no such key in %s, expected %s%.*s",
                        STR_ARG(json_shorten(member->key)), shape->what,
                        shape->count > 1 ? "one of " : "", STR_ARG(buffer_str(&list)));
    }
    buffer_fini(&list);
}

/* Reads an object into the struct of its shape. */
void routes_read_object(routes_reader *self, const json_value *object, const routes_shape *shape,
                        void *out)
{
    complain_missing(self, object, shape);
    for (const json_value *member = object->first; member; member = member->next) {
        const routes_key *key = routes_shape_find(shape, member->key);

        if (routes_is_repeated(self, member)) continue;
        if (!key) {
            complain_unknown(self, member, shape);
        } else if (!routes_kind_takes(key->kind, member->kind)) {
            routes_refuse(self, member, key->name, routes_kind_expects(key->kind));
            note_lost(self, shape, member->key);
        } else {
            read_member(self, member, key, (char *)out + key->offset);
        }
    }
}

static void read_plugins(routes_reader *self, const json_value *plugins)
{
    size_t before = self->problem->len;
    csgi_str dir = STR("");
    buffer why = { 0 };

    routes_read_object(self, plugins, &routes_plugins_shape, &dir);
    self->is_lost |= self->problem->len > before;
    if (dir.len && options_set_from_file(self->options, options_find_key(STR("plugin_dir")),
                                         dir.ptr, &why) != CSGI_OK)
        self->has_no_memory = true; /* a path cannot be wrong */
    buffer_fini(&why);
}

/* ---- middleware and routes ---- */

/* False: it is none, and the complaint is made. */
static bool read_middleware(routes_reader *self, const json_value *it, routes_use *out)
{
    if (it->kind == JSON_STRING) return routes_read_use(self, it, "middleware", out);
    if (it->kind != JSON_OBJECT) {
        routes_refuse(self, it, "middleware",
                      "\"APP\", \"APP:ENDPOINT\" or {\"plugin\": ..., \"config\": {...}}");
        return false;
    }
    return routes_read_app_in_place(self, it, out);
}

static void read_around(routes_reader *self, const json_value *list, routes_around *out)
{
    routes_use *uses = routes_alloc(self, list->count, sizeof *uses);
    size_t count = 0;

    if (!uses) return;
    for (const json_value *it = list->first; it; it = it->next) {
        if (read_middleware(self, it, &uses[count])) count++;
    }
    *out = (routes_around){ uses, count };
}

static void read_route(routes_reader *self, const json_value *it, routes_entry *out)
{
    const json_value *path = json_find(it, STR("path")), *mount = json_find(it, STR("mount"));
    const json_value *pattern = path ? path : mount;

    *out = (routes_entry){ .methods = STR(""),
                           .host = STR(""),
                           .config = STR(""),
                           .limit_body = UINT64_MAX,
                           .is_mount = !path && mount };
    out->at = pattern ? pattern->at : it->at;
    routes_read_object(self, it, out->is_mount ? &routes_mount_shape : &routes_route_shape, out);
}

static void read_routes(routes_reader *self, const json_value *list)
{
    routes_entry *routes = routes_alloc(self, list->count, sizeof *routes);
    size_t count = 0;

    if (!routes) return;
    for (const json_value *it = list->first; it; it = it->next) {
        size_t before = self->problem->len;

        if (it->kind == JSON_OBJECT)
            read_route(self, it, &routes[count]);
        else
            routes_refuse(self, it, "routes",
                          "a route such as {\"path\": \"/\", \"app\": \"APP\"}");
        count += self->problem->len == before; /* a wrong one is left out */
    }
    self->file->routes = routes;
    self->file->route_count = count;
}

static void read_member(routes_reader *self, const json_value *it, const routes_key *key,
                        void *field)
{
    switch (key->kind) {
    case ROUTES_TEXT: /* for others to read */
        return;
    case ROUTES_SERVER:
        routes_read_server(self, it);
        return;
    case ROUTES_PLUGINS:
        read_plugins(self, it);
        return;
    case ROUTES_APPS:
        routes_read_apps(self, it);
        return;
    case ROUTES_AROUND:
        read_around(self, it, field);
        return;
    case ROUTES_LIST:
        read_routes(self, it);
        return;
    default:
        routes_read_value(self, it, key, field);
    }
}

/* ---- the whole ---- */

/* Where the file stands. */
static csgi_status find_dir(routes_file *self, buffer *problem)
{
    size_t end = self->name.len;
    char here[PATH_MAX];
    csgi_str dir;

    while (end > 0 && self->name.ptr[end - 1] != '/')
        end--;
    dir = str_slice(self->name, 0, end > 1 ? end - 1 : end);
    if (!str_starts_with(dir, STR("/"))) {
        if (!getcwd(here, sizeof here)) {
            buffer_printf(problem, "%s: its directory cannot be told: %s\n", self->name.ptr,
                          strerror(errno));
            return CSGI_EINVAL;
        }
        while (str_starts_with(dir, STR("./")))
            dir = str_slice(dir, 2, SIZE_MAX);
        if (str_eq(dir, STR("."))) dir.len = 0;
        dir = arena_printf(&self->memory, "%s%s%.*s", here,
                           dir.len && strcmp(here, "/") != 0 ? "/" : "", STR_ARG(dir));
    } else {
        dir = arena_copy_str(&self->memory, dir);
    }
    self->dir = dir;
    return dir.ptr ? CSGI_OK : CSGI_ENOMEM;
}

/* The text to values. *problem gets a line where that fails. */
static csgi_status parse(const routes_reader *self, buffer *text, arena *memory,
                         const json_value **root)
{
    const char *name = self->file->name.ptr;
    csgi_status status = text_file_read(name, text, self->problem);

    if (status == CSGI_OK)
        status = json_blank_comments(name, text->bytes, text->len, self->problem);
    if (status == CSGI_OK) status = json_parse(name, buffer_str(text), memory, root, self->problem);
    if (status == CSGI_EINVAL && buffer_append(self->problem, "\n", 1) != CSGI_OK)
        return CSGI_ENOMEM;
    return status;
}

/* With mistakes it is a part: an app of the default routes could stand for one that is left out. */
static void keep_part(routes_reader *self)
{
    self->file->is_part = self->has_mistakes && !self->is_lost && !self->has_no_memory;
    if (self->has_lost_app) self->file->has_default_routes = false;
}

static csgi_status read_tree(routes_reader *self, const json_value *root)
{
    if (root->kind == JSON_OBJECT) {
        routes_read_object(self, root, &routes_root_shape, self->file);
        routes_keep_apps(self, json_find(root, STR("apps")));
        keep_part(self);
    } else {
        buffer found = { 0 };

        json_print_found(root, &found);
        routes_complain(self, root->at, "found %.*s, expected an object: {...}",
                        STR_ARG(buffer_str(&found)));
        buffer_fini(&found);
    }
    if (self->has_no_memory) return CSGI_ENOMEM;
    return self->has_mistakes ? CSGI_EINVAL : CSGI_OK;
}

csgi_status routes_file_read_part(routes_file *self, const char *path, server_options *options,
                                  buffer *problem)
{
    server_options changed = *options;
    routes_reader reader = { .file = self, .options = &changed, .problem = problem };
    const json_value *root;
    buffer text = { 0 };
    csgi_status status;

    *self = (routes_file){ .apps = NULL };
    arena_init(&self->memory, NULL, 0);
    arena_init(&reader.scratch, NULL, 0);
    self->name = arena_copy_str(&self->memory, str_from(path));
    status = self->name.ptr ? find_dir(self, problem) : CSGI_ENOMEM;
    if (status == CSGI_OK) status = parse(&reader, &text, &reader.scratch, &root);
    if (status == CSGI_OK) status = read_tree(&reader, root);
    if (status == CSGI_OK || self->is_part)
        *options = changed;
    else
        routes_file_fini(self);
    arena_reset(&reader.scratch);
    buffer_fini(&reader.apps);
    buffer_fini(&text);
    return status;
}

csgi_status routes_file_read(routes_file *self, const char *path, server_options *options,
                             buffer *problem)
{
    server_options changed = *options;
    csgi_status status = routes_file_read_part(self, path, &changed, problem);

    if (status == CSGI_OK)
        *options = changed;
    else if (self->is_part)
        routes_file_fini(self);
    return status;
}

void routes_file_fini(routes_file *self)
{
    arena_reset(&self->memory);
}

void routes_file_complain(const routes_file *self, file_position at, buffer *problem)
{
    buffer_printf(problem, "%.*s:%u:%u: ", STR_ARG(self->name), at.line, at.column);
}
