/* SPDX-License-Identifier: MIT
 * Crashes while it is mapped, before anything of it is called. */
#include <stdlib.h>

#include "bad.h"

__attribute__((constructor)) static void load(void)
{
    abort();
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
