/* SPDX-License-Identifier: MIT
 * Fetching from a scripted server. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>

#include "base/str.h"
#include "client/client.h"
#include "failing_malloc.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "net/stream.h"
#include "serve.h"

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* ---- running fetches from a test ---- */

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
    arena arena;
    csgi_status status;
    const csgi_client_response *response;
    buffer why;
    bool stops_loop;
    size_t *running;
    char url[300];
} asked;

static void begin(rig *self, serve_fn serve, const client_options *options)
{
    static const loop_options usual;

    memset(self, 0, sizeof *self);
    assert_int_equal(loop_new(&usual, &self->loop), CSGI_OK);
    self->client = client_new(self->loop, options);
    assert_non_null(self->client);
    if (serve) server_start(&self->server, serve);
}

static void finish(rig *self)
{
    if (self->client) client_close(self->client);
    loop_run(self->loop); /* until the connections have closed */
    loop_free(self->loop);
    stream_pool_clear();
    if (self->server.serve) server_stop(&self->server);
}

static csgi_status ask_in_task(void *arg)
{
    asked *self = arg;

    self->status = client_fetch(self->bench->client, &self->arena, &self->request, &self->response,
                                &self->why);
    return CSGI_OK;
}

static void on_asked(void *arg, csgi_status result)
{
    asked *self = arg;

    (void)result;
    if (--*self->running == 0) loop_stop(self->bench->loop);
}

static const task_label label = { CSGI_STR("test"), CSGI_STR("client") };

static void prepare(rig *bench, asked *out, const char *path)
{
    memset(out, 0, sizeof *out);
    out->bench = bench;
    arena_init(&out->arena, NULL, 0);
    out->request.size = sizeof out->request;
    if (path[0] == '/')
        snprintf(out->url, sizeof out->url, "http://127.0.0.1:%u%s", bench->server.port, path);
    else
        snprintf(out->url, sizeof out->url, "%s", path);
    out->request.url = str_from(out->url);
}

static void ask_all(asked *each, size_t count)
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

static void done(asked *self)
{
    buffer_fini(&self->why);
    arena_reset(&self->arena);
}

static void assert_failed(asked *self, csgi_status status, const char *reason)
{
    assert_int_equal(buffer_append(&self->why, "", 1), CSGI_OK);
    assert_int_equal(self->status, status);
    if (!strstr(self->why.bytes, reason)) fail_msg("'%s' lacks '%s'", self->why.bytes, reason);
    done(self);
}

static void assert_answered(asked *self, const char *body)
{
    if (self->status) fail_msg("%d: %.*s", self->status, (int)self->why.len, self->why.bytes);
    assert_int_equal(self->response->body.len, strlen(body));
    assert_string_equal(self->response->body.ptr, body);
    assert_int_equal(self->why.len, 0);
    done(self);
}

static void expect_body(rig *bench, const char *path, const char *body)
{
    asked now;

    prepare(bench, &now, path);
    ask_all(&now, 1);
    assert_answered(&now, body);
}

static void expect_failure(rig *bench, const char *path, csgi_status status, const char *reason)
{
    asked now;

    prepare(bench, &now, path);
    ask_all(&now, 1);
    assert_failed(&now, status, reason);
}

static void stop_loop(timer *due)
{
    loop_stop(CONTAINER_OF(due, rig, timer)->loop);
}

/* Lets events happen until there are that many idle connections; at most 5 s. */
static void until_idle(rig *self, size_t idle)
{
    for (int i = 0; i < 1000 && client_get_counts(self->client).idle != idle; i++) {
        timer_init(&self->timer, stop_loop);
        timer_start(self->loop, &self->timer, 5);
        loop_run(self->loop);
    }
    assert_int_equal(client_get_counts(self->client).idle, idle);
}

static void cancel_victim(timer *due)
{
    task_cancel(CONTAINER_OF(due, rig, timer)->victim);
}

static void cancel_soon(rig *self, uint64_t delay_ms)
{
    timer_init(&self->timer, cancel_victim);
    timer_start(self->loop, &self->timer, delay_ms);
}

/* ---- what servers say ---- */

static void say_hi(int fd, int number)
{
    (void)number;
    while (skip_request(fd))
        say(fd, OK_HI);
}

/* Answers with the request it has read. */
static void echo(int fd, int number)
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

static void the_request_arrives_and_the_answer_comes_back(void **state)
{
    rig bench;
    asked now;
    char want[500];

    (void)state;
    begin(&bench, echo, NULL);
    prepare(&bench, &now, "/a?b=c");
    ask_all(&now, 1);
    assert_int_equal(now.status, CSGI_OK);
    assert_int_equal(now.response->status, 200);
    assert_int_equal(now.response->headers.count, 2);
    assert_string_equal(now.response->headers.items[0].name.ptr, "x-seen");
    snprintf(want, sizeof want,
             "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: capricorn/%s\r\n"
             "Accept: */*\r\n\r\n",
             bench.server.port, CAPRICORN_VERSION);
    assert_answered(&now, want);
    finish(&bench);
}

static void a_body_is_sent_with_its_length(void **state)
{
    rig bench;
    asked now;
    const csgi_field field = { .name = CSGI_STR("X-A"), .value = CSGI_STR("1") };

    (void)state;
    begin(&bench, echo, NULL);
    prepare(&bench, &now, "/");
    now.request.method = STR("POST");
    now.request.headers = (csgi_fields){ &field, 1 };
    now.request.body = STR("{\"x\":1}");
    ask_all(&now, 1);
    assert_int_equal(now.status, CSGI_OK);
    assert_non_null(strstr(now.response->body.ptr, "Content-Length: 7\r\nX-A: 1\r\n\r\n{\"x\":1}"));
    done(&now);
    finish(&bench);
}

#define LARGE ((size_t)4 << 20)

/* Reads a large body, sends it back. */
static void serve_large(int fd, int number)
{
    char *text = malloc(LARGE + 1000);

    (void)number;
    if (!text) abort();
    while (read_request(fd, text, LARGE + 1000)) {
        char head[100];

        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", LARGE);
        say(fd, head);
        say_bytes(fd, strstr(text, "\r\n\r\n") + 4, LARGE);
    }
    free(text);
}

static void a_large_body_goes_there_and_back_and_the_connection_is_kept(void **state)
{
    rig bench;
    char *body = malloc(LARGE);

    (void)state;
    assert_non_null(body);
    for (size_t i = 0; i < LARGE; i++)
        body[i] = (char)('a' + i % 23);
    begin(&bench, serve_large, NULL);
    for (int i = 0; i < 2; i++) {
        asked now;

        prepare(&bench, &now, "/");
        now.request.method = STR("PUT");
        now.request.body = (csgi_str){ body, LARGE };
        ask_all(&now, 1);
        assert_int_equal(now.status, CSGI_OK);
        assert_int_equal(now.response->body.len, LARGE);
        assert_memory_equal(now.response->body.ptr, body, LARGE);
        done(&now);
    }
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
    free(body);
}

static void a_connection_is_used_again(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    for (int i = 0; i < 3; i++) {
        expect_body(&bench, "/", "hi");
        assert_int_equal(client_get_counts(bench.client).idle, 1);
        assert_int_equal(client_get_counts(bench.client).requests, 0);
    }
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void a_head_request_has_no_body_and_keeps_the_connection(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, echo, NULL);
    prepare(&bench, &now, "/");
    now.request.method = STR("HEAD");
    ask_all(&now, 1);
    assert_answered(&now, "");
    assert_int_equal(client_get_counts(bench.client).idle, 1);
    prepare(&bench, &now, "/");
    ask_all(&now, 1);
    assert_int_equal(now.status, CSGI_OK);
    assert_true(str_starts_with(now.response->body, STR("GET / ")));
    done(&now);
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void say_close(int fd, int number)
{
    (void)number;
    while (skip_request(fd))
        say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
}

static void connection_close_is_respected(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_close, NULL);
    expect_body(&bench, "/", "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    expect_body(&bench, "/", "hi");
    assert_int_equal(bench.server.accepted, 2);
    finish(&bench);
}

static void say_too_much(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, OK_HI "HTTP/1.1 200 OK\r\n");
    skip_request(fd);
}

static void a_connection_with_bytes_left_is_not_used_again(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_too_much, NULL);
    expect_body(&bench, "/", "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    finish(&bench);
}

static atomic_int go_on;

static void wait_to_go_on(void)
{
    while (!go_on)
        usleep(1000);
}

static void say_more_later(int fd, int number)
{
    if (skip_request(fd)) say(fd, OK_HI);
    wait_to_go_on();
    if (number == 0) say(fd, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    skip_request(fd);
}

static void close_later(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, OK_HI);
    wait_to_go_on();
}

static void what_an_idle_connection_says_or_its_end_closes_it(void **state)
{
    static const serve_fn serves[] = { say_more_later, close_later };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(serves); i++) {
        rig bench;

        go_on = 0;
        begin(&bench, serves[i], NULL);
        expect_body(&bench, "/", "hi");
        assert_int_equal(client_get_counts(bench.client).idle, 1);
        go_on = 1;
        until_idle(&bench, 0);
        assert_int_equal(client_get_counts(bench.client).connections, 0);
        expect_body(&bench, "/", "hi");
        assert_int_equal(bench.server.accepted, 2);
        finish(&bench);
    }
}

/* The first connection takes two requests and answers one; later ones answer all. */
static void die_at_the_second(int fd, int number)
{
    if (number > 0) {
        say_hi(fd, number);
        return;
    }
    if (skip_request(fd)) say(fd, OK_HI);
    skip_request(fd);
    if (go_on) reset_on_close(fd);
}

static void a_stale_connection_is_replaced_once(void **state)
{
    (void)state;
    for (int with_reset = 0; with_reset < 2; with_reset++) {
        rig bench;

        go_on = with_reset;
        begin(&bench, die_at_the_second, NULL);
        expect_body(&bench, "/", "hi");
        expect_body(&bench, "/", "hi");
        assert_int_equal(bench.server.accepted, 2);
        finish(&bench);
    }
}

static void a_post_that_may_have_been_acted_on_is_not_sent_again(void **state)
{
    rig bench;
    asked now;

    (void)state;
    go_on = 0;
    begin(&bench, die_at_the_second, NULL);
    expect_body(&bench, "/", "hi");
    prepare(&bench, &now, "/");
    now.request.method = STR("POST");
    ask_all(&now, 1);
    assert_failed(&now, CSGI_EPROTO, ": the connection was closed without an answer");
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void die_at_once(int fd, int number)
{
    (void)number;
    skip_request(fd);
}

static void a_fresh_connection_that_dies_is_not_tried_again(void **state)
{
    rig bench;
    char want[100];

    (void)state;
    begin(&bench, die_at_once, NULL);
    snprintf(want, sizeof want, "http://127.0.0.1:%u: the connection was closed without an answer",
             bench.server.port);
    expect_failure(&bench, "/", CSGI_EPROTO, want);
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void say_chunked(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
        usleep(2000);
        say(fd, "lo\r\n6\r\n world\r\n0\r\n\r\n");
    }
}

static void a_chunked_answer_is_put_together(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_chunked, NULL);
    expect_body(&bench, "/", "hello world");
    expect_body(&bench, "/", "hello world");
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void say_until_the_end(int fd, int number)
{
    if (!skip_request(fd)) return;
    say(fd, "HTTP/1.1 200 OK\r\n\r\nhello");
    if (number == 0) return;
    usleep(20000); /* or the reset takes what was sent along */
    reset_on_close(fd);
}

static void an_answer_may_end_with_its_connection_but_not_with_a_reset(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_until_the_end, NULL);
    expect_body(&bench, "/", "hello");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    expect_failure(&bench, "/", CSGI_EPROTO, "ended early, after 5 bytes");
    finish(&bench);
}

static void say_ten_of_twenty(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789");
}

static void an_answer_cut_short_says_where(void **state)
{
    rig bench;
    char want[100];

    (void)state;
    begin(&bench, say_ten_of_twenty, NULL);
    snprintf(want, sizeof want, "http://127.0.0.1:%u: the response ended after 10 of 20 bytes",
             bench.server.port);
    expect_failure(&bench, "/", CSGI_EPROTO, want);
    finish(&bench);
}

static void say_garbage(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, "SSH-2.0-OpenSSH_9.2\r\n");
    skip_request(fd);
}

static void garbage_is_refused(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_garbage, NULL);
    expect_failure(&bench, "/", CSGI_EPROTO, "the answer is not HTTP/1.1");
    finish(&bench);
}

static void an_answer_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    for (uint64_t max = 1; max <= 2; max++) {
        asked now;

        prepare(&bench, &now, "/");
        now.request.max_response_size = max;
        ask_all(&now, 1);
        if (max == 2)
            assert_answered(&now, "hi");
        else
            assert_failed(&now, CSGI_ELIMIT, "the response is larger than 1 bytes");
    }
    finish(&bench);
}

/* ---- reaching a server ---- */

static void a_refused_connection_says_so(void **state)
{
    rig bench;
    char want[100];
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, but not listening */

    (void)state;
    begin(&bench, NULL, NULL);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    bench.server.port = ntohs(at.sin_port);
    snprintf(want, sizeof want, "http://127.0.0.1:%u: connection refused", bench.server.port);
    expect_failure(&bench, "/", CSGI_EUNREACH, want);
    assert_int_equal(client_get_counts(bench.client).connections, 0);
    close(fd);
    finish(&bench);
}

static void a_name_is_resolved(void **state)
{
    rig bench;
    char to[100];

    (void)state;
    begin(&bench, say_close, NULL);
    /* Short for 127.0.0.1: it goes the way of names, but needs no name server. */
    snprintf(to, sizeof to, "http://127.1:%u/", bench.server.port);
    for (int i = 0; i < 2; i++) /* the second time from memory */
        expect_body(&bench, to, "hi");
    assert_int_equal(bench.server.accepted, 2);
    finish(&bench);
}

static void a_names_addresses_are_tried_in_order(void **state)
{
    rig bench;
    struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    socklen_t len = sizeof at;
    char to[100];
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    begin(&bench, say_hi, NULL);
    snprintf(to, sizeof to, "http://localhost:%u/", bench.server.port);
    expect_body(&bench, to, "hi");
    finish(&bench);

    /* Nobody listens at 127.0.0.1 with that port, but somebody does at ::1. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len)) skip(); /* a machine without IPv6 */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    begin(&bench, NULL, NULL);
    serve_listen(&bench.server, AF_INET6, &at, sizeof at, say_hi);
    snprintf(to, sizeof to, "http://localhost:%u/", ntohs(at.sin6_port));
    expect_body(&bench, to, "hi");
    finish(&bench);
}

static void a_name_that_does_not_resolve_says_so(void **state)
{
    rig bench;
    char to[200] = "http://";

    (void)state;
    begin(&bench, NULL, NULL);
    memset(to + 7, 'a', 64); /* a label has 63 bytes: no name server is asked */
    expect_failure(&bench, to, CSGI_EUNREACH, "did not resolve: ");
    finish(&bench);
}

static void a_unix_socket_is_reached(void **state)
{
    rig bench;
    char folder[] = "/tmp/capricorn-client-XXXXXX", path[64], to[200];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    begin(&bench, NULL, NULL);
    server_start_unix(&bench.server, path, echo);
    snprintf(to, sizeof to, "http+unix://%%2Ftmp%%2F%s%%2Fs/x", folder + 5);
    for (int i = 0; i < 2; i++) {
        asked now;

        prepare(&bench, &now, to);
        ask_all(&now, 1);
        assert_int_equal(now.status, CSGI_OK);
        assert_non_null(strstr(now.response->body.ptr, "GET /x HTTP/1.1\r\nHost: localhost\r\n"));
        done(&now);
    }
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
    begin(&bench, NULL, NULL);
    expect_failure(&bench, to, CSGI_EUNREACH, "no such file or directory");
    finish(&bench);
    rmdir(folder);
}

static void requests_that_may_not_be_sent_are_refused(void **state)
{
    rig bench;
    asked now;
    const csgi_field host = { .name = CSGI_STR("Host"), .value = CSGI_STR("x") };

    (void)state;
    begin(&bench, NULL, NULL);
    expect_failure(&bench, "ftp://x/", CSGI_EINVAL,
                   "cannot fetch 'ftp://x/': it begins with neither");
    prepare(&bench, &now, "http://127.0.0.1/");
    now.request.headers = (csgi_fields){ &host, 1 };
    ask_all(&now, 1);
    assert_failed(&now, CSGI_EINVAL, "Host is set by the client itself");
    finish(&bench);
}

static void a_head_that_is_too_large_is_refused_and_the_connection_kept(void **state)
{
    rig bench;
    asked now;
    static char value[LOOP_SCRATCH_SIZE];
    const csgi_field field = { .name = CSGI_STR("x"), .value = { value, sizeof value } };

    (void)state;
    memset(value, 'v', sizeof value);
    begin(&bench, say_hi, NULL);
    prepare(&bench, &now, "/");
    now.request.headers = (csgi_fields){ &field, 1 };
    ask_all(&now, 1);
    assert_failed(&now, CSGI_EINVAL, "head is larger than 64 KiB");
    assert_int_equal(client_get_counts(bench.client).idle, 1);
    expect_body(&bench, "/", "hi");
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

/* ---- time ---- */

static void say_nothing(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
    }
}

static void silence_has_a_limit(void **state)
{
    rig bench;
    asked now;
    char want[100];

    (void)state;
    begin(&bench, say_nothing, NULL);
    prepare(&bench, &now, "/");
    now.request.read_timeout_ms = 30;
    ask_all(&now, 1);
    snprintf(want, sizeof want, "http://127.0.0.1:%u: no answer within 30 ms", bench.server.port);
    assert_failed(&now, CSGI_ETIMEDOUT, want);
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    finish(&bench);
}

static void say_half(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
    skip_request(fd);
}

static void a_response_that_stops_has_a_limit(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, say_half, NULL);
    prepare(&bench, &now, "/");
    now.request.read_timeout_ms = 30;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "the response went no further within 30 ms");
    finish(&bench);
}

static void drip(int fd, int number)
{
    (void)number;
    if (!skip_request(fd)) return;
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 200; i++) {
        if (send(fd, "x", 1, MSG_NOSIGNAL) != 1) return;
        usleep(5000);
    }
}

static void all_together_has_a_limit(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, drip, NULL);
    prepare(&bench, &now, "/");
    now.request.read_timeout_ms = 900;
    now.request.total_timeout_ms = 60;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "not done within 60 ms (total timeout)");
    finish(&bench);
}

/* A listener whose queue is full: a further connection gets no answer. */
static int listen_full(uint32_t *port, int fillers[3])
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    for (int i = 0; i < 3; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&at, sizeof at);
    }
    usleep(2000);
    *port = ntohs(at.sin_port);
    return fd;
}

static void connecting_has_a_limit_and_can_be_cancelled(void **state)
{
    rig bench;
    asked now;
    int fillers[3], fd;

    (void)state;
    begin(&bench, NULL, NULL);
    fd = listen_full(&bench.server.port, fillers);
    prepare(&bench, &now, "/");
    now.request.connect_timeout_ms = 30;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "no connection within 30 ms");

    prepare(&bench, &now, "/");
    cancel_soon(&bench, 20);
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ECANCELED, "given up: the task is cancelled");
    assert_int_equal(client_get_counts(bench.client).connections, 0);
    finish(&bench);
    close(fd);
    for (int i = 0; i < 3; i++)
        close(fillers[i]);
}

static void a_cancelled_task_gives_its_connection_up(void **state)
{
    rig bench;
    asked now;

    (void)state;
    begin(&bench, say_nothing, NULL);
    prepare(&bench, &now, "/");
    cancel_soon(&bench, 20);
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ECANCELED, "given up: the task is cancelled");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    finish(&bench);
}

static void a_task_that_is_cancelled_already_sends_nothing(void **state)
{
    rig bench;
    asked now;
    size_t running = 1;

    (void)state;
    begin(&bench, say_hi, NULL);
    prepare(&bench, &now, "/");
    now.running = &running;
    assert_int_equal(task_spawn(bench.loop, &label, 0, ask_in_task, on_asked, &now, &bench.victim),
                     CSGI_OK);
    task_cancel(bench.victim);
    loop_run(bench.loop);
    assert_failed(&now, CSGI_ECANCELED, "the task is cancelled");
    finish(&bench);
    assert_int_equal(bench.server.accepted, 0);
}

static void an_idle_connection_is_closed_after_its_time(void **state)
{
    rig bench;
    const client_options options = { .idle_ms = 20 };

    (void)state;
    begin(&bench, say_hi, &options);
    expect_body(&bench, "/", "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 1);
    until_idle(&bench, 0);
    finish(&bench);
}

/* ---- many ---- */

#define MANY ((size_t)200)

static void many_fetches_run_at_once_and_their_connections_are_kept(void **state)
{
    static asked each[MANY];
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++)
            prepare(&bench, &each[i], "/");
        ask_all(each, MANY);
        for (size_t i = 0; i < MANY; i++)
            assert_answered(&each[i], "hi");
        assert_int_equal(client_get_counts(bench.client).idle, MANY);
    }
    assert_int_equal(bench.server.accepted, MANY);
    finish(&bench);
}

static void no_more_are_kept_than_the_limit(void **state)
{
    asked each[5];
    rig bench;
    const client_options options = { .max_idle_per_origin = 2 };

    (void)state;
    begin(&bench, say_hi, &options);
    for (size_t i = 0; i < COUNT_OF(each); i++)
        prepare(&bench, &each[i], "/");
    ask_all(each, COUNT_OF(each));
    for (size_t i = 0; i < COUNT_OF(each); i++)
        assert_answered(&each[i], "hi");
    assert_int_equal(client_get_counts(bench.client).idle, 2);
    finish(&bench);
}

static void answer_when_told(int fd, int number)
{
    (void)number;
    if (!skip_request(fd)) return;
    wait_to_go_on();
    say(fd, OK_HI);
    skip_request(fd);
}

static void close_client(timer *due)
{
    rig *self = CONTAINER_OF(due, rig, timer);

    client_close(self->client);
    loop_stop(self->loop);
}

static void a_closed_client_finishes_what_it_has_begun_and_begins_no_more(void **state)
{
    rig bench;
    asked busy, late;
    size_t running = 2;
    task *spawned;

    (void)state;
    go_on = 0;
    begin(&bench, answer_when_told, NULL);
    prepare(&bench, &busy, "/");
    prepare(&bench, &late, "/");
    busy.running = late.running = &running;
    assert_int_equal(task_spawn(bench.loop, &label, 0, ask_in_task, on_asked, &busy, &spawned), 0);
    timer_init(&bench.timer, close_client);
    timer_start(bench.loop, &bench.timer, 20);
    loop_run(bench.loop);
    assert_int_equal(task_spawn(bench.loop, &label, 0, ask_in_task, on_asked, &late, &spawned), 0);
    go_on = 1;
    loop_run(bench.loop);
    assert_failed(&late, CSGI_ESTATE, "the server is stopping");
    assert_answered(&busy, "hi");
    bench.client = NULL; /* gone with its last connection */
    finish(&bench);
}

/* ---- memory ---- */

static void a_fetch_on_a_kept_connection_allocates_nothing(void **state)
{
    rig bench;
    asked now;
    static char memory[8192];
    size_t before;

    (void)state;
    begin(&bench, say_chunked, NULL);
    expect_body(&bench, "/", "hello world");
    prepare(&bench, &now, "/");
    arena_init(&now.arena, memory, sizeof memory);
    before = failing_malloc_count();
    ask_all(&now, 1);
    assert_int_equal(failing_malloc_count(), before);
    assert_answered(&now, "hello world");
    finish(&bench);
}

static void a_fetch_survives_every_failing_allocation(void **state)
{
    size_t n = 0;
    bool failed = true;

    (void)state;
    for (; failed && n < 100; n++) {
        rig bench;
        asked now;
        size_t running = 1;

        begin(&bench, say_chunked, NULL);
        usleep(1000); /* the server's thread has begun */
        prepare(&bench, &now, "/");
        now.running = &running;
        assert_int_equal(task_spawn(bench.loop, &label, 0, ask_in_task, on_asked, &now,
                                    &bench.victim),
                         0);
        failing_malloc_after(n);
        loop_run(bench.loop);
        failed = failing_malloc_off();
        if (failed)
            assert_int_equal(now.status, CSGI_ENOMEM);
        else
            assert_int_equal(now.status, CSGI_OK);
        done(&now);
        finish(&bench);
    }
    assert_in_range(n, 5, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_arrives_and_the_answer_comes_back),
        cmocka_unit_test(a_body_is_sent_with_its_length),
        cmocka_unit_test(a_large_body_goes_there_and_back_and_the_connection_is_kept),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(a_head_request_has_no_body_and_keeps_the_connection),
        cmocka_unit_test(connection_close_is_respected),
        cmocka_unit_test(a_connection_with_bytes_left_is_not_used_again),
        cmocka_unit_test(what_an_idle_connection_says_or_its_end_closes_it),
        cmocka_unit_test(a_stale_connection_is_replaced_once),
        cmocka_unit_test(a_post_that_may_have_been_acted_on_is_not_sent_again),
        cmocka_unit_test(a_fresh_connection_that_dies_is_not_tried_again),
        cmocka_unit_test(a_chunked_answer_is_put_together),
        cmocka_unit_test(an_answer_may_end_with_its_connection_but_not_with_a_reset),
        cmocka_unit_test(an_answer_cut_short_says_where),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(an_answer_may_be_as_large_as_the_limit_and_no_larger),
        cmocka_unit_test(a_refused_connection_says_so),
        cmocka_unit_test(a_name_is_resolved),
        cmocka_unit_test(a_names_addresses_are_tried_in_order),
        cmocka_unit_test(a_name_that_does_not_resolve_says_so),
        cmocka_unit_test(a_unix_socket_is_reached),
        cmocka_unit_test(requests_that_may_not_be_sent_are_refused),
        cmocka_unit_test(a_head_that_is_too_large_is_refused_and_the_connection_kept),
        cmocka_unit_test(silence_has_a_limit),
        cmocka_unit_test(a_response_that_stops_has_a_limit),
        cmocka_unit_test(all_together_has_a_limit),
        cmocka_unit_test(connecting_has_a_limit_and_can_be_cancelled),
        cmocka_unit_test(a_cancelled_task_gives_its_connection_up),
        cmocka_unit_test(a_task_that_is_cancelled_already_sends_nothing),
        cmocka_unit_test(an_idle_connection_is_closed_after_its_time),
        cmocka_unit_test(many_fetches_run_at_once_and_their_connections_are_kept),
        cmocka_unit_test(no_more_are_kept_than_the_limit),
        cmocka_unit_test(a_closed_client_finishes_what_it_has_begun_and_begins_no_more),
        cmocka_unit_test(a_fetch_on_a_kept_connection_allocates_nothing),
        cmocka_unit_test(a_fetch_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
