/* SPDX-License-Identifier: MIT
 * Source files: which there are in a directory, and whether there is anything new in some. */
#ifndef CAPRICORN_RELOAD_SOURCES_H
#define CAPRICORN_RELOAD_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Is it named like a source of C or C++ that is compiled, and of which of them? */
bool source_is_c(const char *path);
bool source_is_cxx(const char *path);
/* Appends the sources of C and C++ in a directory ("": here), headers too, and its Makefile, each
 * with a NUL behind it, in alphabetic order; what cannot be read has none. CSGI_ENOMEM. */
csgi_status sources_list(const char *directory, bool only_headers, buffer *paths);
/* A number that changes with the paths (each with a NUL behind it), and with what is in those
 * files. It reads them all. */
uint64_t sources_fingerprint(csgi_str paths);

#endif
