/* SPDX-License-Identifier: MIT
 * Redis from a handler in a straight line: hiredis without blocking, over a small pool. */
#include <inttypes.h>
#include <stdio.h>

#include "pool.h"

CSGI_GET(get_key, "/redis/{key}", CSGI_SUMMARY("What is kept under a key (GET)"));

static csgi_status get_key(csgi_call *call)
{
    const char *key = csgi_path_str(call, "key");
    redisReply *found = pool_command(csgi_state(call), call, "GET %s", key);

    if (!found) return CSGI_EFAIL;
    if (found->type == REDIS_REPLY_NIL)
        return csgi_fail(call, 404, "nothing is kept under %s", key);
    return csgi_reply_json(call, 200, "{'key': %s, 'value': %s}", key, found->str);
}

CSGI_PUT(set_key, "/redis/{key}", CSGI_SUMMARY("Keeps a text, for a while (SET)"),
         CSGI_QUERY_STR("value"),
         CSGI_QUERY_INT("seconds", .default_value = "3600", .ge = "1", .le = "86400"));

static csgi_status set_key(csgi_call *call)
{
    const char *key = csgi_path_str(call, "key"), *value = csgi_query_str(call, "value");
    char seconds[24];

    snprintf(seconds, sizeof(seconds), "%" PRId64, csgi_query_int(call, "seconds"));
    if (!pool_command(csgi_state(call), call, "SET %s %s EX %s", key, value, seconds))
        return CSGI_EFAIL;
    return csgi_reply_json(call, 200, "{'key': %s, 'value': %s}", key, value);
}

CSGI_POST(increment, "/redis/{key}/increment", CSGI_SUMMARY("Counts (INCR)"));

static csgi_status increment(csgi_call *call)
{
    const char *key = csgi_path_str(call, "key");
    redisReply *count = pool_command(csgi_state(call), call, "INCR %s", key);

    if (!count) return CSGI_EFAIL;
    return csgi_reply_json(call, 200, "{'key': %s, 'value': %lld}", key, count->integer);
}

CSGI_GET(pop, "/redis/{key}/pop", CSGI_SUMMARY("Waits for the next of a list (BLPOP)"),
         CSGI_QUERY_INT("seconds", .default_value = "1", .ge = "1", .le = "60"));

static csgi_status pop(csgi_call *call)
{
    const char *key = csgi_path_str(call, "key");
    char seconds[24];
    redisReply *next;

    snprintf(seconds, sizeof(seconds), "%" PRId64, csgi_query_int(call, "seconds"));
    next = pool_command(csgi_state(call), call, "BLPOP %s %s", key, seconds);
    if (!next) return CSGI_EFAIL;
    if (next->type != REDIS_REPLY_ARRAY || next->elements != 2)
        return csgi_fail(call, 404, "nothing came to %s", key);
    return csgi_reply_json(call, 200, "{'key': %s, 'value': %s}", key, next->element[1]->str);
}

CSGI_POST(visit, "/redis/visits/{name}",
          CSGI_SUMMARY("Two counters and a clock in one journey (pipelining)"));

static csgi_status visit(csgi_call *call)
{
    const char *name = csgi_path_str(call, "name");
    redisContext *connection = pool_take(csgi_state(call), call);
    redisReply **answers;

    if (!connection) return CSGI_EFAIL;
    redisAppendCommand(connection, "INCR visits:all");
    redisAppendCommand(connection, "INCR visits:of:%s", name);
    redisAppendCommand(connection, "EXPIRE visits:of:%s 3600", name);
    answers = pool_ask(csgi_state(call), call, connection, 3);
    if (!answers) return CSGI_EFAIL;
    return csgi_reply_json(call, 200, "{'name': %s, 'visits': %lld, 'of_all': %lld}", name,
                           answers[1]->integer, answers[0]->integer);
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

CSGI_WEB_PLUGIN("redis", "1.0.0", "Asks Redis",
                CSGI_ROUTES(get_key, set_key, increment, pop, visit), CSGI_ON_STARTUP(begin),
                CSGI_ON_SHUTDOWN(end),
                CSGI_CONFIG_STR("socket", .default_value = "",
                                .description = "a Unix socket's path"),
                CSGI_CONFIG_STR("host", .default_value = "127.0.0.1",
                                .description = "an address: a name would be looked up by blocking"),
                CSGI_CONFIG_INT("port", .default_value = "6379", .ge = "1", .le = "65535"),
                CSGI_CONFIG_INT("connections", .default_value = "10", .ge = "1", .le = "1000"),
                CSGI_CONFIG_INT("timeout_ms", .default_value = "5000", .ge = "1",
                                .description = "of each wait for an answer"));
