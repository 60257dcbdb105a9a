/* SPDX-License-Identifier: MIT
 * What the tests of routes files share: a file made by hand, and a plugin that tells how it was
 * called. */
#ifndef CAPRICORN_TESTS_UNIT_APP_ROUTES_FIXTURE_H
#define CAPRICORN_TESTS_UNIT_APP_ROUTES_FIXTURE_H

#include "fixture.h"

#include "app/instance.h"

#include "router/routes_file.h"

/* Which middleware was entered, in order: "APP " each. */
static char trail[256];

/* "route|root_path|path|config|NAME=VALUE..." */
static inline csgi_status tell(void *self, const csgi_scope *scope, csgi_receive *receive,
                               csgi_send *send)
{
    char text[512];
    int len = snprintf(text, sizeof text, "%s|%s|%s|%s|", scope->route.ptr, scope->root_path.ptr,
                       scope->path.ptr, scope->route_config.ptr);

    (void)self;
    (void)receive;
    for (size_t i = 0; i < scope->path_params.count; i++) {
        len +=
            snprintf(text + len, sizeof text - (size_t)len, "%s=%s",
                     scope->path_params.items[i].name.ptr, scope->path_params.items[i].value.ptr);
    }
    return reply(send, 200, text);
}

static inline csgi_status leave_trail(void *self, csgi_app *inner, const csgi_scope *scope,
                                      csgi_receive *receive, csgi_send *send)
{
    const csgi_host *host = self;
    size_t len = strlen(trail);

    snprintf(trail + len, sizeof trail - len, "%s ", host->app.ptr);
    return inner->call(inner, scope, receive, send);
}

/* A file with room for some of everything. */
typedef struct hand_made {
    routes_file file;
    routes_entry routes[8];
    routes_app apps[4];
    routes_use around[4], entry_around[8][2];
} hand_made;

/* "APP" or "APP:ENDPOINT", which stands on that line. */
static inline routes_use use_of(const char *text, uint32_t line)
{
    csgi_str all = str_from(text);
    size_t colon = str_find_char(all, ':');

    return (
        routes_use){ str_slice(all, 0, colon), str_slice(all, colon + 1, all.len), { line, 20 } };
}

static inline void file_begin(hand_made *self)
{
    memset(self, 0, sizeof *self);
    self->file.name = STR("routes.json");
    self->file.routes = self->routes;
    self->file.apps = self->apps;
    self->file.around.uses = self->around;
    trail[0] = '\0';
}

/* Adds a route; its line is its place, counted from 1. */
static inline routes_entry *file_route(hand_made *self, const char *pattern, const char *use)
{
    routes_entry *added = &self->routes[self->file.route_count++];
    uint32_t line = (uint32_t)self->file.route_count;

    *added = (routes_entry){ .pattern = str_from(pattern),
                             .use = use_of(use, line),
                             .methods = CSGI_STR(""),
                             .host = CSGI_STR(""),
                             .config = CSGI_STR(""),
                             .limit_body = UINT64_MAX,
                             .at = { line, 5 } };
    added->around.uses = self->entry_around[line - 1];
    return added;
}

static inline routes_entry *file_mount(hand_made *self, const char *prefix, const char *use)
{
    routes_entry *added = file_route(self, prefix, use);

    added->is_mount = true;
    return added;
}

static inline void file_around(hand_made *self, const char *use)
{
    self->around[self->file.around.count++] = use_of(use, 90);
}

static inline void file_around_entry(routes_entry *entry, const char *use)
{
    routes_use *uses = (routes_use *)(uintptr_t)entry->around.uses;

    uses[entry->around.count++] = use_of(use, entry->at.line);
}

static inline void add_app(fixture *self, plugin *made, const char *name)
{
    buffer problem = { 0 };

    if (edition_add(fixture_next(self), made, str_from(name), STR("{}"), &problem) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&problem)));
}

/* The edition that is being made; the apps that serve are in it. */
static inline edition *file_next(fixture *self)
{
    buffer problem = { 0 };

    if (self->next) return self->next;
    fixture_next(self);
    LIST_EACH (node, &self->set->instances) {
        const instance *each = CONTAINER_OF(node, instance, node);

        if (edition_add(self->next, each->plugin, each->name, each->config, &problem) != CSGI_OK)
            fail_msg("%.*s", STR_ARG(buffer_str(&problem)));
    }
    return self->next;
}

static inline void file_serve(fixture *self, const hand_made *made)
{
    buffer problem = { 0 };

    if (edition_route_file(file_next(self), &made->file, &problem) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&problem)));
    fixture_swap(self);
}

static inline void file_refused(fixture *self, const hand_made *made, const char *expected)
{
    buffer problem = { 0 };

    assert_int_equal(edition_route_file(file_next(self), &made->file, &problem), CSGI_EINVAL);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_string_equal(problem.bytes, expected);
    buffer_fini(&problem);
}

static inline void expect_body(fixture *self, const char *target, const char *body)
{
    answer got = get(self, target);

    assert_string_equal(got.body, body);
    assert_int_equal(got.status, 200);
}

#endif
