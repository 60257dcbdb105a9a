/* SPDX-License-Identifier: MIT
 * What `capricorn dev` answers while a source does not compile, or a plugin was refused: a page for
 * a browser, JSON for a program. */
#ifndef CAPRICORN_WORKER_DEV_PAGE_H
#define CAPRICORN_WORKER_DEV_PAGE_H

#include "base/buffer.h"

typedef enum dev_format {
    DEV_FORMAT_NONE, /* the client did not say what it likes: it is served */
    DEV_FORMAT_HTML,
    DEV_FORMAT_JSON
} dev_format;

/* One thing that is wrong. */
typedef struct dev_trouble {
    const char *headline;  /* "weather.c does not compile" */
    csgi_str text;         /* what the compiler or the server says, without colours */
    const char *directory; /* where the files that it names are; NULL: here */
} dev_trouble;

/* What the Accept header (RFC 9110 section 12.5.1; empty: there is none) asks for by name:
 * text/html or application/json, whichever it likes better; between equals HTML. Ranges (any/any)
 * ask for nothing. */
dev_format dev_format_of(csgi_str accept);
/* The bodies; files are read for the lines around each error. CSGI_ENOMEM. */
csgi_status dev_page_html(const dev_trouble *troubles, size_t count, buffer *out);
csgi_status dev_page_json(const dev_trouble *troubles, size_t count, buffer *out);

#endif
