/* SPDX-License-Identifier: MIT
 * The plugins that a routes file names: each file is loaded once, however many apps are made of
 * it, and every mistake is told at its place in the routes file. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/suggest.h"
#include "log/log.h"
#include "worker/plugins.h"

#define SUGGESTED_MAX 256u /* plugins that are looked at for a likely name */

typedef struct loaded_file {
    char *path;
    plugin *plugin; /* NULL: it would not load, and that has been said */
} loaded_file;

typedef struct loading {
    const plugin_loading *from;
    edition *next;
    const server_options *options;
    const plugin_choice *choice;
    const routes_file *routes;
    buffer *problem;
    char **folder; /* the files of the plugin directory, once it has been looked at */
    size_t folder_count;
    bool is_folder_listed, is_folder_lost;
    buffer loaded; /* loaded_file each */
    bool has_mistakes, is_out_of_memory;
} loading;

__attribute__((format(printf, 3, 4))) static void complain(loading *self, file_position at,
                                                           const char *format, ...)
{
    va_list args;

    routes_file_complain(self->routes, at, self->problem);
    va_start(args, format);
    buffer_vprintf(self->problem, format, args);
    va_end(args);
    buffer_append(self->problem, "\n", 1);
    self->has_mistakes = true;
}

/* What went wrong, at its place; memory that is lacking has no place. */
static void note(loading *self, file_position at, csgi_status status, const buffer *why)
{
    if (status == CSGI_ENOMEM)
        self->is_out_of_memory = true;
    else if (status != CSGI_OK)
        complain(self, at, "%.*s", STR_ARG(buffer_str(why)));
}

/* ---- finding files ---- */

/* "weather" of "plugins/weather.so". */
static csgi_str stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    csgi_str name = str_from(slash ? slash + 1 : path);

    if (name.len > 3 && strcmp(name.ptr + name.len - 3, ".so") == 0) name.len -= 3;
    return name;
}

static void list_folder(loading *self)
{
    buffer why = { 0 };
    csgi_status status;

    if (self->is_folder_listed) return;
    self->is_folder_listed = true;
    status =
        plugin_directory_list(self->options->plugin_dir, &self->folder, &self->folder_count, &why);
    /* That it cannot be read is said when something is not found in it. */
    if (status == CSGI_ENOMEM) self->is_out_of_memory = true;
    self->is_folder_lost = status == CSGI_EFAIL;
    buffer_fini(&why);
}

static const char *find_among(char **files, size_t count, csgi_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(stem_of(files[i]), name)) return files[i];
    }
    return NULL;
}

static void complain_missing(loading *self, file_position at, csgi_str name)
{
    csgi_str known[SUGGESTED_MAX], nearest;
    size_t count = 0;

    for (size_t i = 0; i < self->choice->file_count && count < SUGGESTED_MAX; i++)
        known[count++] = stem_of(self->choice->files[i]);
    for (size_t i = 0; i < self->folder_count && count < SUGGESTED_MAX; i++)
        known[count++] = stem_of(self->folder[i]);
    nearest = suggest_nearest(name, known, count);
    if (nearest.len)
        complain(self, at, "plugin \"%.*s\" not found in %s (did you mean \"%.*s\"?)",
                 STR_ARG(name), self->options->plugin_dir, STR_ARG(nearest));
    else
        complain(self, at, "plugin \"%.*s\" not found in %s%s", STR_ARG(name),
                 self->options->plugin_dir, self->is_folder_lost ? ", which cannot be read" : "");
}

/* The file of a plugin's name, or of the path that stands in its place; NULL: there is none, and
 * that has been said. */
static const char *find_file(loading *self, file_position at, csgi_str name)
{
    bool is_path = str_find_char(name, '/') < name.len;
    const char *found;

    if (is_path) return name.ptr;
    found = find_among(self->choice->files, self->choice->file_count, name);
    if (found) return found;
    list_folder(self);
    found = find_among(self->folder, self->folder_count, name);
    if (!found && !self->is_out_of_memory) complain_missing(self, at, name);
    return found;
}

/* ---- loading ---- */

static loaded_file *find_loaded(const loading *self, const char *path)
{
    loaded_file *files = (loaded_file *)(void *)self->loaded.bytes;

    for (size_t i = 0; i < self->loaded.len / sizeof *files; i++) {
        if (strcmp(files[i].path, path) == 0) return &files[i];
    }
    return NULL;
}

/* The plugin of a file, loaded when it has not been; NULL: it cannot be, and that has been said. */
static plugin *open_file(loading *self, file_position at, const char *path)
{
    char *real = realpath(path, NULL);
    loaded_file added = { real ? real : strdup(path), NULL };
    const loaded_file *before;
    buffer why = { 0 };

    if (!added.path) {
        self->is_out_of_memory = true;
        return NULL;
    }
    before = find_loaded(self, added.path);
    if (before) {
        free(added.path);
        return before->plugin;
    }
    if (plugins_open(self->from, path, &added.plugin, &why) == CSGI_OK)
        plugins_log_loaded(self->from, added.plugin);
    else
        complain(self, at, "%.*s", STR_ARG(buffer_str(&why)));
    buffer_fini(&why);
    if (buffer_append(&self->loaded, &added, sizeof added) == CSGI_OK) return added.plugin;
    self->is_out_of_memory = true;
    plugin_release(added.plugin);
    free(added.path);
    return NULL;
}

/* ---- apps ---- */

static void add_app(loading *self, const routes_app *app)
{
    const char *file = find_file(self, app->plugin_at, app->plugin);
    plugin *loaded = file ? open_file(self, app->plugin_at, file) : NULL;
    buffer why = { 0 };

    if (!loaded) return;
    note(self, app->config_at, edition_add(self->next, loaded, app->name, app->config, &why), &why);
    buffer_fini(&why);
}

static bool has_app(const routes_file *routes, csgi_str name)
{
    for (size_t i = 0; i < routes->app_count; i++) {
        if (str_eq(routes->apps[i].name, name)) return true;
    }
    return false;
}

/* For the default routes: an app of its plugin's name for each file that may have some, with the
 * configuration beside it, as without a routes file. */
static void add_default(loading *self, const char *file)
{
    static const file_position top = { 1, 1 };
    plugin *loaded = open_file(self, top, file);
    buffer why = { 0 };

    if (!loaded || has_app(self->routes, loaded->descriptor.name)) return;
    note(self, top, plugins_add_app(self->next, file, loaded, &why), &why);
    buffer_fini(&why);
}

static void add_defaults(loading *self)
{
    for (size_t i = 0; i < self->choice->file_count; i++)
        add_default(self, self->choice->files[i]);
    if (self->choice->file_count) return;
    list_folder(self);
    if (self->is_folder_lost)
        complain(self, (file_position){ 1, 1 },
                 "\"default_routes\": the plugin directory %s cannot be read",
                 self->options->plugin_dir);
    for (size_t i = 0; i < self->folder_count; i++)
        add_default(self, self->folder[i]);
}

static void add_apps(loading *self)
{
    for (size_t i = 0; i < self->routes->app_count; i++)
        add_app(self, &self->routes->apps[i]);
    if (self->routes->has_default_routes) add_defaults(self);
}

/* The instances hold their plugins. */
static void end(loading *self)
{
    loaded_file *files = (loaded_file *)(void *)self->loaded.bytes;

    for (size_t i = 0; i < self->loaded.len / sizeof *files; i++) {
        plugin_release(files[i].plugin);
        free(files[i].path);
    }
    buffer_fini(&self->loaded);
    if (self->folder) plugin_directory_list_free(self->folder, self->folder_count);
}

static void log_routes(const edition *next, const routes_file *routes)
{
    size_t count = edition_route_count(next);

    log_info("Routing by %s (%zu route%s)", routes->name.ptr, count, count == 1 ? "" : "s");
}

csgi_status plugins_load_routed(const plugin_loading *from, buffer *problem)
{
    loading self = { .from = from,
                     .next = from->next,
                     .options = from->options,
                     .choice = from->choice,
                     .routes = from->choice->routes,
                     .problem = problem };
    csgi_status status;

    add_apps(&self);
    status =
        self.is_out_of_memory ? CSGI_ENOMEM : edition_route_file(from->next, self.routes, problem);
    if (status == CSGI_OK && self.has_mistakes) status = CSGI_EINVAL;
    if (status == CSGI_EINVAL) routes_file_sort_complaints(self.routes, problem);
    end(&self);
    if (status == CSGI_OK) log_routes(from->next, self.routes);
    return status;
}
