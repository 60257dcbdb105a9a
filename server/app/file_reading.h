/* SPDX-License-Identifier: MIT
 * A routes file while a table is made of it: what file_routes.c and file_uses.c share. */
#ifndef CAPRICORN_APP_FILE_READING_H
#define CAPRICORN_APP_FILE_READING_H

#include "app/edition.h"

typedef struct reading {
    const edition *edition;
    const routes_file *file;
    app_table *table;
    const app_endpoint **around; /* the file's own, outermost first */
    size_t around_count;
    buffer *problem;
    buffer warnings; /* a line each; they are told if there is no mistake */
    bool has_mistakes, is_out_of_memory;
} reading;

/* Writes a mistake to *problem, a line of its own. */
void reading_complain(reading *self, file_position at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The endpoint that a route, or a list of middleware, names. NULL: there is none of that kind, and
 * that has been said. */
const app_endpoint *reading_find(reading *self, const routes_use *use, bool is_around);

#endif
