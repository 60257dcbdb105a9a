/* SPDX-License-Identifier: MIT
 * Asking open-meteo.com: https://open-meteo.com/en/docs, without a key. An unknown place is an
 * answer without "results"; an error is {"error": true, "reason": "..."}, with 400 as a rule. */
#include "open_meteo.h"

#include <string.h>

csgi_status open_meteo_check(csgi_call *call)
{
    const char *provider = csgi_config_str(call, "provider");

    if (strcmp(provider, "upstream") == 0 || open_meteo_is_chosen(call)) return CSGI_OK;
    return csgi_fail(call, 500,
                     "config: \"provider\" must be \"upstream\" or \"open-meteo\", but is \"%s\"",
                     provider);
}

int open_meteo_is_chosen(csgi_call *call)
{
    return strcmp(csgi_config_str(call, "provider"), "open-meteo") == 0;
}

/* An object that is no error. A 404 would be passed on as our own, but it is only said of a wrong
 * address here. */
static csgi_json expect_object(csgi_json answer)
{
    csgi_call *call = answer.call;

    answer = csgi_json_object(answer, "");
    if (csgi_json_has(answer, "error"))
        csgi_fail(call, 502, "The upstream says that something is wrong");
    return answer;
}

static csgi_json ask(csgi_call *call, const char *url)
{
    csgi_json answer = csgi_get_json(call, "%s", url);

    if (csgi_failed(call) == 404) {
        csgi_catch(call);
        csgi_fail(call, 502, "The upstream answered 404");
    }
    return csgi_failed(call) ? answer : expect_object(answer);
}

csgi_status open_meteo_reply(csgi_call *call, const char *city)
{
    csgi_json found, place, forecast;
    double latitude, longitude, temp_c;

    found = ask(call, csgi_url(call, "%s/v1/search?name=%s&count=1",
                               csgi_config_str(call, "geocoding"), city));
    if (!csgi_failed(call) && !csgi_json_has(found, "results"))
        return csgi_fail(call, 404, "There is no city \"%s\"", city);
    place = csgi_json_at(csgi_json_array(found, "results"), 0);
    latitude = csgi_json_double(place, "latitude");
    longitude = csgi_json_double(place, "longitude");

    forecast = ask(call, csgi_url(call, "%s/v1/forecast?latitude=%g&longitude=%g&current=%s",
                                  csgi_config_str(call, "forecast"), latitude, longitude,
                                  "temperature_2m"));
    temp_c = csgi_json_double(csgi_json_object(forecast, "current"), "temperature_2m");
    return csgi_reply_json(call, 200, "{'city': %s, 'temp_c': %g}", city, temp_c);
}
