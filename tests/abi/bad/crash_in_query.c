/* SPDX-License-Identifier: MIT
 * Crashes when it is asked for its descriptor. */
#include <stdlib.h>

#include "bad.h"

const csgi_plugin *csgi_plugin_query(uint32_t host_major)
{
    (void)host_major;
    abort();
}
