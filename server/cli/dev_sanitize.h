/* SPDX-License-Identifier: MIT
 * Serving sanitized plugins by an ordinary server. */
#ifndef CAPRICORN_CLI_DEV_SANITIZE_H
#define CAPRICORN_CLI_DEV_SANITIZE_H

#include <stdbool.h>

#include "base/buffer.h"

/* Starts this program again, with its arguments, so that AddressSanitizer is there before anything
 * else; true: it is. False: *problem is a line. */
bool sanitize_restart(buffer *problem);

#endif
