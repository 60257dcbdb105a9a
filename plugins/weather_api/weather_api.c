/* SPDX-License-Identifier: MIT
 * GET /weather/{city}: the typical temperature of this month, from a small table. It is what the
 * weather plugin asks when it is not told to ask somebody else. */
#include <csgi/web.h>
#include <time.h>

#include "cities.h"

CSGI_GET(get_city_weather, "/weather/{city}",
         CSGI_SUMMARY("The typical temperature in a city, this month"), CSGI_PATH_STR("city"));

/* 1 to 12, by the server's clock (UTC). */
static int month_now(void)
{
    time_t now = time(NULL);
    struct tm date;

    return gmtime_r(&now, &date) ? date.tm_mon + 1 : 1;
}

static csgi_status get_city_weather(csgi_call *call)
{
    const char *name = csgi_path_str(call, "city");
    int64_t month = csgi_config_int(call, "month");
    const city *found = city_find(name);

    if (!found) return csgi_fail(call, 404, "There is no city \"%s\" in the table", name);
    if (month == 0) month = month_now();
    return csgi_reply_json(call, 200, "{'city': %s, 'temp_c': %d, 'month': %d, 'source': %s}",
                           found->name, found->temp_c[month - 1], (int)month,
                           "typical monthly mean, approximate");
}

CSGI_WEB_PLUGIN("weather_api", "1.0.0", "Knows typical temperatures of some cities",
                CSGI_ROUTES(get_city_weather),
                CSGI_CONFIG_INT("month", .default_value = "0", .ge = "0", .le = "12",
                                .description = "1 to 12; 0: the current one"));
