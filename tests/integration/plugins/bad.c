/* SPDX-License-Identifier: MIT
 * Endpoints that misbehave, one fault each. The server must name them, and everybody else must not
 * notice (but for an overflow and a crash, which end the process and must still be named). */
#include <csgi/ext/draft/task.h>
#include <stdatomic.h>
#include <time.h>

#include "plug.h"

static atomic_int stop_ignoring;
static unsigned turns;

static const csgi_task_extension *tasks_of(const csgi_host *host)
{
    return host->extension(host, CSGI_TASK_EXTENSION);
}

#define ENDPOINT(name)                                                                       \
    static csgi_status name(PLUG_UNUSED void *instance, PLUG_UNUSED const csgi_scope *scope, \
                            PLUG_UNUSED csgi_receive *receive, PLUG_UNUSED csgi_send *send)

ENDPOINT(fine)
{
    return plug_reply(send, 200, plug_str("fine"));
}

ENDPOINT(error)
{
    const csgi_host *host = instance;

    return host->fail(host, CSGI_EFAIL, plug_str("the reactor is too warm"));
}

/* A number that is no error code of today. */
ENDPOINT(unknown_error)
{
    return -4711;
}

ENDPOINT(positive)
{
    return 5;
}

ENDPOINT(order)
{
    return plug_body(send, plug_str("before the start"), 0);
}

ENDPOINT(forget)
{
    return CSGI_OK;
}

ENDPOINT(half)
{
    csgi_status status = plug_start(send, 200);

    return status == CSGI_OK ? plug_body(send, plug_str("half of it"), CSGI_MORE) : status;
}

/* GET /bad/block?ms=N: holds the loop. */
ENDPOINT(block)
{
    struct timespec pause = { 0, (long)(plug_number(scope, "ms", 300) % 1000) * 1000000 };

    nanosleep(&pause, NULL);
    return plug_reply(send, 200, plug_str("blocked"));
}

/* Sleeps for an hour, again and again, whatever sleep says, until GET /bad/stop. */
ENDPOINT(ignore_sleep)
{
    const csgi_host *host = instance;

    host->log(host, CSGI_LOG_INFO, plug_str("ignoring sleep"));
    while (!atomic_load(&stop_ignoring)) {
        tasks_of(host)->sleep_ms(host, 3600000);
        turns++;
    }
    host->log(host, CSGI_LOG_INFO, plug_str("stopped ignoring"));
    return CSGI_OK;
}

/* Streams for ever, whatever send says, until GET /bad/stop. */
ENDPOINT(ignore_send)
{
    const csgi_host *host = instance;

    plug_start(send, 200);
    host->log(host, CSGI_LOG_INFO, plug_str("ignoring send"));
    while (!atomic_load(&stop_ignoring)) {
        plug_body(send, plug_str("more and more and more\n"), CSGI_MORE);
        turns++;
    }
    host->log(host, CSGI_LOG_INFO, plug_str("stopped ignoring"));
    return CSGI_OK;
}

/* Receives for ever, though the client is gone, until GET /bad/stop. */
ENDPOINT(ignore_receive)
{
    const csgi_host *host = instance;
    const csgi_event *event;

    host->log(host, CSGI_LOG_INFO, plug_str("ignoring receive"));
    while (!atomic_load(&stop_ignoring)) {
        receive->call(receive, &event);
        turns++;
    }
    host->log(host, CSGI_LOG_INFO, plug_str("stopped ignoring"));
    return CSGI_OK;
}

/* How often the ignorers went round: the server keeps that small. */
ENDPOINT(stop)
{
    char text[32];

    snprintf(text, sizeof(text), "%u", turns);
    turns = 0;
    atomic_store(&stop_ignoring, 1);
    return plug_reply(send, 200, plug_str(text));
}

ENDPOINT(again)
{
    atomic_store(&stop_ignoring, 0);
    return plug_reply(send, 200, plug_str("again"));
}

static unsigned dive(unsigned depth)
{
    volatile char frame[1024];

    frame[depth % sizeof(frame)] = (char)depth;
    return depth == 0xffffffffu ? 0 : dive(depth + 1) + (unsigned)frame[depth % sizeof(frame)];
}

ENDPOINT(overflow)
{
    return (csgi_status)dive(plug_number(scope, "from", 0) != 0);
}

ENDPOINT(crash)
{
    volatile int *nowhere = NULL;

    *nowhere = 1;
    return CSGI_OK;
}

#define GET(name, path, function)                                                     \
    {                                                                                 \
        CSGI_STR(name), CSGI_STR(path), CSGI_STR("GET"), CSGI_HTTP, 0, function, NULL \
    }

static const csgi_endpoint endpoints[] = {
    GET("fine", "/bad/fine", fine),
    GET("error", "/bad/error", error),
    GET("unknown_error", "/bad/unknown-error", unknown_error),
    GET("positive", "/bad/positive", positive),
    GET("order", "/bad/order", order),
    GET("forget", "/bad/forget", forget),
    GET("half", "/bad/half", half),
    GET("block", "/bad/block", block),
    GET("ignore_sleep", "/bad/ignore-sleep", ignore_sleep),
    GET("ignore_send", "/bad/ignore-send", ignore_send),
    GET("ignore_receive", "/bad/ignore-receive", ignore_receive),
    GET("stop", "/bad/stop", stop),
    GET("again", "/bad/again", again),
    GET("overflow", "/bad/overflow", overflow),
    GET("crash", "/bad/crash", crash),
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("bad"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("misbehaves"),
                                    endpoints,
                                    sizeof(endpoints) / sizeof(endpoints[0]),
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
