/* SPDX-License-Identifier: MIT
 * The route table of a routes file: what its names mean among the apps that there are. Every
 * mistake is found, not only the first. */
#include "app/file_reading.h"
#include "app/instance.h"
#include "base/str.h"
#include "log/log.h"

/* Finds the middleware of a list; into found, which has room for it. Returns how many there are. */
static size_t find_around(reading *self, const routes_around *around, const app_endpoint **found)
{
    size_t count = 0;

    for (size_t i = 0; i < around->count; i++) {
        const app_endpoint *each = reading_find(self, &around->uses[i], true);

        if (each) found[count++] = each;
    }
    return count;
}

/* ---- targets ---- */

/* Middleware for other scopes has nothing to do with this endpoint. */
static void add_around(app_target *target, const app_endpoint *added)
{
    if (added->endpoint->accepts & target->endpoint->endpoint->accepts)
        target->around[target->around_count++] = added;
}

/* A target behind the file's middleware, with room for so much more. */
static app_target *begin_target(reading *self, const app_endpoint *endpoint, size_t more)
{
    app_target *target = table_new_target(self->table, endpoint, self->around_count + more);

    if (!target) {
        self->is_out_of_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < self->around_count; i++)
        add_around(target, self->around[i]);
    return target;
}

/* Wraps as the default routes are wrapped without a file, by the middleware of one app or of all
 * that have default routes here. */
static void add_default_around(app_target *target, const instance *from)
{
    for (size_t i = 0; i < from->endpoint_count; i++) {
        if (table_wraps(&from->endpoints[i], target->endpoint))
            add_around(target, &from->endpoints[i]);
    }
}

static csgi_str print_str(reading *self, csgi_str first, csgi_str second)
{
    csgi_str text = arena_printf(&self->table->memory, "%.*s%.*s", STR_ARG(first), STR_ARG(second));

    if (!text.ptr) self->is_out_of_memory = true;
    return text;
}

static void copy_str(reading *self, csgi_str text, csgi_str *out)
{
    *out = print_str(self, text, STR(""));
}

/* What the entry says of each of its routes. */
static void set_entry(reading *self, app_target *target, const routes_entry *entry)
{
    copy_str(self, entry->config, &target->config);
    target->timeout_ms = entry->timeout_ms;
    target->body_limit = entry->limit_body;
    target->at = entry->at;
}

/* A mount's prefix is a pattern; without parameters it is known beforehand how it decodes. */
static void set_root(reading *self, app_target *target, const routes_entry *entry)
{
    csgi_str prefix = entry->pattern, decoded;
    const char *why;

    if (str_find_char(prefix, '{') < prefix.len) {
        for (size_t i = 0; i < prefix.len; i++)
            target->root_segments += prefix.ptr[i] == '/';
        return;
    }
    copy_str(self, prefix, &target->root_path);
    if (!target->root_path.ptr) return;
    if (http_decode_path(&self->table->memory, target->root_path, &decoded, &why) == CSGI_OK)
        target->root_path = decoded; /* else the router will say what is wrong with it */
}

/* ---- routes ---- */

/* The name of the pattern's first parameter at or behind *at, which moves past it; empty: none. */
static csgi_str next_parameter(csgi_str pattern, size_t *at)
{
    csgi_str rest = str_slice(pattern, *at, SIZE_MAX);
    csgi_str inside = str_slice(rest, str_find_char(rest, '{') + 1, SIZE_MAX);

    inside = str_slice(inside, 0, str_find_char(inside, '}'));
    *at = inside.len ? (size_t)(inside.ptr - pattern.ptr) + inside.len : pattern.len;
    return str_slice(inside, 0, str_find_char(inside, ':'));
}

static bool has_parameter(csgi_str pattern, csgi_str name)
{
    for (size_t at = 0; at < pattern.len;) {
        if (str_eq(next_parameter(pattern, &at), name)) return true;
    }
    return false;
}

/* An endpoint whose own path has a parameter most likely reads it. */
static void warn_of_lost_parameters(reading *self, const app_target *target)
{
    const app_endpoint *endpoint = target->endpoint;

    for (size_t at = 0; at < endpoint->path.len;) {
        csgi_str name = next_parameter(endpoint->path, &at);

        if (!name.len || has_parameter(target->pattern, name)) continue;
        routes_file_complain(self->file, target->at, &self->warnings);
        buffer_printf(&self->warnings,
                      "route \"%.*s\" has no parameter \"%.*s\", which the path of endpoint "
                      "\"%.*s\" of app \"%.*s\" has: \"%.*s\"\n",
                      STR_ARG(target->pattern), STR_ARG(name), STR_ARG(endpoint->label.endpoint),
                      STR_ARG(endpoint->instance->name), STR_ARG(endpoint->path));
    }
}

static void warn_of_foreign_parameters(reading *self, const routes_entry *entry)
{
    buffer hint = { 0 };

    if (route_find_foreign(entry->pattern, &hint)) {
        routes_file_complain(self->file, entry->at, &self->warnings);
        buffer_printf(&self->warnings, "route \"%.*s\": %.*s\n", STR_ARG(entry->pattern),
                      STR_ARG(buffer_str(&hint)));
    }
    buffer_fini(&hint);
}

static void explain(reading *self, const app_target *added, const route *rival, csgi_str why)
{
    const app_target *other = rival ? rival->target : NULL;
    buffer where = { 0 };

    if (other && other->at.line)
        buffer_printf(&where, " (the other is on line %u)", other->at.line);
    else if (other)
        buffer_printf(&where, " (the other is the default route of plugin %.*s, endpoint %.*s)",
                      STR_ARG(other->endpoint->label.plugin),
                      STR_ARG(other->endpoint->label.endpoint));
    if (!added->at.line)
        buffer_printf(&where, " (it is the default route of plugin %.*s, endpoint %.*s)",
                      STR_ARG(added->endpoint->label.plugin),
                      STR_ARG(added->endpoint->label.endpoint));
    reading_complain(self,
                     added->at.line ? added->at
                     : other        ? other->at
                                    : (file_position){ 1, 1 },
                     "%.*s%.*s", STR_ARG(why), STR_ARG(buffer_str(&where)));
    buffer_fini(&where);
}

static bool add_route(reading *self, app_target *target, csgi_str pattern, csgi_str methods,
                      csgi_str host)
{
    const route added = { .pattern = pattern, .methods = methods, .target = target, .host = host };
    const route *rival = NULL;
    buffer why = { 0 };
    csgi_status status = CSGI_EINVAL;

    if (self->is_out_of_memory) return false;
    if (table_takes_around(target->around_count, &why))
        status = router_add(self->table->routes, &added, &rival, &why);
    if (status == CSGI_ENOMEM) self->is_out_of_memory = true;
    if (status == CSGI_EINVAL) explain(self, target, rival, buffer_str(&why));
    buffer_fini(&why);
    return status == CSGI_OK;
}

static bool takes(csgi_str methods, csgi_str method)
{
    if (!methods.len) return true;
    while (methods.len) {
        csgi_str each = str_trim(str_take(&methods, ','));

        if (str_eq(each, method)) return true;
        if (str_eq(each, STR("GET")) && str_eq(method, STR("HEAD"))) return true;
    }
    return false;
}

static void check_methods(reading *self, const routes_entry *entry, const app_endpoint *endpoint)
{
    csgi_str methods = entry->methods;

    while (methods.len) {
        csgi_str each = str_trim(str_take(&methods, ','));

        if (takes(endpoint->endpoint->methods, each)) continue;
        reading_complain(self, entry->at,
                         "endpoint \"%.*s\" of app \"%.*s\" takes %.*s: it cannot be routed for "
                         "%.*s",
                         STR_ARG(endpoint->label.endpoint), STR_ARG(entry->use.app),
                         STR_ARG(endpoint->endpoint->methods), STR_ARG(each));
    }
}

/* A target for an entry, with its middleware; NULL: no memory. */
static app_target *entry_target(reading *self, const routes_entry *entry,
                                const app_endpoint *endpoint, const app_endpoint *const *around,
                                size_t around_count)
{
    size_t own_max = endpoint->instance->endpoint_count;
    app_target *target = begin_target(self, endpoint, around_count + own_max);

    if (!target) return NULL;
    for (size_t i = 0; i < around_count; i++)
        add_around(target, around[i]);
    set_entry(self, target, entry);
    return target;
}

/* All at and below a prefix goes to one endpoint. */
static void add_prefix(reading *self, const routes_entry *entry, app_target *target)
{
    csgi_str methods = target->endpoint->endpoint->methods;

    target->pattern = print_str(self, entry->pattern, STR("/{path:path}"));
    if (!target->pattern.ptr) return;
    warn_of_lost_parameters(self, target);
    add_default_around(target, target->endpoint->instance);
    set_root(self, target, entry);
    if (entry->pattern.len && !add_route(self, target, entry->pattern, methods, entry->host))
        return;
    add_route(self, target, target->pattern, methods, entry->host);
}

/* The default route of an endpoint, below a prefix. */
static void add_below(reading *self, const routes_entry *entry, app_target *target)
{
    target->pattern = print_str(self, entry->pattern, target->endpoint->path);
    if (!target->pattern.ptr) return;
    add_default_around(target, target->endpoint->instance);
    set_root(self, target, entry);
    add_route(self, target, target->pattern, target->endpoint->endpoint->methods, entry->host);
}

/* Those of an app's endpoints that have a default route; how many there are. */
static size_t count_default_routes(const instance *of)
{
    size_t count = 0;

    for (size_t i = 0; i < of->endpoint_count; i++)
        count += of->endpoints[i].endpoint->call && of->endpoints[i].path.len;
    return count;
}

static void read_mount(reading *self, const routes_entry *entry, const app_endpoint **around,
                       size_t around_count)
{
    const instance *of = edition_find(self->edition, entry->use.app);
    const app_endpoint *whole = NULL;

    if (!of || entry->use.endpoint.len || count_default_routes(of) == 0) {
        whole = reading_find(self, &entry->use, false);
        if (!whole) return;
    }
    if (whole) {
        app_target *target = entry_target(self, entry, whole, around, around_count);

        if (target) add_prefix(self, entry, target);
        return;
    }
    for (size_t i = 0; i < of->endpoint_count; i++) {
        const app_endpoint *each = &of->endpoints[i];
        app_target *target;

        if (!each->endpoint->call || !each->path.len) continue;
        target = entry_target(self, entry, each, around, around_count);
        if (target) add_below(self, entry, target);
    }
}

static void read_route(reading *self, const routes_entry *entry, const app_endpoint **around,
                       size_t around_count)
{
    const app_endpoint *endpoint = reading_find(self, &entry->use, false);
    app_target *target;

    if (!endpoint) return;
    check_methods(self, entry, endpoint);
    target = entry_target(self, entry, endpoint, around, around_count);
    if (!target) return;
    copy_str(self, entry->pattern, &target->pattern);
    warn_of_lost_parameters(self, target);
    add_route(self, target, entry->pattern,
              entry->methods.len ? entry->methods : endpoint->endpoint->methods, entry->host);
}

static const app_endpoint **around_new(reading *self, size_t count)
{
    const app_endpoint **list =
        arena_alloc(&self->table->memory, count * sizeof *list + 1, _Alignof(app_endpoint *));

    if (!list) self->is_out_of_memory = true;
    return list;
}

static void read_entry(reading *self, const routes_entry *entry)
{
    const app_endpoint **around = around_new(self, entry->around.count);
    size_t count;

    if (!around) return;
    count = find_around(self, &entry->around, around);
    warn_of_foreign_parameters(self, entry);
    if (entry->is_mount)
        read_mount(self, entry, around, count);
    else
        read_route(self, entry, around, count);
}

/* ---- default routes ---- */

/* Of the apps of one plugin, the one that has its name serves its default routes. */
static bool serves_defaults(const instance *of)
{
    return str_eq(of->name, of->plugin_name);
}

static void add_default(reading *self, const app_endpoint *endpoint)
{
    size_t more = 0;
    app_target *target;

    for (size_t i = 0; i < self->table->own_count; i++)
        more += self->table->own[i].instance->endpoint_count;
    target = begin_target(self, endpoint, more);
    if (!target) return;
    for (size_t i = 0; i < self->table->own_count; i++) {
        const instance *from = self->table->own[i].instance;

        if (serves_defaults(from)) add_default_around(target, from);
    }
    add_route(self, target, endpoint->path, endpoint->endpoint->methods, STR(""));
}

/* For "app:NAME/path": behind the file's middleware and the app's own. */
static void add_own(reading *self, app_own_routes *own, const app_endpoint *endpoint)
{
    app_target *target = begin_target(self, endpoint, endpoint->instance->endpoint_count);
    buffer ignored = { 0 };

    if (!target) return;
    add_default_around(target, endpoint->instance);
    /* Of two that collide the first is served: whoever wrote the file has not asked for them. */
    if (table_add_own(own, target, &ignored) == CSGI_ENOMEM) self->is_out_of_memory = true;
    buffer_fini(&ignored);
}

static void read_default_routes(reading *self)
{
    for (size_t i = 0; i < self->table->own_count; i++) {
        app_own_routes *own = &self->table->own[i];
        const instance *of = own->instance;

        for (size_t j = 0; j < of->endpoint_count; j++) {
            const app_endpoint *endpoint = &of->endpoints[j];

            if (!endpoint->endpoint->call || !endpoint->path.len) continue;
            add_own(self, own, endpoint);
            if (self->file->has_default_routes && serves_defaults(of)) add_default(self, endpoint);
        }
    }
}

/* ---- the whole ---- */

static bool uses(const routes_around *around, csgi_str app)
{
    for (size_t i = 0; i < around->count; i++) {
        if (str_eq(around->uses[i].app, app)) return true;
    }
    return false;
}

static bool is_used(const reading *self, csgi_str app)
{
    const routes_file *file = self->file;
    const instance *of = edition_find(self->edition, app);

    if (uses(&file->around, app)) return true;
    for (size_t i = 0; i < file->route_count; i++) {
        if (str_eq(file->routes[i].use.app, app) || uses(&file->routes[i].around, app)) return true;
    }
    return file->has_default_routes && of && serves_defaults(of);
}

static void tell_warnings(const reading *self)
{
    for (csgi_str rest = buffer_str(&self->warnings); rest.len;) {
        csgi_str line = str_take(&rest, '\n');

        log_warning("%.*s", STR_ARG(line));
    }
}

static void warn_of_unused(const reading *self)
{
    for (size_t i = 0; i < self->file->app_count; i++) {
        const routes_app *app = &self->file->apps[i];
        buffer where = { 0 };

        if (is_used(self, app->name)) continue;
        routes_file_complain(self->file, app->at, &where);
        log_warning("%.*sno route leads to app \"%.*s\": it is only served in process, as "
                    "app:%.*s",
                    STR_ARG(buffer_str(&where)), STR_ARG(app->name), STR_ARG(app->name));
        buffer_fini(&where);
    }
}

static void read_all(reading *self)
{
    const routes_file *file = self->file;

    self->around = around_new(self, file->around.count);
    if (!self->around) return;
    self->around_count = find_around(self, &file->around, self->around);
    for (size_t i = 0; i < file->route_count && !self->is_out_of_memory; i++)
        read_entry(self, &file->routes[i]);
    read_default_routes(self);
}

csgi_status edition_route_file(edition *self, const routes_file *file, buffer *problem)
{
    reading read = { .edition = self, .file = file, .problem = problem };

    CHECK(!self->table);
    read.table = table_new(self->apps, self->app_count);
    read.is_out_of_memory = !read.table;
    if (read.table) read_all(&read);
    if (read.is_out_of_memory || read.has_mistakes) {
        buffer_fini(&read.warnings);
        table_release(read.table);
        if (!read.is_out_of_memory) return CSGI_EINVAL;
        buffer_printf(problem, "no memory for the route table");
        return CSGI_ENOMEM;
    }
    if (!file->is_part) { /* of which the mistakes are what counts */
        tell_warnings(&read);
        warn_of_unused(&read);
    }
    buffer_fini(&read.warnings);
    self->table = read.table;
    return CSGI_OK;
}
