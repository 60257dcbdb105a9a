/* SPDX-License-Identifier: MIT
 * A shared object that is no plugin. */
#include "bad.h"

BAD_PLUGIN;
CSGI_EXPORT const csgi_plugin *csgi_plugin_qeury(void);
const csgi_plugin *csgi_plugin_qeury(void)
{
    return &plugin;
}
