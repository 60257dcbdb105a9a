/* SPDX-License-Identifier: MIT
 * GET /ask?url=U: asks by the app's client, which follows, tries again, keeps cookies and has a
 * token, and tells what came of it. */
#include <csgi/web.h>
#include <string.h>

CSGI_GET(ask, "/ask", CSGI_QUERY_STR("url"), CSGI_QUERY_STR("method", .default_value = "GET"));

static csgi_status ask(csgi_call *call)
{
    csgi_http_request request = { .method = csgi_query_str(call, "method"),
                                  .url = csgi_query_str(call, "url"),
                                  .timeout_ms = 5000 };
    csgi_http_response answer = csgi_http(call, &request);

    return csgi_reply_json(call, 200, "{'status': %d, 'url': %s, 'body': %s}", answer.status,
                           answer.url, answer.body);
}

static csgi_status start(csgi_call *call)
{
    const char *base = csgi_config_str(call, "base");
    csgi_client_options options = { .base_url = { base, strlen(base) },
                                    .bearer = CSGI_STR("hidden"),
                                    .flags = CSGI_CLIENT_FOLLOW_REDIRECTS | CSGI_CLIENT_RETRY |
                                             CSGI_CLIENT_COOKIES };

    csgi_set_client(call, csgi_make_client(call, &options));
    return CSGI_OK;
}

CSGI_WEB_PLUGIN("asking", "1.0.0", "asks by a client with settings", CSGI_ROUTES(ask),
                CSGI_CONFIG_STR("base"), CSGI_ON_STARTUP(start));
