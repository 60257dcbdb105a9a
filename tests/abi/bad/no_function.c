/* SPDX-License-Identifier: MIT
 * An endpoint without a function. */
#define CALL NULL
#include "bad.h"

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
