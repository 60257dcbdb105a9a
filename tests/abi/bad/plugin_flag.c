/* SPDX-License-Identifier: MIT
 * A flag that every server must understand, and none does. */
#define PLUGIN_FLAGS (1u << 31)
#include "bad.h"

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
