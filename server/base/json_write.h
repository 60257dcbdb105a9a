/* SPDX-License-Identifier: MIT
 * Writes JSON into a buffer, a value at a time: commas and escapes are seen to. */
#ifndef CAPRICORN_BASE_JSON_WRITE_H
#define CAPRICORN_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Set out, the rest zero. Once the status is not CSGI_OK nothing more is written. */
typedef struct json_writer {
    buffer *out;
    csgi_status status;
    bool needs_comma;
} json_writer;

/* The key of a member of an object is NULL for an item of an array, and for the whole. */
void json_write_open(json_writer *self, const char *key, char bracket); /* '{' or '[' */
void json_write_close(json_writer *self, char bracket);                 /* '}' or ']' */
/* What is no UTF-8 becomes U+FFFD. */
void json_write_text(json_writer *self, const char *key, csgi_str text);
/* Likewise; null when it is empty. */
void json_write_text_or_null(json_writer *self, const char *key, csgi_str text);
void json_write_number(json_writer *self, const char *key, uint64_t number);
void json_write_bool(json_writer *self, const char *key, bool value);

#endif
