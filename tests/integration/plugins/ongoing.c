/* SPDX-License-Identifier: MIT
 * Versions of a plugin whose requests take long (-DVERSION=2), for the tests of reload: whatever
 * they wait for, they answer what the code says that they began with. GET /whole answers in pieces,
 * between which others have a turn. */
#include <csgi/ext/draft/client.h>
#include <csgi/ext/draft/notice.h>
#include <csgi/ext/draft/task.h>
#include <csgi/ext/draft/wait.h>
#include <stdlib.h>
#include <unistd.h>

#include "plug.h"

#ifndef VERSION
#define VERSION 1
#endif
#define TEXT_(number) #number
#define TEXT(number)  TEXT_(number)
#define PIECES        4
#define PIECE         TEXT(VERSION) TEXT(VERSION) TEXT(VERSION) TEXT(VERSION)

typedef struct state {
    const csgi_host *host;
    const csgi_task_extension *tasks;
    const csgi_wait_extension *wait;
    const csgi_client_extension *client;
    const csgi_notice_extension *notice;
} state;

/* Written, so that it lies in memory of this mapping. */
static volatile int answer_is = VERSION;

static csgi_status answer(csgi_send *send)
{
    char text[16];

    snprintf(text, sizeof text, "%d", answer_is);
    return plug_reply(send, 200, plug_str(text));
}

/* Answers if what was waited for went well. */
static csgi_status finish(csgi_status status, csgi_send *send)
{
    return status == CSGI_OK ? answer(send) : status;
}

static void say(const state *self, const char *what)
{
    char text[64];

    snprintf(text, sizeof text, "%s of %d", what, answer_is);
    self->host->log(self->host, CSGI_LOG_INFO, plug_str(text));
}

static csgi_status whole(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    static const csgi_field headers[] = { { CSGI_STR("content-length"), CSGI_STR("16"), 0, 0 } };
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { headers, 1 }
    };
    const state *self = instance;
    csgi_status status = send->call(send, &start.event);

    (void)scope;
    (void)receive;
    for (int i = 0; i < PIECES && status == CSGI_OK; i++) {
        status = plug_body(send, plug_str(PIECE), i < PIECES - 1 ? CSGI_MORE : 0);
        if (status == CSGI_OK && i == 1) status = self->tasks->sleep_ms(self->host, 0);
    }
    return status;
}

static csgi_status timers(void *instance, const csgi_scope *scope, csgi_receive *receive,
                          csgi_send *send)
{
    const state *self = instance;
    csgi_status status = CSGI_OK;

    (void)receive;
    for (uint64_t left = plug_number(scope, "ms", 0) / 10; left > 0 && status == CSGI_OK; left--)
        status = self->tasks->sleep_ms(self->host, 10);
    return finish(status, send);
}

static csgi_status fetch(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    const state *self = instance;
    const csgi_client_response *response;
    plug_text *url = self->host->alloc(scope->arena, sizeof *url, 0);
    csgi_client_request request = { .size = sizeof request };
    csgi_status status;

    (void)receive;
    if (!url) return CSGI_ENOMEM;
    url->len = 0;
    plug_addf(url, "http://127.0.0.1:%u/", (unsigned)plug_number(scope, "port", 0));
    request.url = (csgi_str){ url->bytes, url->len };
    status = self->client->fetch(self->host, scope->arena, &request, &response);
    return finish(status, send);
}

static csgi_status block(void *arg)
{
    usleep(*(const useconds_t *)arg);
    return answer_is == VERSION ? CSGI_OK : CSGI_EFAIL;
}

static csgi_status offload(void *instance, const csgi_scope *scope, csgi_receive *receive,
                           csgi_send *send)
{
    const state *self = instance;
    useconds_t us = (useconds_t)plug_number(scope, "ms", 0) * 1000;
    csgi_status result = CSGI_EFAIL;
    csgi_status status = self->wait->offload(self->host, block, &us, &result);

    (void)receive;
    return finish(status == CSGI_OK ? result : status, send);
}

static csgi_status blocking(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    (void)instance;
    (void)receive;
    usleep((useconds_t)plug_number(scope, "ms", 0) * 1000);
    return answer(send);
}

/* One of a group, or what is deferred. */
typedef struct piece {
    const state *of;
    uint64_t ms;
} piece;

static csgi_status member(void *arg)
{
    const piece *self = arg;

    return self->of->tasks->sleep_ms(self->of->host, self->ms);
}

static csgi_status group(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    const state *self = instance;
    piece *each = self->host->alloc(scope->arena, sizeof *each, 0);
    csgi_group *made;
    csgi_status status = each ? self->tasks->group_open(scope, &made) : CSGI_ENOMEM;

    (void)receive;
    if (status != CSGI_OK) return status;
    *each = (piece){ self, plug_number(scope, "ms", 0) };
    for (int i = 0; i < 3; i++)
        self->tasks->group_spawn(made, member, each);
    return finish(self->tasks->group_wait(made), send);
}

static void on_deferred(void *arg)
{
    const piece *self = arg;

    member(arg);
    say(self->of, "deferred");
}

static csgi_status deferred(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    const state *self = instance;
    piece *later = self->host->alloc(scope->arena, sizeof *later, 0);
    csgi_status status = later ? self->host->defer(scope, on_deferred, later) : CSGI_ENOMEM;

    (void)receive;
    if (later) *later = (piece){ self, plug_number(scope, "ms", 0) };
    return finish(status, send);
}

static csgi_status work(const csgi_scope *scope, void *arg)
{
    piece *self = arg;
    const state *of = self->of;
    csgi_status status = member(self);

    (void)scope;
    free(self);
    say(of, status == CSGI_OK ? "job" : "cancelled job");
    return status;
}

static csgi_status job(void *instance, const csgi_scope *scope, csgi_receive *receive,
                       csgi_send *send)
{
    const state *self = instance;
    piece *later = malloc(sizeof *later);
    csgi_status status;

    (void)receive;
    if (!later) return CSGI_ENOMEM;
    *later = (piece){ self, plug_number(scope, "ms", 0) };
    status = self->tasks->start_job(self->host, plug_str("work"),
                                    (uint32_t)plug_number(scope, "periodic", 0), work, later);
    if (status != CSGI_OK) free(later);
    return finish(status, send);
}

/* ---- a stream that says goodbye, if it is asked to ---- */

typedef struct watcher {
    uint32_t why;
} watcher;

static void on_draining(void *arg, uint32_t why)
{
    watcher *self = arg;

    self->why = why;
}

static csgi_status stream(void *instance, const csgi_scope *scope, csgi_receive *receive,
                          csgi_send *send)
{
    const state *self = instance;
    watcher *seen = self->host->alloc(scope->arena, sizeof *seen, 0);
    uint64_t left = plug_number(scope, "chunks", 100);
    csgi_status status = seen ? CSGI_OK : CSGI_ENOMEM;
    char text[64];

    (void)receive;
    if (status == CSGI_OK) {
        seen->why = 0;
        if (plug_number(scope, "watch", 0))
            status = self->notice->on_draining(scope, on_draining, seen, NULL);
    }
    if (status == CSGI_OK) status = plug_start(send, 200);
    while (status == CSGI_OK && left-- > 0 && !seen->why) {
        snprintf(text, sizeof text, "%d\n", answer_is);
        status = plug_body(send, plug_str(text), CSGI_MORE);
        if (status == CSGI_OK) status = self->tasks->sleep_ms(self->host, 10);
    }
    if (status != CSGI_OK) return status;
    snprintf(text, sizeof text, "goodbye of %d, why %u\n", answer_is, seen->why);
    return plug_body(send, plug_str(text), 0);
}

/* ---- the app ---- */

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    state *self = calloc(1, sizeof *self);

    (void)config_json;
    if (!self) return CSGI_ENOMEM;
    self->host = host;
    self->tasks = host->extension(host, CSGI_TASK_EXTENSION);
    self->wait = host->extension(host, CSGI_WAIT_EXTENSION);
    self->client = host->extension(host, CSGI_CLIENT_EXTENSION);
    self->notice = host->extension(host, CSGI_NOTICE_EXTENSION);
    *instance = self;
    return CSGI_OK;
}

static void destroy(void *instance)
{
    const state *self = instance;

    say(self, "end");
    free(instance);
}

#define GET(name, flags)                                                                    \
    {                                                                                       \
        CSGI_STR(#name), CSGI_STR("/" #name), CSGI_STR("GET"), CSGI_HTTP, flags, name, NULL \
    }

static const csgi_endpoint endpoints[] = {
    GET(whole, 0),   GET(timers, 0),   GET(fetch, 0),
    GET(offload, 0), GET(group, 0),    GET(blocking, CSGI_BLOCKING),
    GET(job, 0),     GET(deferred, 0), GET(stream, 0),
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("ongoing"),
    .version = CSGI_STR(TEXT(VERSION)),
    .endpoints = endpoints,
    .endpoint_count = sizeof endpoints / sizeof endpoints[0],
    .create = create,
    .destroy = destroy,
};

CSGI_PLUGIN(plugin);
