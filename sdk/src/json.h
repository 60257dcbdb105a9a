/* SPDX-License-Identifier: MIT
 * Strict JSON on top of cJSON, which by itself takes what RFC 8259 forbids, recurses a thousand
 * levels deep, and cuts strings at a NUL. */
#ifndef CSGI_SRC_JSON_H
#define CSGI_SRC_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

/* A task's stack is small, and cJSON recurses. */
enum { CSGI_WEB_JSON_DEPTH = 64 };

/* NULL: bytes are one JSON value and nothing else. Otherwise what is wrong, and where. It does not
 * recurse and takes no memory; names that occur twice are left to csgi_web_json_parse. */
const char *csgi_web_json_check(const char *bytes, size_t length, size_t *offset);

/* The tree, for cJSON_Delete. NULL: *why says what is wrong, or is NULL when there is no memory;
 * *offset is where, but 0 for a name that occurs twice. */
cJSON *csgi_web_json_parse(const char *bytes, size_t length, const char **why, size_t *offset);

/* A number without a fraction that a double holds exactly. 0: it is none. */
int csgi_web_json_int(const cJSON *node, int64_t *number);

#endif
