/* SPDX-License-Identifier: MIT
 * An endpoint that is application and middleware at once. */
#define AROUND around
#include "bad.h"

static csgi_status around(void *instance, csgi_app *inner, const csgi_scope *scope,
                          csgi_receive *receive, csgi_send *send)
{
    (void)instance;
    return inner->call(inner, scope, receive, send);
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
