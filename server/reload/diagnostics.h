/* SPDX-License-Identifier: MIT
 * What compilers say, taken apart: "weather.c:3:7: error: ...". */
#ifndef CAPRICORN_RELOAD_DIAGNOSTICS_H
#define CAPRICORN_RELOAD_DIAGNOSTICS_H

#include <stdint.h>

#include "base/buffer.h"

/* Borrowed from the text that it stands in. */
typedef struct diagnostic {
    csgi_str file;
    uint32_t line, column; /* from 1 on; column 0: none is named */
    csgi_str message;      /* what stands behind "error:", one line */
} diagnostic;

/* Appends the text without what colours it in a terminal, and without other control characters but
 * line ends and tabs. CSGI_ENOMEM. */
csgi_status diagnostics_strip(csgi_str text, buffer *out);
/* The next error in the text of which *rest is left; warnings and notes are passed over. False:
 * there is no more. */
bool diagnostics_next(csgi_str *rest, diagnostic *out);

#endif
