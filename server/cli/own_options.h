/* SPDX-License-Identifier: MIT
 * The options that a command has beside those of the table, read from what its --help says of them:
 * a line "  FLAG VALUE   HELP" each. */
#ifndef CAPRICORN_CLI_OWN_OPTIONS_H
#define CAPRICORN_CLI_OWN_OPTIONS_H

#include "cli/command.h"

typedef struct own_option {
    csgi_str flag;  /* "-d", "--ready" */
    csgi_str value; /* "BODY"; empty: it has none */
    csgi_str help;  /* of its first line */
} own_option;

/* Finds the next one in *rest, which is a command's about at first, and moves *rest behind it. */
bool own_option_next(csgi_str *rest, own_option *out);

#endif
