/* SPDX-License-Identifier: MIT
 * What the framework does that only a real server can show: sleeping, headers both ways, mistakes
 * of an author's. */
#include <csgi/web.h>

CSGI_GET(nap, "/nap", CSGI_QUERY_INT("ms"));

static csgi_status nap(csgi_call *call)
{
    csgi_sleep(call, csgi_query_int(call, "ms"));
    return csgi_reply_json(call, 200, "'rested'");
}

CSGI_GET(heads, "/heads", CSGI_HEADER_STR("user_agent"), CSGI_HEADER_INT("x_level", .optional = 1),
         CSGI_QUERY_STR("name", .default_value = "x-agent"));

static csgi_status heads(csgi_call *call)
{
    csgi_reply_header(call, csgi_query_str(call, "name"), csgi_header_str(call, "user_agent"));
    csgi_reply_header(call, "set-cookie", "a=1");
    csgi_reply_header(call, "set-cookie", "b=2");
    return csgi_reply_text(call, 200, "%d", (int)csgi_header_int(call, "x_level"));
}

CSGI_GET(mistake, "/mistake", CSGI_QUERY_STR("kind"));

static csgi_status mistake(csgi_call *call)
{
    const char *kind = csgi_query_str(call, "kind");

    if (*kind == 't') return csgi_reply_json(call, 200, "{'kind' %s}", kind);
    if (*kind == 'f') return csgi_fail(call, 200, "it is %s", kind);
    return csgi_reply_text(call, 200, "%s", csgi_query_str(call, "sort"));
}

CSGI_WEB_PLUGIN("web", "1.0.0", "shows what the framework does", CSGI_ROUTES(nap, heads, mistake),
                CSGI_CONFIG_INT("level", .default_value = "0", .le = "9"));
