/* SPDX-License-Identifier: MIT
 * "did you mean": the nearest of some known words. */
#ifndef CAPRICORN_BASE_SUGGEST_H
#define CAPRICORN_BASE_SUGGEST_H

#include <csgi/types.h>

/* How many letters must be changed, added, dropped or swapped with the next one to make b of a;
 * words over 64 bytes are infinitely far (SIZE_MAX). */
size_t suggest_distance(csgi_str a, csgi_str b);
/* The nearest word that is near enough to be meant, or an empty string. */
csgi_str suggest_nearest(csgi_str word, const csgi_str *known, size_t count);

#endif
