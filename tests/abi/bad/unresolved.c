/* SPDX-License-Identifier: MIT
 * Calls what nobody defines. */
#define CREATE create
#include "bad.h"

csgi_status frobnicate(void);

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    (void)host, (void)config_json, (void)instance;
    return frobnicate();
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
