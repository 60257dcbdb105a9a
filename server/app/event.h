/* SPDX-License-Identifier: MIT
 * What the server knows of each event type: its name, and whether one that an application sends is
 * well-formed. */
#ifndef CAPRICORN_APP_EVENT_H
#define CAPRICORN_APP_EVENT_H

#include <csgi/csgi.h>

#include "app/call.h"

#define EVENT_WHY_SIZE    160
#define EVENT_NOT_OFFERED "the scope's features do not offer it"

/* Is this a whole event that may be sent under a scope of that kind with those features? The order
 * of events is not looked at. CSGI_EINVAL, CSGI_ENOTSUP: why is a clause. */
csgi_status event_check(const csgi_event *event, uint32_t scope_type, uint64_t features,
                        char why[EVENT_WHY_SIZE]);
/* Do those features offer an event of that type? One of an unknown type is nobody's feature. */
bool event_is_offered(const csgi_event *event, uint64_t features);
/* Logs that an event was refused, naming plugin, endpoint and event; sets last_error; returns the
 * code. event may be NULL. [task] */
csgi_status event_refuse(const call *of, const task_label *sender, const csgi_event *event,
                         csgi_status code, const char *why);
/* As an application reads it: every csgi_str of a scope has a pointer, and a NUL behind it. */
static inline csgi_str scope_str(csgi_str text)
{
    return text.ptr ? text : (csgi_str){ "", 0 };
}

#endif
