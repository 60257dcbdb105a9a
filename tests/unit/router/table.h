/* SPDX-License-Identifier: MIT
 * What the tests of the route table share: one table, and what is expected of it. */
#ifndef CAPRICORN_TESTS_UNIT_ROUTER_TABLE_H
#define CAPRICORN_TESTS_UNIT_ROUTER_TABLE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "failing_malloc.h"
#include "router/router.h"

typedef struct table {
    router *router;
    arena arena;
    buffer problem;
    route_match match;
    const route *rival;
    const char *host; /* of the requests; NULL: none */
    csgi_status status;
} table;

static inline int make_table(void **state)
{
    table *self = calloc(1, sizeof(*self));

    self->router = router_new();
    arena_init(&self->arena, NULL, 0);
    *state = self;
    return self->router ? 0 : -1;
}

static inline int end_table(void **state)
{
    table *self = *state;

    router_free(self->router);
    arena_reset(&self->arena);
    buffer_fini(&self->problem);
    free(self);
    return 0;
}

/* The target of a route in these tests is its pattern. */
static inline csgi_status try_add_for(table *self, const char *host, const char *pattern,
                                      const char *methods)
{
    route added = { str_from(pattern), str_from(methods), (void *)(uintptr_t)pattern,
                    str_from(host) };

    self->problem.len = 0;
    return router_add(self->router, &added, &self->rival, &self->problem);
}

static inline csgi_status try_add(table *self, const char *pattern, const char *methods)
{
    return try_add_for(self, "", pattern, methods);
}

static inline void add(table *self, const char *pattern, const char *methods)
{
    csgi_status status = try_add(self, pattern, methods);

    if (status != CSGI_OK) print_error("%.*s\n", STR_ARG(buffer_str(&self->problem)));
    assert_int_equal(status, CSGI_OK);
}

static inline route_result match(table *self, const char *method, const char *path)
{
    route_request request = { str_from(method), str_from(path),
                              str_from(self->host ? self->host : "") };

    return router_match(self->router, &request, &self->arena, &self->match, &self->status);
}

static inline void expect_pattern(table *self, const char *method, const char *path,
                                  const char *pattern)
{
    route_result result = match(self, method, path);

    if (result != ROUTE_FOUND) print_error("%s %s: result %d\n", method, path, (int)result);
    assert_int_equal(result, ROUTE_FOUND);
    assert_int_equal(self->status, CSGI_OK);
    assert_string_equal(self->match.route->target, pattern);
}

static inline void expect_param(table *self, size_t index, const char *name, const char *value)
{
    const csgi_field *field = &self->match.params.items[index];

    assert_true(index < self->match.params.count);
    assert_string_equal(field->name.ptr, name);
    assert_string_equal(field->value.ptr, value);
    assert_int_equal(field->name.len, strlen(name));
    assert_int_equal(field->value.len, strlen(value));
}

static inline void expect_problem(table *self, const char *pattern, const char *methods,
                                  const char *part)
{
    csgi_str text;

    assert_int_equal(try_add(self, pattern, methods), CSGI_EINVAL);
    text = buffer_str(&self->problem);
    assert_int_equal(buffer_append(&self->problem, "", 1), CSGI_OK);
    text.ptr = self->problem.bytes;
    if (!strstr(text.ptr, part)) fail_msg("\"%s\" lacks \"%s\"", text.ptr, part);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_table, end_table)

#endif
