/* SPDX-License-Identifier: MIT
 * What --header says: fields that every response has. */
#ifndef CAPRICORN_CONFIG_HEADER_TEXT_H
#define CAPRICORN_CONFIG_HEADER_TEXT_H

#include <stdbool.h>

#include "config/options.h"

/* Splits "NAME:VALUE"; spaces around the value do not count. NULL, or what was expected instead. */
const char *header_split(csgi_str text, csgi_str *name, csgi_str *value);
/* Does one of them have this name, whatever its case? */
bool headers_have(const option_list *headers, csgi_str name);
/* "name: value\r\n" for each. CSGI_ENOMEM. */
csgi_status headers_print_lines(const option_list *headers, buffer *out);

#endif
