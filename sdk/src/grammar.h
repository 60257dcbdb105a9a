/* SPDX-License-Identifier: MIT
 * JSON's grammar, token by token: what may come now, as a template is read that makes it. */
#ifndef CSGI_SRC_GRAMMAR_H
#define CSGI_SRC_GRAMMAR_H

#include <stdint.h>

/* All zero: nothing has come yet. */
typedef struct csgi_web_grammar {
    uint64_t
        objects; /* a bit for each level that is open, the innermost lowest: is it an object? */
    unsigned char depth;
    unsigned char expects; /* see grammar.c */
} csgi_web_grammar;

/* Takes one of { } [ ] , : or 's' for a string, 'v' for any other value without parts. NULL: it may
 * come; *comma: when one is put before it, for a comma may be left out between two values.
 * Otherwise what is wrong. */
const char *csgi_web_grammar_take(csgi_web_grammar *self, char token, int *comma);
/* NULL: there is one whole value. Otherwise what is missing. */
const char *csgi_web_grammar_end(const csgi_web_grammar *self);

#endif
