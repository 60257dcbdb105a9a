/* SPDX-License-Identifier: MIT
 * Answers start-up with a failure. */
#define LIFESPAN lifespan
#include "bad.h"

static csgi_status lifespan(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    csgi_lifespan failed = { CSGI_EVENT(csgi_lifespan, CSGI_LIFESPAN_FAILED), 0, 0,
                             CSGI_STR("the database is asleep") };
    const csgi_event *event;
    csgi_status status = receive->call(receive, &event);

    (void)instance, (void)scope;
    return status == CSGI_OK ? send->call(send, &failed.event) : status;
}

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
