/* SPDX-License-Identifier: MIT
 * Blocking endpoints as the author of a plugin would write them, who knows nothing of loops: sleep,
 * read the body, stream, ask others, crash. */
#define _POSIX_C_SOURCE 200809L /* nanosleep, with gcc -std=c11 too */
#include <csgi/ext/draft/client.h>
#include <csgi/ext/draft/task.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "plug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int running, most, begun;

/* As a library does that knows no other way. */
static void pause_for(const csgi_scope *scope)
{
    uint64_t ms = plug_number(scope, "ms", 0);
    struct timespec left = { .tv_sec = (time_t)(ms / 1000),
                             .tv_nsec = (long)(ms % 1000) * 1000000 };

    nanosleep(&left, NULL);
}

static csgi_status plain(void *self, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    (void)self;
    (void)scope;
    (void)receive;
    return plug_reply(send, 200, plug_str("plain"));
}

static csgi_status counts(void *self, const csgi_scope *scope, csgi_receive *receive,
                          csgi_send *send)
{
    char text[64];

    (void)self;
    (void)scope;
    (void)receive;
    pthread_mutex_lock(&lock);
    snprintf(text, sizeof text, "%d %d %d", running, most, begun);
    pthread_mutex_unlock(&lock);
    return plug_reply(send, 200, plug_str(text));
}

static void enter(int step)
{
    pthread_mutex_lock(&lock);
    running += step;
    if (step > 0) begun++;
    if (running > most) most = running;
    pthread_mutex_unlock(&lock);
}

static csgi_status nap(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    (void)self;
    (void)receive;
    enter(1);
    pause_for(scope);
    enter(-1);
    return plug_reply(send, 200, plug_str("slept"));
}

/* Sends back what it receives, piece by piece. */
static csgi_status echo(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    csgi_status status = plug_start(send, 200);
    const csgi_event *event;

    (void)self;
    (void)scope;
    while (status == CSGI_OK) {
        const csgi_http_body *piece;

        if ((status = receive->call(receive, &event)) != CSGI_OK) break;
        if (event->type == CSGI_HTTP_DISCONNECT) return CSGI_EDISCONNECTED;
        piece = (const csgi_http_body *)event;
        status = plug_body(send, piece->body, CSGI_MORE);
        if (!(piece->flags & CSGI_MORE)) break;
    }
    return status == CSGI_OK ? plug_body(send, plug_str(""), 0) : status;
}

/* Sends so many pieces of 64 KiB, and notes how far it came. */
static csgi_status stream(void *self, const csgi_scope *scope, csgi_receive *receive,
                          csgi_send *send)
{
    static const char piece[65536];
    csgi_status status = plug_start(send, 200);

    (void)self;
    (void)receive;
    enter(1);
    for (uint64_t i = plug_number(scope, "pieces", 0); i && status == CSGI_OK; i--)
        status = plug_body(send, (csgi_str){ piece, sizeof piece }, CSGI_MORE);
    enter(-1);
    return status == CSGI_OK ? plug_body(send, plug_str(""), 0) : status;
}

/* Waits until the client has gone, then until it is cancelled. */
static csgi_status until_gone(void *self, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    const csgi_host *host = self;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);
    const csgi_event *event;
    csgi_status status;
    char text[64];

    (void)scope;
    enter(1);
    do {
        if ((status = receive->call(receive, &event)) != CSGI_OK) break;
    } while (event->type != CSGI_HTTP_DISCONNECT);
    host->log(host, CSGI_LOG_WARNING, plug_str("it has gone"));
    snprintf(text, sizeof text, "send says %d", plug_start(send, 200));
    host->log(host, CSGI_LOG_WARNING, plug_str(text));
    status = tasks->sleep_ms(host, 60000);
    snprintf(text, sizeof text, "sleep says %d, then %d", status, tasks->sleep_ms(host, 60000));
    host->log(host, CSGI_LOG_WARNING, plug_str(text));
    enter(-1);
    return status;
}

/* Sleeps through everything, then asks the host. */
static csgi_status deaf(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    const csgi_host *host = self;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);
    csgi_status first, second;
    char text[64];

    (void)receive;
    enter(1);
    pause_for(scope);
    first = tasks->sleep_ms(host, 1);
    second = tasks->sleep_ms(host, 1);
    snprintf(text, sizeof text, "deaf: %d %d", first, second);
    host->log(host, CSGI_LOG_WARNING, plug_str(text));
    enter(-1);
    return plug_reply(send, 200, plug_str(text));
}

/* Asks the URL after "url=" of the query. */
static csgi_status ask(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    const csgi_host *host = self;
    const csgi_client_extension *client = host->extension(host, CSGI_CLIENT_EXTENSION);
    csgi_client_request request = { .size = sizeof request };
    const csgi_client_response *response;
    char text[128];
    csgi_status status;

    (void)receive;
    request.url = plug_str(scope->query_string.ptr + 4);
    status = client->fetch(host, scope->arena, &request, &response);
    if (status != CSGI_OK) return status;
    snprintf(text, sizeof text, "%u %.100s", response->status, response->body.ptr);
    return plug_reply(send, 200, plug_str(text));
}

static volatile unsigned depth_limit = 1000000000;

static unsigned recurse(unsigned depth)
{
    volatile char frame[256];

    frame[0] = (char)depth;
    if (depth < depth_limit) return recurse(depth + 1) + (unsigned)frame[0];
    return 0;
}

static csgi_status overflow(void *self, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    (void)self;
    (void)scope;
    (void)receive;
    (void)send;
    return (csgi_status)recurse(0);
}

static csgi_status crash(void *self, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    (void)self;
    (void)scope;
    (void)receive;
    (void)send;
    abort();
}

/* A blocking middleware that sends by itself, around all of these. */
typedef struct counting_send {
    csgi_send send;
    csgi_send *outer;
} counting_send;

static csgi_status on_send(csgi_send *send, const csgi_event *event)
{
    counting_send *self = (counting_send *)send;

    return self->outer->call(self->outer, event);
}

static csgi_status wrap(void *self, csgi_app *inner, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    counting_send own = { { on_send }, send };

    (void)self;
    return inner->call(inner, scope, receive, &own.send);
}

#define ON(name, flags)                                                                  \
    {                                                                                    \
        CSGI_STR(#name), CSGI_STR("/" #name), CSGI_STR(""), CSGI_HTTP, flags, name, NULL \
    }

static const csgi_endpoint endpoints[] = {
    ON(plain, 0),
    ON(counts, 0),
    ON(nap, CSGI_BLOCKING),
    ON(echo, CSGI_BLOCKING),
    ON(stream, CSGI_BLOCKING),
    ON(until_gone, CSGI_BLOCKING),
    ON(deaf, CSGI_BLOCKING),
    ON(ask, CSGI_BLOCKING),
    ON(overflow, CSGI_BLOCKING),
    ON(crash, CSGI_BLOCKING),
    { CSGI_STR("wrapped"), CSGI_STR("/wrapped/echo"), CSGI_STR(""), CSGI_HTTP, CSGI_BLOCKING, echo,
      NULL },
    { CSGI_STR("wrap"), CSGI_STR("/wrapped"), CSGI_STR(""), CSGI_HTTP, CSGI_BLOCKING, NULL, wrap },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("threads"),
    .version = CSGI_STR("1.0.0"),
    .summary = CSGI_STR("Endpoints that block"),
    .endpoints = endpoints,
    .endpoint_count = sizeof endpoints / sizeof endpoints[0],
};

CSGI_PLUGIN(plugin);
