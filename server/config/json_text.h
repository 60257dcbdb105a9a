/* SPDX-License-Identifier: MIT
 * JSON that people write: a strict parser (RFC 8259 to the letter) whose values know where they
 * stand and how they are written. What they may be is for those to say who read them. */
#ifndef CAPRICORN_CONFIG_JSON_TEXT_H
#define CAPRICORN_CONFIG_JSON_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"

#define JSON_DEPTH_MAX 32 /* arrays and objects inside one another */

/* Where something stands in a file; counted from 1, columns in bytes. */
typedef struct file_position {
    uint32_t line, column;
} file_position;

typedef enum json_kind {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_kind;

typedef struct json_value json_value;
struct json_value {
    json_kind kind;
    bool repeats_key; /* an earlier member of its object has the same key */
    file_position at, key_at;
    csgi_str key;             /* of an object's member */
    csgi_str text;            /* a string's content; of all others, how it is written */
    json_value *first, *next; /* items or members, in the file's order */
    size_t count;
    json_value **by_key; /* an object's members, sorted */
};

/* Blanks comments of both kinds, so that what is left keeps its place. The source is the file's
 * name, for the complaint. CSGI_EINVAL: one has no end, or the text is no UTF-8 or has a NUL;
 * *problem says where. */
csgi_status json_blank_comments(const char *source, char *text, size_t len, buffer *problem);
/* Makes values of a text, into the arena: keys and strings are copied and NUL-terminated, what
 * others are written as is borrowed from the text. CSGI_EINVAL: *problem is a sentence,
 * "source:3:14: found ..., expected ...". CSGI_ENOMEM. A key that is there twice is no error yet:
 * see repeats_key. */
csgi_status json_parse(const char *source, csgi_str text, arena *memory, const json_value **out,
                       buffer *problem);
/* The first member with this key, or NULL. */
const json_value *json_find(const json_value *object, csgi_str key);
/* The first member that repeats a key, of this value or of those inside it, at any depth. NULL:
 * none does. */
const json_value *json_find_repeated(const json_value *in);
/* As much of a text as a complaint repeats: whole characters. */
csgi_str json_shorten(csgi_str text);
/* Adds what a complaint says was found: an array, 12, "text"; shortened, on one line. */
void json_print_found(const json_value *it, buffer *out);

/* Is the text one JSON object and nothing else, with no key twice? CSGI_EFAIL: *problem is a
 * sentence that begins with the source (a file), line and column. CSGI_ENOMEM. */
csgi_status json_check_object(const char *source, csgi_str text, buffer *problem);

#endif
