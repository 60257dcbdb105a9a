/* SPDX-License-Identifier: MIT
 * GET /weather?city=London: the temperature in a city, asked of an upstream. */
#include <csgi/web.h>

#include "open_meteo.h" /* another provider */

CSGI_GET(get_weather, "/weather", CSGI_SUMMARY("The temperature in a city"),
         CSGI_QUERY_STR("city", .description = "its name, as in London"));

static csgi_status get_weather(csgi_call *call)
{
    const char *city = csgi_query_str(call, "city");
    const char *upstream = csgi_config_str(call, "upstream");
    csgi_json answer;
    double temp_c;

    csgi_set_timeout(call, csgi_config_int(call, "timeout_ms"));
    if (open_meteo_is_chosen(call)) return open_meteo_reply(call, city);
    answer = csgi_get_json(call, "%s/weather/%s", upstream, city);
    temp_c = csgi_json_double(answer, "temp_c");

    return csgi_reply_json(call, 200, "{'city': %s, 'temp_c': %g}", city, temp_c);
}

CSGI_WEB_PLUGIN("weather", "1.0.0", "Tells the temperature in a city", CSGI_ROUTES(get_weather),
                CSGI_CONFIG_STR("upstream", .default_value = ""), /* this server */
                CSGI_CONFIG_INT("timeout_ms", .default_value = "5000", .ge = "1"),
                OPEN_METEO_CONFIG);
