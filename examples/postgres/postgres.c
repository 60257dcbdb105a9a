/* SPDX-License-Identifier: MIT
 * PostgreSQL from a handler in a straight line: libpq without blocking, over a small pool. */
#include <inttypes.h>
#include <stdio.h>

#include "pool.h"

CSGI_GET(add, "/pg/add", CSGI_SUMMARY("A sum, by PostgreSQL"), CSGI_QUERY_INT("a"),
         CSGI_QUERY_INT("b"));

static csgi_status add(csgi_call *call)
{
    char a[24], b[24];
    const char *const values[] = { a, b };
    PGresult *sum;

    snprintf(a, sizeof a, "%" PRId64, csgi_query_int(call, "a"));
    snprintf(b, sizeof b, "%" PRId64, csgi_query_int(call, "b"));
    sum = pool_query(csgi_state(call), call, "SELECT $1::int8 + $2::int8", 2, values);
    if (!sum) return CSGI_EFAIL;
    return csgi_reply_json(call, 200, "{'sum': %s}", PQgetvalue(sum, 0, 0));
}

CSGI_GET(pause_there, "/pg/pause", CSGI_SUMMARY("Waits in PostgreSQL"),
         CSGI_QUERY_INT("ms", .default_value = "100", .ge = "0", .le = "60000"));

static csgi_status pause_there(csgi_call *call)
{
    char ms[24];
    const char *const values[] = { ms };

    snprintf(ms, sizeof ms, "%" PRId64, csgi_query_int(call, "ms"));
    pool_query(csgi_state(call), call, "SELECT pg_sleep($1::int8 / 1000.0)", 1, values);
    return csgi_reply_json(call, 200, "{'paused_ms': %s}", ms);
}

static csgi_status begin(csgi_call *call)
{
    csgi_set_state(call, pool_new(call));
    return CSGI_OK;
}

static csgi_status end(csgi_call *call)
{
    pool_free(csgi_state(call));
    return CSGI_OK;
}

CSGI_WEB_PLUGIN("postgres", "1.0.0", "Asks PostgreSQL", CSGI_ROUTES(add, pause_there),
                CSGI_ON_STARTUP(begin), CSGI_ON_SHUTDOWN(end),
                CSGI_CONFIG_STR("conninfo", .default_value = ""), /* PGHOST and the like */
                CSGI_CONFIG_INT("connections", .default_value = "20", .ge = "1", .le = "1000"));
