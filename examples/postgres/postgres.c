/* SPDX-License-Identifier: MIT
 * PostgreSQL from a handler in a straight line: libpq without blocking, over a small pool. */
#include <csgi/web.h>
#include <inttypes.h>
#include <stdio.h>

#include "pool.h"

/* Why there is no result, as the client hears it. */
static csgi_status fail(csgi_call *call, csgi_status status, const char *why)
{
    if (status == CSGI_ECANCELED) return status;
    csgi_log(call, CSGI_LOG_WARNING, "PostgreSQL: %s", why);
    if (status == CSGI_ETIMEDOUT) return csgi_fail(call, 504, "the database took too long");
    return csgi_fail(call, 502, "the database did not answer the query");
}

CSGI_GET(add, "/pg/add", CSGI_SUMMARY("A sum, by PostgreSQL"), CSGI_QUERY_INT("a"),
         CSGI_QUERY_INT("b"));

static csgi_status add(csgi_call *call)
{
    char a[24], b[24], why[POOL_WHY_SIZE];
    const char *const values[] = { a, b };
    csgi_status status;
    PGresult *result;

    snprintf(a, sizeof a, "%" PRId64, csgi_query_int(call, "a"));
    snprintf(b, sizeof b, "%" PRId64, csgi_query_int(call, "b"));
    status = pool_query(csgi_state(call), "SELECT $1::int8 + $2::int8", 2, values, &result, why);
    if (status != CSGI_OK) return fail(call, status, why);

    status = csgi_reply_json(call, 200, "{'sum': %s}", PQgetvalue(result, 0, 0));
    PQclear(result);
    return status;
}

CSGI_GET(pause_there, "/pg/pause", CSGI_SUMMARY("Waits in PostgreSQL"),
         CSGI_QUERY_INT("ms", .default_value = "100", .ge = "0", .le = "60000"));

static csgi_status pause_there(csgi_call *call)
{
    char ms[24], why[POOL_WHY_SIZE];
    const char *const values[] = { ms };
    csgi_status status;
    PGresult *result;

    snprintf(ms, sizeof ms, "%" PRId64, csgi_query_int(call, "ms"));
    status =
        pool_query(csgi_state(call), "SELECT pg_sleep($1::int8 / 1000.0)", 1, values, &result, why);
    if (status != CSGI_OK) return fail(call, status, why);
    PQclear(result);
    return csgi_reply_json(call, 200, "{'paused_ms': %s}", ms);
}

static csgi_status begin(csgi_call *call)
{
    pool *connections = pool_new(call->host, csgi_config_str(call, "conninfo"),
                                 (size_t)csgi_config_int(call, "connections"));

    if (!connections) return csgi_fail(call, 500, "this server cannot wait for PostgreSQL");
    csgi_set_state(call, connections);
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
