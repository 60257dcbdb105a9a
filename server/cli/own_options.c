/* SPDX-License-Identifier: MIT
 * Finds a command's own options in its help. */
#include "cli/own_options.h"

#include "base/str.h"

/* Splits a line at its first two spaces. */
static void split_columns(csgi_str line, csgi_str *left, csgi_str *right)
{
    size_t end = 0;

    while (end < line.len && !str_starts_with(str_slice(line, end, SIZE_MAX), STR("  ")))
        end++;
    *left = str_slice(line, 0, end);
    *right = str_trim(str_slice(line, end, SIZE_MAX));
}

bool own_option_next(csgi_str *rest, own_option *out)
{
    while (rest->len) {
        csgi_str line = str_take(rest, '\n'), left;

        if (!str_starts_with(line, STR("  -"))) continue;
        split_columns(str_slice(line, 2, SIZE_MAX), &left, &out->help);
        out->flag = str_take(&left, ' ');
        out->value = left;
        return true;
    }
    return false;
}
