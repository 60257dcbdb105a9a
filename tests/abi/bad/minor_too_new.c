/* SPDX-License-Identifier: MIT
 * Cannot do without what a later minor has. */
#define CSGI_ABI_MINOR_REQUIRED 7u
#include "bad.h"

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
