/* SPDX-License-Identifier: MIT
 * Dates as HTTP writes them and as cookies do: bytes in, seconds since 1970 out. */
#ifndef CAPRICORN_CLIENT_DATES_H
#define CAPRICORN_CLIENT_DATES_H

#include <stdbool.h>
#include <stdint.h>

#include <csgi/types.h>

/* An HTTP-date in any of its three forms, strictly (RFC 9110 section 5.6.7). now_s tells which
 * century a year of two digits is in: at most 50 years ahead. */
bool date_parse_http(csgi_str text, int64_t now_s, int64_t *seconds);
/* A cookie's date, by the lenient algorithm of RFC 6265 section 5.1.1. */
bool date_parse_cookie(csgi_str text, int64_t *seconds);

#endif
