/* SPDX-License-Identifier: MIT
 * What the tests of app/ share: plugins in memory, requests through a wire in memory, and the log
 * as text. */
#ifndef CAPRICORN_TESTS_UNIT_APP_FIXTURE_H
#define CAPRICORN_TESTS_UNIT_APP_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csgi/ext/draft/task.h>

#include "app/app.h"
#include "base/str.h"
#include "exchange/memory_wire.h"
#include "log/log.h"
#include "loop/timer.h"

#define FIXTURE_MAX_PLUGINS 8

/* A function that is an endpoint. */
#define ENDPOINT(name)                                                                  \
    static csgi_status name(void *self, const csgi_scope *scope, csgi_receive *receive, \
                            csgi_send *send)
#define UNUSED_ARGUMENTS (void)self, (void)scope, (void)receive, (void)send

typedef struct fixture {
    loop *loop;
    app_set *set;
    edition *next; /* that is being made, or NULL */
    app_options options;
    plugin plugins[FIXTURE_MAX_PLUGINS];
    size_t plugin_count;
    int log_fd, real_stderr;
    char log[65536];
} fixture;

/* One request's end. */
typedef struct answer {
    memory_call *call;
    int times; /* on_done was called */
    csgi_status result;
    uint32_t status;
    char body[4096];
    char headers[1024]; /* "name: value\n" each */
} answer;

/* The only fixture, for endpoints. */
static fixture *the_fixture;

/* A test that failed has left standard error redirected: shows what it said there. */
static int failed_log_fd = -1, failed_real_stderr;

static inline void show_failed(void)
{
    char text[4096];
    ssize_t len;
    off_t at = 0;

    if (failed_log_fd < 0) return;
    dup2(failed_real_stderr, STDERR_FILENO);
    while ((len = pread(failed_log_fd, text, sizeof text, at)) > 0) {
        fwrite(text, 1, (size_t)len, stderr);
        at += len;
    }
    failed_log_fd = -1;
}

static inline void fixture_open_with(fixture *self, const app_options *options,
                                     const loop_options *of_loop)
{
    if (!the_fixture) atexit(show_failed);
    show_failed();
    memset(self, 0, sizeof *self);
    the_fixture = self;
    if (options) self->options = *options;
    self->log_fd = memfd_create("log", 0);
    self->real_stderr = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(self->log_fd, STDERR_FILENO);
    failed_log_fd = self->log_fd;
    failed_real_stderr = self->real_stderr;
    log_init(LOG_DEBUG, LOG_PLAIN);
    assert_int_equal(loop_new(of_loop, &self->loop), CSGI_OK);
    assert_int_equal(app_set_new(self->loop, NULL, &self->options, &self->set), CSGI_OK);
}

static inline void fixture_open(fixture *self, const app_options *options)
{
    const loop_options of_loop = { 0 };

    fixture_open_with(self, options, &of_loop);
}

/* All that was logged. */
static inline const char *fixture_log(fixture *self)
{
    ssize_t len = pread(self->log_fd, self->log, sizeof self->log - 1, 0);

    self->log[len < 0 ? 0 : len] = '\0';
    return self->log;
}

static inline void fixture_forget_log(fixture *self)
{
    assert_int_equal(ftruncate(self->log_fd, 0), 0);
    lseek(self->log_fd, 0, SEEK_SET);
}

static inline void assert_logged(fixture *self, const char *text)
{
    if (!strstr(fixture_log(self), text)) fail_msg("not logged: %s\nthe log: %s", text, self->log);
}

static inline void assert_not_logged(fixture *self, const char *text)
{
    if (strstr(fixture_log(self), text)) fail_msg("logged: %s\nthe log: %s", text, self->log);
}

static inline void fixture_close(fixture *self)
{
    edition_discard(self->next);
    app_set_free(self->set);
    loop_run(self->loop);
    exchange_pool_clear();
    loop_free(self->loop);
    fflush(stderr);
    dup2(self->real_stderr, STDERR_FILENO);
    close(self->real_stderr);
    close(self->log_fd);
    failed_log_fd = -1;
}

/* A plugin in memory; endpoints outlive the fixture. */
static inline plugin *fixture_plugin(fixture *self, const char *name,
                                     const csgi_endpoint *endpoints, size_t count)
{
    plugin *made = &self->plugins[self->plugin_count++];

    made->descriptor = (csgi_plugin){
        CSGI_PLUGIN_HEAD,       .endpoint_size = sizeof(csgi_endpoint),
        .name = str_from(name), .version = CSGI_STR("1.0.0"),
        .endpoints = endpoints, .endpoint_count = count,
    };
    made->endpoints = (csgi_endpoint *)(uintptr_t)endpoints;
    made->references = 1;
    made->generation = 1;
    return made;
}

/* The edition that is being made. */
static inline edition *fixture_next(fixture *self)
{
    if (!self->next) assert_int_equal(edition_new(self->set, &self->next), CSGI_OK);
    return self->next;
}

static inline void fixture_add(fixture *self, plugin *made)
{
    buffer problem = { 0 };

    if (edition_add(fixture_next(self), made, made->descriptor.name, STR("{}"), &problem) !=
        CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&problem)));
}

/* Has the edition serve. */
static inline void fixture_swap(fixture *self)
{
    buffer problem = { 0 };

    if (edition_serve(self->next, &problem) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&problem)));
    self->next = NULL;
}

static inline void fixture_route(fixture *self)
{
    buffer problem = { 0 };

    if (edition_route_defaults(fixture_next(self), &problem) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&problem)));
    fixture_swap(self);
}

/* Has what was added serve, along default routes, unless it does. */
static inline void fixture_serve_added(fixture *self)
{
    if (self->next) fixture_route(self);
}

/* One plugin "test" with one endpoint "it" at "/it", and the table. */
static inline plugin *fixture_serve(fixture *self, csgi_status (*call)(void *, const csgi_scope *,
                                                                       csgi_receive *, csgi_send *))
{
    static csgi_endpoint endpoint;
    plugin *made;

    endpoint = (csgi_endpoint){
        .name = CSGI_STR("it"), .path = CSGI_STR("/it"), .accepts = CSGI_HTTP, .call = call
    };
    made = fixture_plugin(self, "test", &endpoint, 1);
    fixture_add(self, made);
    fixture_route(self);
    return made;
}

static inline void on_answer(void *arg, csgi_status result, const memory_response *response)
{
    answer *self = arg;
    size_t at = 0;

    self->times++;
    self->result = result;
    self->status = response->status;
    snprintf(self->body, sizeof self->body, "%.*s", STR_ARG(response->body));
    for (size_t i = 0; i < response->headers.count && at < sizeof self->headers; i++) {
        at += (size_t)snprintf(self->headers + at, sizeof self->headers - at, "%.*s: %.*s\n",
                               STR_ARG(response->headers.items[i].name),
                               STR_ARG(response->headers.items[i].value));
    }
    memory_call_free(self->call);
    self->call = NULL;
}

/* Hands a request over; nothing has run yet. */
static inline void ask_begin(fixture *self, answer *out, const memory_request *request)
{
    exchange *asked;

    memset(out, 0, sizeof *out);
    assert_int_equal(memory_call_new(self->loop, request, on_answer, out, &out->call, &asked),
                     CSGI_OK);
    app_set_dispatch(self->set, asked);
}

static inline void on_run_over(timer *due)
{
    (void)due;
    loop_stop(the_fixture->loop);
}

/* Runs the loop for some time, though it has more to do. */
static inline void fixture_run_for(fixture *self, uint64_t ms)
{
    timer over;

    timer_init(&over, on_run_over);
    timer_start(self->loop, &over, ms);
    loop_run(self->loop);
    timer_stop(self->loop, &over);
}

/* The client goes away. */
static inline void ask_abandon(answer *self)
{
    memory_call_free(self->call);
    self->call = NULL;
}

static inline answer ask(fixture *self, const char *method, const char *target)
{
    size_t path_len = strcspn(target, "?");
    const memory_request request = {
        .method = str_from(method),
        .raw_path = { target, path_len },
        .query_string = str_from(target[path_len] ? target + path_len + 1 : ""),
    };
    static answer got;

    ask_begin(self, &got, &request);
    loop_run(self->loop);
    assert_int_equal(got.times, 1);
    assert_int_equal(app_set_running(self->set), 0);
    return got;
}

static inline answer get(fixture *self, const char *target)
{
    return ask(self, "GET", target);
}

/* ---- for endpoints ---- */

static inline csgi_status send_start(csgi_send *send, uint32_t status)
{
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), status, 0, { NULL, 0 }
    };

    return send->call(send, &start.event);
}

static inline csgi_status send_body(csgi_send *send, const char *text, bool more)
{
    csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                            str_from(text),
                            more ? CSGI_MORE : 0,
                            0,
                            { NULL, 0 } };

    return send->call(send, &body.event);
}

static inline csgi_status reply(csgi_send *send, uint32_t status, const char *text)
{
    csgi_status failed = send_start(send, status);

    return failed ? failed : send_body(send, text, false);
}

#endif
