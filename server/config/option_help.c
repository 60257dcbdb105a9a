/* SPDX-License-Identifier: MIT
 * The options as --help lists them. */
#include "config/options.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 26 /* where the help text begins; a longer name has a line of its own */

static void print_entry(const option_entry *entry, buffer *out)
{
    char left[64], variable[OPTION_NAME_MAX];

    option_print_name(entry->name, OPTION_FROM_ENVIRONMENT, variable, sizeof variable);
    if (entry->kind == OPTION_SWITCH)
        snprintf(left, sizeof left, "--%s / --no-%s", entry->name, entry->name);
    else
        snprintf(left, sizeof left, "--%s %s", entry->name, entry->metavar);
    if (strlen(left) > HELP_COLUMN) {
        buffer_printf(out, "  %s\n", left);
        left[0] = 0;
    }
    buffer_printf(out, "  %-*s %s\n", HELP_COLUMN, left, entry->help);
    buffer_printf(out, "  %-*s [default: %s; %s]\n", HELP_COLUMN, "",
                  entry->unset       ? entry->unset
                  : *entry->fallback ? entry->fallback
                                     : "none",
                  variable);
}

csgi_status options_print_help(option_use command, buffer *out)
{
    const option_entry *before = NULL;

    for (size_t i = 0; i < option_count; i++) {
        const option_entry *entry = &option_table[i];

        if (!option_is_of(entry, command)) continue;
        if (!before || before->group != entry->group)
            buffer_printf(out, "\n%s:\n", option_group_title(entry->group));
        print_entry(entry, out);
        before = entry;
    }
    return out->bytes ? CSGI_OK : CSGI_ENOMEM;
}
