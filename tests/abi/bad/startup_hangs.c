/* SPDX-License-Identifier: MIT
 * Waits for ever instead of answering start-up. */
#define LIFESPAN lifespan
#include "bad.h"

static csgi_status lifespan(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    const csgi_event *event;
    csgi_status status = receive->call(receive, &event);

    (void)instance, (void)scope, (void)send;
    return status == CSGI_OK ? receive->call(receive, &event) : status;
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
