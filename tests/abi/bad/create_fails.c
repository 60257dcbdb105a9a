/* SPDX-License-Identifier: MIT
 * Cannot make its instance, and says why. */
#define CREATE create
#include "bad.h"

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    const csgi_str why = CSGI_STR("the reactor is too warm");

    (void)config_json, (void)instance;
    return host->fail(host, CSGI_EFAIL, why);
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
