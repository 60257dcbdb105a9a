/* SPDX-License-Identifier: MIT
 * GET /greet/{name}?times=2, on the framework: declared parameters, a configuration, a start-up
 * function, a failure, and JSON. */
#include <csgi/web.h>

/* Stands above its handler, like a decorator. Without "times" in the query the handler sees 1; with
 * "times=many" or "times=99" it is not called, and the client gets a 422 that says why. */
CSGI_GET(greet, "/greet/{name}", CSGI_SUMMARY("Greets somebody"),
         CSGI_QUERY_INT("times", .default_value = "1", .ge = "1", .le = "10"));

static csgi_status greet(csgi_call *call)
{
    const char *name = csgi_path_str(call, "name");
    int64_t i, times = csgi_query_int(call, "times");
    int *greeted = csgi_state(call); /* made by begin; all calls of a worker run on one thread */

    if (*name == '_') return csgi_fail(call, 400, "%s is not a name", name);

    csgi_json_write(call, "{'greetings': [");
    for (i = 0; i < times; i++) /* commas between values come by themselves */
        csgi_json_write(call, "'%s, %s'", csgi_config_str(call, "greeting"), name);
    return csgi_reply_json(call, 200, "], 'greeted': %d}", ++*greeted);
}

/* Runs before the first request. What is allocated here lasts until the plugin is shut down. */
static csgi_status begin(csgi_call *call)
{
    csgi_set_state(call, csgi_alloc(call, sizeof(int)));
    return CSGI_OK; /* had csgi_alloc failed, so would the start: failures stick to the call */
}

CSGI_WEB_PLUGIN("hello_web", "1.0.0", "Greets", CSGI_ROUTES(greet), CSGI_ON_STARTUP(begin),
                CSGI_CONFIG_STR("greeting", .default_value = "Hello"));
