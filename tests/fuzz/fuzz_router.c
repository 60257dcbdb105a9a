/* SPDX-License-Identifier: MIT
 * Any lines as a route table, the last one as a path to match: whatever is accepted can be matched,
 * and its parameters have no NUL inside. */
#include "fuzz.h"

#include "router/router.h"

static void match(const router *routes, csgi_str path)
{
    route_match found = { 0 };
    csgi_status status = CSGI_OK;
    arena memory;
    route_result result;

    arena_init(&memory, NULL, 0);
    result = router_match(routes, (csgi_str)CSGI_STR("GET"), path, &memory, &found, &status);
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
        route wanted = { { text + start, i - start }, methods[count % 3], routes };

        if (text[i] != '\n') continue;
        if (router_add(routes, &wanted, &problem) != CSGI_OK) MUST(problem.len);
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
