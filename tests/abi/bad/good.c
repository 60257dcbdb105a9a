/* SPDX-License-Identifier: MIT
 * No fault at all: what the others are measured against. */
#include "bad.h"

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
