/* SPDX-License-Identifier: MIT
 * The provider "open-meteo": open-meteo.com, which takes two requests, one for the place and one
 * for its temperature. */
#ifndef WEATHER_OPEN_METEO_H
#define WEATHER_OPEN_METEO_H

#include <csgi/web.h>

/* The keys of its configuration. */
#define OPEN_METEO_CONFIG                                                                      \
    CSGI_CONFIG_STR("provider", .default_value = "upstream"),                                  \
        CSGI_CONFIG_STR("geocoding", .default_value = "https://geocoding-api.open-meteo.com"), \
        CSGI_CONFIG_STR("forecast", .default_value = "https://api.open-meteo.com"),            \
        CSGI_ON_STARTUP(open_meteo_check)

/* Ends the start, with the reason, when the configuration names no provider, or one that cannot be
 * reached from here. */
csgi_status open_meteo_check(csgi_call *call);
/* Is it the provider that is configured? 0 or 1. */
int open_meteo_is_chosen(csgi_call *call);
/* Answers as get_weather does: 404 for a city that is not known, 502 and 504 as csgi_get_json.
 * [suspends] */
csgi_status open_meteo_reply(csgi_call *call, const char *city);

#endif
