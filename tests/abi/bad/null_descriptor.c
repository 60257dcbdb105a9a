/* SPDX-License-Identifier: MIT
 * Has nothing for this major. */
#include "bad.h"

const csgi_plugin *csgi_plugin_query(uint32_t host_major)
{
    (void)host_major;
    return NULL;
}
