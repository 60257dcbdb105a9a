/* SPDX-License-Identifier: MIT
 * For a server of another major. */
#define HEAD sizeof(csgi_plugin), CSGI_MAGIC, CSGI_ABI_MAJOR + 1, 3, 2
#include "bad.h"

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
