/* SPDX-License-Identifier: MIT
 * Text that came from outside, made fit for a line of a log or a JSON string. */
#ifndef CAPRICORN_BASE_ESCAPE_H
#define CAPRICORN_BASE_ESCAPE_H

#include <stdbool.h>

#include <csgi/types.h>

/* Copies text with control bytes, and if asked quotes and backslashes, as \xNN. Returns the bytes
 * written: as many whole ones as fit into size. */
size_t escape_line(char *out, size_t size, csgi_str text, bool quotes_too);
/* Copies text as the inside of a JSON string (RFC 8259 section 7); what is no UTF-8 becomes U+FFFD.
 * Returns the bytes written: as many whole characters as fit into size. */
size_t escape_json(char *out, size_t size, csgi_str text);

#endif
