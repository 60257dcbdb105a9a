/* SPDX-License-Identifier: MIT
 * What "APP" and "APP:ENDPOINT" mean, and what is said of those that mean nothing. */
#include <stdarg.h>

#include "app/file_reading.h"
#include "app/instance.h"
#include "base/str.h"
#include "base/suggest.h"

#define SUGGESTED_MAX 64u /* endpoints that are looked at for a likely name */

void reading_complain(reading *self, file_position at, const char *format, ...)
{
    va_list args;

    if (self->problem->len && self->problem->bytes[self->problem->len - 1] != '\n')
        buffer_append(self->problem, "\n", 1);
    routes_file_complain(self->file, at, self->problem);
    va_start(args, format);
    buffer_vprintf(self->problem, format, args);
    va_end(args);
    buffer_append(self->problem, "\n", 1);
    self->has_mistakes = true;
}

/* The endpoints of one kind: "a", "b" and so on, as a list or to choose from. */
static size_t count_kind(const instance *of, bool is_around)
{
    size_t count = 0;

    for (size_t i = 0; i < of->endpoint_count; i++)
        count += !of->endpoints[i].endpoint->call == is_around;
    return count;
}

static void list_kind(const instance *of, bool is_around, const char *prefix, buffer *out)
{
    const char *separator = "";

    for (size_t i = 0; i < of->endpoint_count; i++) {
        const app_endpoint *each = &of->endpoints[i];

        if (!each->endpoint->call != is_around) continue;
        buffer_printf(out, "%s\"%.*s%s%.*s\"", separator, *prefix ? (int)of->name.len : 0,
                      of->name.ptr, prefix, STR_ARG(each->label.endpoint));
        separator = ", ";
    }
}

static void complain_unknown(reading *self, const instance *of, const routes_use *use)
{
    csgi_str known[SUGGESTED_MAX], nearest;
    size_t count = of->endpoint_count < SUGGESTED_MAX ? of->endpoint_count : SUGGESTED_MAX;
    buffer names = { 0 };

    for (size_t i = 0; i < count; i++)
        known[i] = of->endpoints[i].label.endpoint;
    nearest = suggest_nearest(use->endpoint, known, count);
    list_kind(of, false, "", &names);
    if (names.len && count_kind(of, true)) buffer_append(&names, ", ", 2);
    list_kind(of, true, "", &names);
    if (nearest.len)
        reading_complain(self, use->at,
                         "app \"%.*s\" has no endpoint \"%.*s\" (did you mean \"%.*s\"?)",
                         STR_ARG(use->app), STR_ARG(use->endpoint), STR_ARG(nearest));
    else
        reading_complain(self, use->at, "app \"%.*s\" has no endpoint \"%.*s\" (it has %.*s)",
                         STR_ARG(use->app), STR_ARG(use->endpoint), names.len ? (int)names.len : 4,
                         names.len ? names.bytes : "none");
    buffer_fini(&names);
}

static void complain_unnamed(reading *self, const instance *of, const routes_use *use,
                             bool is_around)
{
    buffer names = { 0 };

    list_kind(of, is_around, ":", &names);
    if (names.len)
        reading_complain(self, use->at,
                         "app \"%.*s\" has several %s, expected the name of one: %.*s",
                         STR_ARG(use->app), is_around ? "middleware endpoints" : "endpoints",
                         (int)names.len, names.bytes);
    else if (is_around)
        reading_complain(self, use->at,
                         "app \"%.*s\" has no middleware: it cannot stand around a route",
                         STR_ARG(use->app));
    else
        reading_complain(self, use->at, "app \"%.*s\" has only middleware: no route can lead to it",
                         STR_ARG(use->app));
    buffer_fini(&names);
}

static void complain_kind(reading *self, const routes_use *use, const app_endpoint *found)
{
    if (found->endpoint->call)
        reading_complain(self, use->at,
                         "endpoint \"%.*s\" of app \"%.*s\" is no middleware: it answers itself, "
                         "and "
                         "belongs in a route's \"app\"",
                         STR_ARG(found->label.endpoint), STR_ARG(use->app));
    else
        reading_complain(self, use->at,
                         "endpoint \"%.*s\" of app \"%.*s\" is a middleware: no route can lead to "
                         "it, it "
                         "belongs in \"middleware\"",
                         STR_ARG(found->label.endpoint), STR_ARG(use->app));
}

/* ---- what is used ---- */

static const app_endpoint *find_named(const instance *of, csgi_str name)
{
    for (size_t i = 0; i < of->endpoint_count; i++) {
        if (str_eq(of->endpoints[i].label.endpoint, name)) return &of->endpoints[i];
    }
    return NULL;
}

static const app_endpoint *find_only(const instance *of, bool is_around)
{
    if (count_kind(of, is_around) != 1) return NULL;
    for (size_t i = 0; i < of->endpoint_count; i++) {
        if (!of->endpoints[i].endpoint->call == is_around) return &of->endpoints[i];
    }
    return NULL;
}

const app_endpoint *reading_find(reading *self, const routes_use *use, bool is_around)
{
    instance *of = edition_find(self->edition, use->app);
    const app_endpoint *found;

    if (!of) {
        self->has_mistakes = true; /* whoever made the apps has said so */
        return NULL;
    }
    found = use->endpoint.len ? find_named(of, use->endpoint) : find_only(of, is_around);
    if (!found) {
        if (use->endpoint.len)
            complain_unknown(self, of, use);
        else
            complain_unnamed(self, of, use, is_around);
    } else if (!found->endpoint->call != is_around) {
        complain_kind(self, use, found);
        found = NULL;
    }
    return found;
}
