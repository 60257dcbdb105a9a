/* SPDX-License-Identifier: MIT
 * Ends the process while its instance is made. */
#include <stdlib.h>

#define CREATE create
#include "bad.h"

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    (void)host, (void)config_json, (void)instance;
    exit(7);
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
