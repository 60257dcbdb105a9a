/* SPDX-License-Identifier: MIT
 * Tables for people: columns as wide as what is in them. */
#ifndef CAPRICORN_CLI_TABLE_H
#define CAPRICORN_CLI_TABLE_H

#include <stddef.h>

#include <csgi/types.h>

#define TABLE_COLUMNS_MAX 8

/* Prints the titles and the rows, whose cells stand one after another, to standard output. A column
 * is left out when every cell but the title is empty. */
void table_print(const csgi_str *titles, const csgi_str *cells, size_t column_count,
                 size_t row_count);

#endif
