/* SPDX-License-Identifier: MIT
 * A plugin of which several versions are made (-DVERSION=2), and broken ones (-DFAULT=...), for the
 * tests of reload. GET /version answers its version; /slow?ms=N does after a while; /count counts
 * the requests to one instance; /made says how many instances this mapping has made. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <csgi/csgi.h>
#include <csgi/ext/draft/task.h>

#ifndef VERSION
#define VERSION 1
#endif
#define FAULT_NONE          0
#define FAULT_CREATE        1 /* create fails */
#define FAULT_STARTUP       2 /* start-up fails */
#define FAULT_CRASH_QUERY   3
#define FAULT_CRASH_CREATE  4
#define FAULT_EXIT_CREATE   5
#define FAULT_HANG_STARTUP  6
#define FAULT_UNDEFINED     7 /* a symbol that nobody defines */
#define FAULT_NO_QUERY      8
#define FAULT_ABI           9 /* a later major */
#define FAULT_HANG_CREATE   10
#define FAULT_CRASH_STARTUP 11
#ifndef FAULT
#define FAULT FAULT_NONE
#endif

typedef struct state {
    const csgi_host *host;
    unsigned count;
} state;

static unsigned made;

extern int nobody_defines_this(void);

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    state *self = calloc(1, sizeof *self);

    (void)config_json;
    if (FAULT == FAULT_CREATE) {
        free(self);
        return host->fail(host, CSGI_EFAIL, (csgi_str)CSGI_STR("the moon is in the wrong place"));
    }
    if (FAULT == FAULT_CRASH_CREATE) raise(SIGSEGV);
    if (FAULT == FAULT_EXIT_CREATE) _exit(7);
    if (FAULT == FAULT_HANG_CREATE) pause();
    if (!self) return CSGI_ENOMEM;
    self->host = host;
    made++;
    *instance = self;
    return CSGI_OK;
}

static void destroy(void *instance)
{
    free(instance);
}

static csgi_status lifespan(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    csgi_lifespan answer = { .event = CSGI_EVENT(csgi_lifespan, CSGI_LIFESPAN_COMPLETE),
                             .message = { "", 0 } };
    const csgi_event *event;
    csgi_status status = receive->call(receive, &event);
    const state *self = instance;

    (void)scope;
    if (status != CSGI_OK) return status;
    if (FAULT == FAULT_CRASH_STARTUP) raise(SIGSEGV);
    if (FAULT == FAULT_HANG_STARTUP) {
        const csgi_task_extension *tasks = self->host->extension(self->host, CSGI_TASK_EXTENSION);

        return tasks->sleep_ms(self->host, 3600000);
    }
    if (FAULT == FAULT_STARTUP) {
        answer.event.type = CSGI_LIFESPAN_FAILED;
        answer.message = (csgi_str)CSGI_STR("no database");
    }
    status = send->call(send, &answer.event);
    if (status != CSGI_OK || FAULT == FAULT_STARTUP) return status;
    status = receive->call(receive, &event);
    return status == CSGI_OK ? send->call(send, &answer.event) : status;
}

static csgi_status answer(csgi_send *send, unsigned long number)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%lu", number);
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { NULL, 0 }
    };
    csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                            { text, (size_t)len },
                            0,
                            0,
                            { NULL, 0 } };
    csgi_status status = send->call(send, &start.event);

    return status == CSGI_OK ? send->call(send, &body.event) : status;
}

static csgi_status version(void *instance, const csgi_scope *scope, csgi_receive *receive,
                           csgi_send *send)
{
    (void)instance;
    (void)scope;
    (void)receive;
    return answer(send, VERSION);
}

static csgi_status slow(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    const state *self = instance;
    const csgi_task_extension *tasks = self->host->extension(self->host, CSGI_TASK_EXTENSION);
    const char *query = scope->query_string.ptr;
    unsigned long ms = scope->query_string.len > 3 ? strtoul(query + 3, NULL, 10) : 300;
    csgi_status status = tasks->sleep_ms(self->host, ms);

    (void)receive;
    return status == CSGI_OK ? answer(send, VERSION) : status;
}

static csgi_status count(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    state *self = instance;

    (void)scope;
    (void)receive;
    return answer(send, ++self->count);
}

static csgi_status tell_made(void *instance, const csgi_scope *scope, csgi_receive *receive,
                             csgi_send *send)
{
    (void)instance;
    (void)scope;
    (void)receive;
    return answer(send, made);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("version"), CSGI_STR("/version"), CSGI_STR("GET"), CSGI_HTTP, 0, version, NULL },
    { CSGI_STR("slow"), CSGI_STR("/slow"), CSGI_STR("GET"), CSGI_HTTP, 0, slow, NULL },
    { CSGI_STR("count"), CSGI_STR("/count"), CSGI_STR("GET"), CSGI_HTTP, 0, count, NULL },
    { CSGI_STR("made"), CSGI_STR("/made"), CSGI_STR("GET"), CSGI_HTTP, 0, tell_made, NULL },
};

__attribute__((used)) static const csgi_plugin plugin = {
    (uint32_t)sizeof(csgi_plugin),
    CSGI_MAGIC,
    CSGI_ABI_MAJOR + (FAULT == FAULT_ABI),
    CSGI_ABI_MINOR,
    CSGI_ABI_MINOR_REQUIRED,
    .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("versioned"),
    .version = CSGI_STR("1"),
    .summary = CSGI_STR("tells its version"),
    .endpoints = endpoints,
    .endpoint_count = sizeof endpoints / sizeof *endpoints,
    .create = create,
    .destroy = destroy,
    .lifespan = lifespan,
};

#if FAULT != FAULT_NO_QUERY
const csgi_plugin *csgi_plugin_query(uint32_t host_major)
{
    (void)host_major;
    if (FAULT == FAULT_CRASH_QUERY) raise(SIGSEGV);
#if FAULT == FAULT_UNDEFINED
    if (nobody_defines_this()) return NULL;
#endif
    return &plugin;
}
#endif
