/* SPDX-License-Identifier: MIT
 * Sets of HTTP methods. */
#include "router/methods.h"

#include "base/check.h"
#include "base/str.h"

/* RFC 9110 section 9.1 and RFC 5789; the first three as METHOD_* say. */
static const char *const standard_methods[] = { "GET",   "HEAD",   "OPTIONS", "POST",   "PUT",
                                                "PATCH", "DELETE", "TRACE",   "CONNECT" };

void methods_init(methods *self)
{
    self->count = 0;
    for (size_t i = 0; i < COUNT_OF(standard_methods); i++)
        self->names[self->count++] = str_from(standard_methods[i]);
}

method_set methods_find(const methods *self, csgi_str method)
{
    for (size_t i = 0; i < self->count; i++) {
        if (str_eq(self->names[i], method)) return (method_set)1 << i;
    }
    return METHOD_UNKNOWN;
}

static csgi_status check_name(csgi_str name, buffer *problem)
{
    if (!str_is_token(name)) {
        (void)buffer_printf(problem,
                            "\"%.*s\" is no method: expected a list such as \"GET,POST\", or "
                            "nothing for any method",
                            STR_ARG(name));
        return CSGI_EINVAL;
    }
    for (size_t i = 0; i < COUNT_OF(standard_methods); i++) {
        csgi_str standard = str_from(standard_methods[i]);

        if (!str_eq_nocase(name, standard) || str_eq(name, standard)) continue;
        (void)buffer_printf(problem,
                            "method \"%.*s\" is not written \"%s\": methods are compared "
                            "letter by letter, upper and lower case differ",
                            STR_ARG(name), standard_methods[i]);
        return CSGI_EINVAL;
    }
    return CSGI_OK;
}

/* Adds a name and gives its bit. */
static csgi_status add_name(methods *self, csgi_str name, arena *memory, method_set *out,
                            buffer *problem)
{
    csgi_str copy;

    if (self->count == METHODS_MAX) {
        (void)buffer_printf(problem, "more than %d different methods in one route table",
                            METHODS_MAX);
        return CSGI_EINVAL;
    }
    copy = arena_copy_str(memory, name);
    if (!copy.ptr) return CSGI_ENOMEM;
    *out = (method_set)1 << self->count;
    self->names[self->count++] = copy;
    return CSGI_OK;
}

csgi_status methods_parse(methods *self, csgi_str list, arena *memory, method_set *out,
                          buffer *problem)
{
    method_set set = 0;
    size_t start = 0;

    if (list.len == 0) {
        *out = METHOD_SET_ANY;
        return CSGI_OK;
    }
    while (start <= list.len) {
        size_t len = str_find_char(str_slice(list, start, list.len), ',');
        csgi_str name = str_trim(str_slice(list, start, len));
        csgi_status status = check_name(name, problem);
        method_set bit = METHOD_UNKNOWN;

        if (status == CSGI_OK) bit = methods_find(self, name);
        if (status == CSGI_OK && bit == METHOD_UNKNOWN)
            status = add_name(self, name, memory, &bit, problem);
        if (status != CSGI_OK) return status;
        set |= bit;
        start += len + 1;
    }
    *out = set;
    return CSGI_OK;
}

csgi_str methods_list(const methods *self, method_set set, arena *memory)
{
    size_t len = 0;
    char *text, *end;

    for (size_t i = 0; i < self->count; i++) {
        if (set >> i & 1) len += self->names[i].len + 2;
    }
    text = end = arena_alloc(memory, len + 1, 1);
    if (!text) return (csgi_str){ NULL, 0 };
    for (size_t i = 0; i < self->count; i++) {
        if (!(set >> i & 1)) continue;
        if (end > text) {
            *end++ = ',';
            *end++ = ' ';
        }
        memcpy(end, self->names[i].ptr, self->names[i].len);
        end += self->names[i].len;
    }
    *end = '\0';
    return (csgi_str){ text, (size_t)(end - text) };
}
