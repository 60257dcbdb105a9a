/* SPDX-License-Identifier: MIT
 * A cursor over JSON text that knows its line: the words, numbers and strings of the grammar, and
 * complaints of what stands at a place. It makes no values. */
#ifndef CAPRICORN_CONFIG_JSON_SCAN_H
#define CAPRICORN_CONFIG_JSON_SCAN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"

typedef struct json_scan {
    const char *source; /* the file's name */
    const char *at, *end, *line_start;
    uint32_t line;
    buffer *problem;
} json_scan;

/* The cursor at the beginning of a text. */
json_scan json_scan_of(const char *source, csgi_str text, buffer *problem);
/* Is the rest UTF-8, without NULs? CSGI_EINVAL: the complaint is made. */
csgi_status json_scan_check(json_scan self);

/* Complains of what stands at a place of the current line: "source:3:14: " and the sentence.
 * CSGI_EINVAL. */
csgi_status json_scan_refuse(json_scan *self, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Complains of what stands at the cursor: "found ..., expected WHAT". CSGI_EINVAL. */
csgi_status json_scan_expected(json_scan *self, const char *what);

/* The byte at the cursor; 0 at the end. */
static inline char json_scan_peek(const json_scan *self)
{
    return (char)(self->at < self->end ? *self->at : '\0');
}
/* Passes that byte, if it is at the cursor. */
static inline bool json_scan_take(json_scan *self, char byte)
{
    if (self->at == self->end || *self->at != byte) return false;
    self->at++;
    return true;
}
void json_scan_space(json_scan *self);
/* The letters, digits and signs at the cursor, or else the one character. */
csgi_str json_scan_word(const json_scan *self);
/* Passes a number. False: there is none, and the cursor has moved. */
bool json_scan_number(json_scan *self);
/* Passes a string, whose quote is at the cursor; its content is copied to the arena, NUL-terminated
 * and without NULs. CSGI_EINVAL: the complaint is made. CSGI_ENOMEM. */
csgi_status json_scan_string(json_scan *self, arena *memory, csgi_str *out);

#endif
