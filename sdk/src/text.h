/* SPDX-License-Identifier: MIT
 * Text that grows in a call's arena, and what is written into it: printf, JSON, URLs. What fails
 * sticks, and is asked for at the end. */
#ifndef CSGI_SRC_TEXT_H
#define CSGI_SRC_TEXT_H

#include <stdarg.h>

#include <csgi/host.h>

#include "grammar.h"

typedef struct csgi_web_text {
    const csgi_host *host;
    csgi_arena *arena;
    char *bytes; /* NULL while empty; NUL-terminated by csgi_web_text_end */
    size_t length, capacity;
    csgi_status status; /* CSGI_ENOMEM; CSGI_EINVAL: a template or its argument, see why */
    const char *why;    /* of CSGI_EINVAL: a sentence */
    const char *source; /* of CSGI_EINVAL: the template, and where in it; NULL: it was none */
    size_t offset;
    csgi_web_grammar grammar; /* of the JSON so far */
} csgi_web_text;

/* Arguments, in a struct so that they can be passed on by pointer on every ABI. */
typedef struct csgi_web_arguments {
    va_list list;
} csgi_web_arguments;

/* Begins an empty text; there is nothing to end, for its memory is the arena's. */
void csgi_web_text_init(csgi_web_text *self, const csgi_host *host, csgi_arena *arena);
/* Adds bytes; a NUL-terminated string; what printf makes of the arguments. */
void csgi_web_text_add(csgi_web_text *self, const char *bytes, size_t length);
void csgi_web_text_puts(csgi_web_text *self, const char *string);
void csgi_web_text_vprintf(csgi_web_text *self, const char *format, csgi_web_arguments *arguments);
/* Terminates it. NULL: it has failed, and status says how. */
const char *csgi_web_text_end(csgi_web_text *self);

/* A JSON string with its quotes, and what is between them; what is no UTF-8 becomes U+FFFD. */
void csgi_web_text_json_string(csgi_web_text *self, const char *bytes, size_t length);
void csgi_web_text_json_inside(csgi_web_text *self, const char *bytes, size_t length);
/* As Python's repr writes it. A value that is not finite is CSGI_EINVAL. */
void csgi_web_text_json_double(csgi_web_text *self, double value);
/* The templates of csgi_reply_json and csgi_get_json. What the first makes, piece after piece, is
 * JSON, or CSGI_EINVAL; the last piece is ended by csgi_web_text_json_end. */
void csgi_web_text_json(csgi_web_text *self, const char *json_template,
                        csgi_web_arguments *arguments);
void csgi_web_text_json_end(csgi_web_text *self);
void csgi_web_text_url(csgi_web_text *self, const char *url_template,
                       csgi_web_arguments *arguments);

/* How many bytes from the start are valid UTF-8 (RFC 3629): length, if all are. */
size_t csgi_web_utf8_span(const char *bytes, size_t length);

#endif
