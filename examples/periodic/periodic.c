/* SPDX-License-Identifier: MIT
 * A job that comes again and again from start-up on, as a cache that is refreshed does; GET /rounds
 * tells how often it has come. */
#include <csgi/web.h>

CSGI_GET(rounds, "/rounds", CSGI_SUMMARY("Counts the rounds"));

/* Has a call of its own each time, and no two rounds run at once. */
static csgi_status refresh(csgi_call *call, void *arg)
{
    int *count = csgi_state(call);

    (void)arg;
    ++*count;
    return CSGI_OK;
}

static csgi_status rounds(csgi_call *call)
{
    const int *count = csgi_state(call);

    return csgi_reply_json(call, 200, "{'rounds': %d}", *count);
}

static csgi_status begin(csgi_call *call)
{
    csgi_set_state(call, csgi_alloc(call, sizeof(int)));
    csgi_every(call, csgi_config_int(call, "every_ms"), refresh);
    return CSGI_OK;
}

CSGI_WEB_PLUGIN("periodic", "1.0.0", "Comes again and again", CSGI_ROUTES(rounds),
                CSGI_CONFIG_INT("every_ms", .default_value = "100", .ge = "1"),
                CSGI_ON_STARTUP(begin));
