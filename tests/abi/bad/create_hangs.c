/* SPDX-License-Identifier: MIT
 * Never comes back from making its instance. */
#include <unistd.h>

#define CREATE create
#include "bad.h"

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    (void)host, (void)config_json, (void)instance;
    while (pause() != 0)
        continue;
    return CSGI_OK;
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
