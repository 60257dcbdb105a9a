/* SPDX-License-Identifier: MIT
 * Durations and sizes as people write them. */
#ifndef CAPRICORN_CONFIG_UNITS_H
#define CAPRICORN_CONFIG_UNITS_H

#include <stdbool.h>

#include <csgi/types.h>

/* "250ms", "2s", "1.5s", "1m", "1h", or plain seconds ("2", "0.5"). False when malformed or too
 * large. */
bool parse_duration_ms(csgi_str text, uint64_t *ms);
/* "64KiB", "1MiB", "1GiB", or plain bytes. False when malformed or too large. */
bool parse_size(csgi_str text, uint64_t *bytes);

#endif
