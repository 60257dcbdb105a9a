/* SPDX-License-Identifier: MIT
 * Bodies of any size, both ways, in constant memory. */
#include <csgi/ext/draft/task.h>

#include "plug.h"

enum { PIECE = 65536 };

static uint64_t sent, received; /* so far, by the newest call */

static csgi_status reply_number(csgi_send *send, uint64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    return plug_reply(send, 200, plug_str(text));
}

/* GET /down?bytes=N&length=1: that many bytes; with length, a Content-Length says so. */
static csgi_status down(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    const csgi_host *host = instance;
    uint64_t left = plug_number(scope, "bytes", 0);
    char number[32], *piece = host->alloc(scope->arena, PIECE, 1);
    csgi_field length = { CSGI_STR("content-length"), { number, 0 }, 0, 0 };
    csgi_http_start start = { CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START),
                              200,
                              0,
                              { &length, (size_t)plug_number(scope, "length", 0) } };
    csgi_status status;

    (void)receive;
    if (!piece) return CSGI_ENOMEM;
    for (size_t i = 0; i < PIECE; i++) {
        piece[i] = (char)('a' + i % 26);
    }
    length.value.len = (size_t)snprintf(number, sizeof(number), "%llu", (unsigned long long)left);
    sent = 0;
    status = send->call(send, &start.event);
    do {
        size_t len = left < PIECE ? (size_t)left : PIECE;
        left -= len;
        if (status == CSGI_OK)
            status = plug_body(send, (csgi_str){ piece, len }, left > 0 ? CSGI_MORE : 0);
        if (status == CSGI_OK) sent += len;
    } while (status == CSGI_OK && left > 0);
    return status;
}

/* POST /up?pause=MS: how many bytes came; with a pause between two pieces. */
static csgi_status up(void *instance, const csgi_scope *scope, csgi_receive *receive,
                      csgi_send *send)
{
    const csgi_host *host = instance;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);
    uint64_t pause = plug_number(scope, "pause", 0), total = 0;

    received = 0;
    for (;;) {
        const csgi_event *event = NULL;
        const csgi_http_body *body;
        csgi_status status = receive->call(receive, &event);

        if (status != CSGI_OK) return status;
        if (event->type != CSGI_HTTP_REQUEST) return CSGI_EDISCONNECTED;
        body = (const csgi_http_body *)(const void *)event;
        total += body->body.len;
        received = total;
        if (!(body->flags & CSGI_MORE)) break;
        if (pause) tasks->sleep_ms(host, pause);
    }
    return reply_number(send, total);
}

/* POST /echo: each piece goes back as it comes. */
static csgi_status echo(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    csgi_status status = plug_start(send, 200);
    int more = 1;

    (void)instance, (void)scope;
    while (status == CSGI_OK && more) {
        const csgi_event *event = NULL;
        const csgi_http_body *body;

        status = receive->call(receive, &event);
        if (status != CSGI_OK) return status;
        if (event->type != CSGI_HTTP_REQUEST) return CSGI_EDISCONNECTED;
        body = (const csgi_http_body *)(const void *)event;
        more = (body->flags & CSGI_MORE) != 0;
        status = plug_body(send, body->body, more ? CSGI_MORE : 0);
    }
    return status;
}

/* GET /sent and /received: how far the newest call has come. */
static csgi_status show_sent(void *instance, const csgi_scope *scope, csgi_receive *receive,
                             csgi_send *send)
{
    (void)instance, (void)scope, (void)receive;
    return reply_number(send, sent);
}

static csgi_status show_received(void *instance, const csgi_scope *scope, csgi_receive *receive,
                                 csgi_send *send)
{
    (void)instance, (void)scope, (void)receive;
    return reply_number(send, received);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("down"), CSGI_STR("/down"), CSGI_STR("GET"), CSGI_HTTP, 0, down, NULL },
    { CSGI_STR("up"), CSGI_STR("/up"), CSGI_STR("POST,PUT"), CSGI_HTTP, 0, up, NULL },
    { CSGI_STR("echo"), CSGI_STR("/echo"), CSGI_STR("POST"), CSGI_HTTP, 0, echo, NULL },
    { CSGI_STR("sent"), CSGI_STR("/sent"), CSGI_STR("GET"), CSGI_HTTP, 0, show_sent, NULL },
    { CSGI_STR("received"), CSGI_STR("/received"), CSGI_STR("GET"), CSGI_HTTP, 0, show_received,
      NULL },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("streams"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("bodies of any size"),
                                    endpoints,
                                    5,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
