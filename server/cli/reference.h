/* SPDX-License-Identifier: MIT
 * The written references, from the tables of commands and options: docs/options.md and the manual
 * page. They are not part of the program: the Makefile prints them with a program of their own. */
#ifndef CAPRICORN_CLI_REFERENCE_H
#define CAPRICORN_CLI_REFERENCE_H

#include "config/options.h"

/* docs/options.md. CSGI_ENOMEM. */
csgi_status reference_print_options(buffer *out);
/* docs/man/capricorn.1, in man's macros. CSGI_ENOMEM. */
csgi_status reference_print_man(buffer *out);

/* "size", "switch", "text or json": what the option's value is, in a few words. */
void reference_print_kind(const option_entry *entry, buffer *out);

#endif
