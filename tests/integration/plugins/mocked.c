/* SPDX-License-Identifier: MIT
 * GET /weather?city=C asks "http://weather.test/CITY" by a client whose transport answers in the
 * place of any network, as the tests of a plugin would have it. */
#include <csgi/web.h>
#include <string.h>

static csgi_status answer(void *arg, csgi_arena *arena, const csgi_client_request *request,
                          const csgi_client_response **response)
{
    static const csgi_client_response warm = { .size = sizeof(warm),
                                               .status = 200,
                                               .body = CSGI_STR("{\"temp_c\": 21.5}") };
    static const csgi_client_response unknown = { .size = sizeof(unknown), .status = 404 };

    (void)arg, (void)arena;
    if (strstr(request->url.ptr, "/Nowhere")) return CSGI_EUNREACH;
    *response = strcmp(request->url.ptr, "http://weather.test/London") == 0 ? &warm : &unknown;
    return CSGI_OK;
}

CSGI_GET(weather, "/weather", CSGI_QUERY_STR("city"));

static csgi_status weather(csgi_call *call)
{
    csgi_json found = csgi_get_json(call, "/%s", csgi_query_str(call, "city"));

    return csgi_reply_json(call, 200, "{'temp_c': %g}", csgi_json_double(found, "temp_c"));
}

static csgi_status start(csgi_call *call)
{
    csgi_client_options options = { .base_url = CSGI_STR("http://weather.test"),
                                    .transport = answer };

    csgi_set_client(call, csgi_make_client(call, &options));
    return CSGI_OK;
}

CSGI_WEB_PLUGIN("mocked", "1.0.0", "asks a function in the place of the network",
                CSGI_ROUTES(weather), CSGI_ON_STARTUP(start));
