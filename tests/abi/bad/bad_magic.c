/* SPDX-License-Identifier: MIT
 * Its descriptor is something else. */
#define HEAD sizeof(csgi_plugin), 0x21212121u, CSGI_ABI_MAJOR, CSGI_ABI_MINOR, 0
#include "bad.h"

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
