/* SPDX-License-Identifier: MIT
 * Reads where nothing is while its instance is made. */
#define CREATE create
#include "bad.h"

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    volatile const int *volatile nowhere = NULL;

    (void)host, (void)config_json, (void)instance;
    return *nowhere;
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
