/* SPDX-License-Identifier: MIT
 * Aligned columns. */
#include "cli/table.h"

#include <stdio.h>

#include "base/check.h"
#include "base/str.h"

/* In characters of UTF-8. */
static size_t width_of(csgi_str text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return width;
}

static void print_row(const csgi_str *cells, const size_t *widths, size_t column_count)
{
    size_t gap = 0;

    for (size_t i = 0; i < column_count; i++) {
        if (!widths[i]) continue;
        if (cells[i].len) {
            printf("%*s%.*s", (int)gap, "", STR_ARG(cells[i]));
            gap = 0;
        }
        gap += widths[i] + 2 - width_of(cells[i]);
    }
    putchar('\n');
}

void table_print(const csgi_str *titles, const csgi_str *cells, size_t column_count,
                 size_t row_count)
{
    size_t widths[TABLE_COLUMNS_MAX] = { 0 };

    CHECK(column_count <= TABLE_COLUMNS_MAX);
    for (size_t i = 0; i < row_count * column_count; i++) {
        size_t width = width_of(cells[i]);

        if (width > widths[i % column_count]) widths[i % column_count] = width;
    }
    for (size_t k = 0; k < column_count; k++) {
        size_t width = width_of(titles[k]);

        if (widths[k] && width > widths[k]) widths[k] = width;
    }
    print_row(titles, widths, column_count);
    for (size_t i = 0; i < row_count; i++)
        print_row(&cells[i * column_count], widths, column_count);
}
