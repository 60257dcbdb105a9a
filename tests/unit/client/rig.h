/* SPDX-License-Identifier: MIT
 * For the client's tests: a loop with a client and a scripted server, and fetching as if it were a
 * plain call. */
#ifndef CAPRICORN_TEST_RIG_H
#define CAPRICORN_TEST_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "client/client.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "net/stream.h"
#include "serve.h"

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

typedef struct rig {
    loop *loop;
    client *client;
    server server;
    timer timer;
    task *victim;
} rig;

typedef struct asked {
    rig *bench;
    csgi_client_request request;
    uint64_t deadline_ms; /* on loop_now_ms */
    arena arena;
    csgi_status status;
    bool may_repeat;
    const csgi_client_response *response;
    buffer why;
    bool stops_loop;
    size_t *running;
    char url[300];
} asked;

static inline void begin(rig *self, serve_fn serve, const client_options *options)
{
    static const loop_options usual;

    memset(self, 0, sizeof *self);
    assert_int_equal(loop_new(&usual, &self->loop), CSGI_OK);
    self->client = client_new(self->loop, options);
    assert_non_null(self->client);
    if (serve) server_start(&self->server, serve);
}

static inline void finish(rig *self)
{
    if (self->client) client_close(self->client);
    loop_run(self->loop); /* until the connections have closed */
    loop_free(self->loop);
    stream_pool_clear();
    if (self->server.serve) server_stop(&self->server);
}

static inline csgi_status ask_in_task(void *arg)
{
    asked *self = arg;

    self->status = client_fetch(self->bench->client, &self->arena, &self->request,
                                self->deadline_ms, &self->may_repeat, &self->response, &self->why);
    return CSGI_OK;
}

static inline void on_asked(void *arg, csgi_status result)
{
    asked *self = arg;

    (void)result;
    if (--*self->running == 0) loop_stop(self->bench->loop);
}

static const task_label label = { CSGI_STR("test"), CSGI_STR("client") };

static inline void prepare(rig *bench, asked *out, const char *path)
{
    memset(out, 0, sizeof *out);
    out->bench = bench;
    out->deadline_ms = UINT64_MAX;
    arena_init(&out->arena, NULL, 0);
    out->request.size = sizeof out->request;
    if (path[0] == '/')
        snprintf(out->url, sizeof out->url, "http://127.0.0.1:%u%s", bench->server.port, path);
    else
        snprintf(out->url, sizeof out->url, "%s", path);
    out->request.url = str_from(out->url);
}

static inline void ask_all(asked *each, size_t count)
{
    size_t running = count;
    rig *bench = each[0].bench;

    for (size_t i = 0; i < count; i++) {
        each[i].running = &running;
        assert_int_equal(task_spawn(bench->loop, &label, 0, ask_in_task, on_asked, &each[i],
                                    &bench->victim),
                         CSGI_OK);
    }
    loop_run(bench->loop);
    assert_int_equal(running, 0);
}

static inline void done(asked *self)
{
    buffer_fini(&self->why);
    arena_reset(&self->arena);
}

static inline void assert_failed(asked *self, csgi_status status, const char *reason)
{
    assert_int_equal(buffer_append(&self->why, "", 1), CSGI_OK);
    assert_int_equal(self->status, status);
    if (!strstr(self->why.bytes, reason)) fail_msg("'%s' lacks '%s'", self->why.bytes, reason);
    done(self);
}

static inline void assert_answered(asked *self, const char *body)
{
    if (self->status) fail_msg("%d: %.*s", self->status, (int)self->why.len, self->why.bytes);
    assert_int_equal(self->response->body.len, strlen(body));
    assert_string_equal(self->response->body.ptr, body);
    assert_int_equal(self->why.len, 0);
    done(self);
}

static inline void expect_body(rig *bench, const char *path, const char *body)
{
    asked now;

    prepare(bench, &now, path);
    ask_all(&now, 1);
    assert_answered(&now, body);
}

static inline void expect_failure(rig *bench, const char *path, csgi_status status,
                                  const char *reason)
{
    asked now;

    prepare(bench, &now, path);
    ask_all(&now, 1);
    assert_failed(&now, status, reason);
}

static inline void stop_loop(timer *due)
{
    loop_stop(CONTAINER_OF(due, rig, timer)->loop);
}

/* Lets events happen until there are that many idle connections; at most 5 s. */
static inline void until_idle(rig *self, size_t idle)
{
    for (int i = 0; i < 1000 && client_get_counts(self->client).idle != idle; i++) {
        timer_init(&self->timer, stop_loop);
        timer_start(self->loop, &self->timer, 5);
        loop_run(self->loop);
    }
    assert_int_equal(client_get_counts(self->client).idle, idle);
}

static inline void cancel_victim(timer *due)
{
    task_cancel(CONTAINER_OF(due, rig, timer)->victim);
}

static inline void cancel_soon(rig *self, uint64_t delay_ms)
{
    timer_init(&self->timer, cancel_victim);
    timer_start(self->loop, &self->timer, delay_ms);
}

/* ---- what servers say ---- */

/* Servers wait for it. */
static atomic_int go_on;

static inline void say_hi(int fd, int number)
{
    (void)number;
    while (skip_request(fd))
        say(fd, OK_HI);
}

static inline void say_close(int fd, int number)
{
    (void)number;
    while (skip_request(fd))
        say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
}

static inline void say_chunked(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
        usleep(2000);
        say(fd, "lo\r\n6\r\n world\r\n0\r\n\r\n");
    }
}

static inline void wait_to_go_on(void)
{
    while (!go_on)
        usleep(1000);
}

/* Answers with the request it has read. */
static inline void echo(int fd, int number)
{
    char text[8192], head[128];

    (void)number;
    while (read_request(fd, text, sizeof text)) {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nX-Seen: yes\r\nContent-Length: %zu\r\n\r\n",
                 strncmp(text, "HEAD", 4) ? strlen(text) : (size_t)99);
        say(fd, head);
        if (strncmp(text, "HEAD", 4)) say(fd, text);
    }
}

#endif
