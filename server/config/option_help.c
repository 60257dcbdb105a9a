/* SPDX-License-Identifier: MIT
 * The options as --help lists them, and what they may be. */
#include "config/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 26 /* where the help text begins; a longer name has a line of its own */

/* In the largest unit that it is a whole number of. */
static void print_duration(uint64_t ms, buffer *out)
{
    if (ms == 0)
        buffer_printf(out, "0");
    else if (ms % 3600000 == 0)
        buffer_printf(out, "%" PRIu64 "h", ms / 3600000);
    else if (ms % 1000 == 0)
        buffer_printf(out, "%" PRIu64 "s", ms / 1000);
    else
        buffer_printf(out, "%" PRIu64 "ms", ms);
}

static void print_size(uint64_t bytes, buffer *out)
{
    if (bytes && bytes % (1 << 20) == 0)
        buffer_printf(out, "%" PRIu64 "MiB", bytes >> 20);
    else if (bytes && bytes % (1 << 10) == 0)
        buffer_printf(out, "%" PRIu64 "KiB", bytes >> 10);
    else
        buffer_printf(out, "%" PRIu64, bytes);
}

static void print_value(const option_entry *entry, uint64_t value, buffer *out)
{
    if (entry->kind == OPTION_DURATION)
        print_duration(value, out);
    else if (entry->kind == OPTION_SIZE)
        print_size(value, out);
    else
        buffer_printf(out, "%" PRIu64, value);
}

void option_print_bounds(const option_entry *entry, buffer *out)
{
    if (entry->max == 0) return;
    print_value(entry, entry->min, out);
    if (entry->max == INT64_MAX) {
        buffer_printf(out, " or more");
        return;
    }
    buffer_printf(out, " to ");
    print_value(entry, entry->max, out);
}

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
