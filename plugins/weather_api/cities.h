/* SPDX-License-Identifier: MIT
 * A small table of typical monthly mean temperatures: approximate, in whole degrees Celsius. */
#ifndef WEATHER_API_CITIES_H
#define WEATHER_API_CITIES_H

typedef struct city {
    const char *name; /* UTF-8, composed */
    signed char temp_c[12];
} city;

/* The city of that name, whatever its case (Latin letters, accents as they are); NULL: not in the
 * table. */
const city *city_find(const char *name);

#endif
