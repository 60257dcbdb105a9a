/* SPDX-License-Identifier: MIT
 * GET /warmest: asks for the weather of three cities at once. The first that fails cancels the
 * others, and is the reply. */
#include <csgi/web.h>

CSGI_GET(warmest, "/warmest", CSGI_SUMMARY("The warmest of three cities"));

#define CITIES 3

typedef struct city {
    const char *name;
    double temp_c;
} city;

static csgi_status ask(csgi_call *call, void *arg)
{
    city *self = arg;
    csgi_json weather =
        csgi_get_json(call, "%s/weather?city=%s", csgi_config_str(call, "upstream"), self->name);

    self->temp_c = csgi_json_double(weather, "temp_c");
    return CSGI_OK;
}

static csgi_status warmest(csgi_call *call)
{
    city cities[CITIES] = { { "London", 0 }, { "Paris", 0 }, { "Rome", 0 } };
    const city *best = &cities[0];
    int i;

    csgi_each(call, ask, cities, CITIES);
    for (i = 1; i < CITIES; i++)
        if (cities[i].temp_c > best->temp_c) best = &cities[i];
    return csgi_reply_json(call, 200, "{'city': %s, 'temp_c': %g}", best->name, best->temp_c);
}

CSGI_WEB_PLUGIN("fan_out", "1.0.0", "Asks three cities at once", CSGI_ROUTES(warmest),
                CSGI_CONFIG_STR("upstream", .default_value = "", .description = "of the weather"));
