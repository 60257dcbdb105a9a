/* SPDX-License-Identifier: MIT
 * The scripts that make shells complete capricorn's command line. */
#ifndef CAPRICORN_CLI_COMPLETION_H
#define CAPRICORN_CLI_COMPLETION_H

#include "base/buffer.h"

/* Prints the script for "bash", "zsh" or "fish". CSGI_EINVAL: for another shell there is none. */
csgi_status completion_print(const char *shell, buffer *out);

#endif
