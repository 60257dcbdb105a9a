/* SPDX-License-Identifier: MIT
 * Any lines as a route table, each "PATTERN" or "PATTERN HOST", the last one as a path, and perhaps
 * a host, to match: whatever is accepted can be matched, and its parameters have no NUL inside. */
#include "fuzz.h"

#include "base/str.h"
#include "router/router.h"

/* The part before the first space, and the part behind it. */
static csgi_str before_space(csgi_str line)
{
    return str_slice(line, 0, str_find_char(line, ' '));
}

static csgi_str after_space(csgi_str line)
{
    return str_slice(line, str_find_char(line, ' ') + 1, line.len);
}

static void match(const router *routes, csgi_str line)
{
    csgi_str path = before_space(line);
    const route_request request = { CSGI_STR("GET"), path, after_space(line) };
    route_match found = { 0 };
    csgi_status status = CSGI_OK;
    arena memory;
    route_result result;

    arena_init(&memory, NULL, 0);
    result = router_match(routes, &request, &memory, &found, &status);
    if (result == ROUTE_FOUND) {
        MUST(found.route && found.params.count <= ROUTE_MAX_PARAMS);
        for (size_t i = 0; i < found.params.count; i++) {
            csgi_str value = found.params.items[i].value;

            MUST(value.len <= path.len && value.ptr[value.len] == '\0');
            MUST(!memchr(value.ptr, '\0', value.len));
        }
    }
    if (result == ROUTE_METHOD_NOT_ALLOWED || result == ROUTE_OPTIONS) MUST(found.allow.len);
    if (result == ROUTE_REDIRECT) MUST(found.location.len);
    arena_reset(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const csgi_str methods[] = { CSGI_STR("GET"), CSGI_STR(""), CSGI_STR("POST,PUT") };
    char *text = exact_copy(bytes, len);
    router *routes = router_new();
    size_t start = 0, count = 0;
    buffer problem = { 0 };

    MUST(routes);
    for (size_t i = 0; i < len && count < 64; i++) {
        csgi_str line = { text + start, i - start };
        route wanted = { before_space(line), methods[count % 3], routes, after_space(line) };

        if (text[i] != '\n') continue;
        if (router_add(routes, &wanted, NULL, &problem) != CSGI_OK) MUST(problem.len);
        problem.len = 0;
        start = i + 1;
        count++;
    }
    match(routes, (csgi_str){ text + start, len - start });
    buffer_fini(&problem);
    router_free(routes);
    free(text);
    return 0;
}
