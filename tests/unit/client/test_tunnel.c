/* SPDX-License-Identifier: MIT
 * What a proxy answers to CONNECT. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "client/tunnel.h"

/* ---- the head ---- */

static void a_head_is_read_once_it_is_whole(void **state)
{
    static const char text[] = "HTTP/1.1 200 All is well\r\nVia: a\r\nX:\r\n\r\nmore";
    tunnel_answer answer = { .status = 1 };
    size_t whole = sizeof text - 5;

    (void)state;
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(tunnel_parse((csgi_str){ text, len }, &answer), TUNNEL_MORE);
    assert_int_equal(answer.status, 1);
    for (size_t len = whole; len < sizeof text; len++) {
        assert_int_equal(tunnel_parse((csgi_str){ text, len }, &answer), TUNNEL_DONE);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.len, whole);
        assert_true(str_eq(answer.reason, STR("All is well")));
    }
}

static void a_head_without_fields_or_words_will_do(void **state)
{
    static const char *const texts[] = { "HTTP/1.0 200\r\n\r\n", "HTTP/1.1 200 \r\n\r\n" };
    tunnel_answer answer;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tunnel_parse(str_from(texts[i]), &answer), TUNNEL_DONE);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.reason.len, 0);
    }
}

static void what_is_no_head_is_malformed(void **state)
{
    static const char *const texts[] = {
        "\r\n",
        "HTTP/1.1 200 OK\n\r\n",
        "HTTP/2.0 200 OK\r\n",
        "HTTP/1.1  200 OK\r\n",
        "HTTP/1.1 099 OK\r\n",
        "HTTP/1.1 20\r\n",
        "HTTP/1.1 2000\r\n",
        "HTTP/1.1 2x0 OK\r\n",
        "HTTP/1.1 200 a\x01\r\n",
        "http/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n",
        "HTTP/1.1 200 OK\r\nA : x\r\n",
        "HTTP/1.1 200 OK\r\nA: \x01\r\n",
        "HTTP/1.1 200 OK\r\nA: x\n",
        "HTTP/1.1 200 OK\r\n\n",
    };
    tunnel_answer answer = { .status = 1 };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (tunnel_parse(str_from(texts[i]), &answer) != TUNNEL_MALFORMED) fail_msg("%s", texts[i]);
    }
    assert_int_equal(answer.status, 1);
}

/* ---- on a stream ---- */

typedef struct rig {
    loop *loop;
    stream *stream;
    tunnel tunnel;
    int proxy; /* the other end */
    int calls;
    csgi_status status;
    char reason[300];
} rig;

static void on_done(tunnel *ended, csgi_status status, const char *reason)
{
    rig *self = ended->arg;

    self->calls++;
    self->status = status;
    snprintf(self->reason, sizeof self->reason, "%s", reason ? reason : "");
}

/* The proxy says all of it at once, and ends if it is told to. */
static void ask(rig *self, const char *to, const char *authorization, csgi_str answer, bool ends)
{
    static const loop_options usual;
    proxy via = { .authorization = str_from(authorization) };
    int pair[2];
    url at;
    const char *why;

    memset(self, 0, sizeof *self);
    assert_int_equal(loop_new(&usual, &self->loop), CSGI_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    self->proxy = pair[1];
    assert_int_equal(stream_from_fd(self->loop, pair[0], &self->stream), CSGI_OK);
    assert_int_equal(url_parse(str_from(to), &at, &why), CSGI_OK);
    assert_int_equal(tunnel_begin(&self->tunnel, self->stream, &via, &at, on_done, self), CSGI_OK);
    assert_int_equal(send(self->proxy, answer.ptr, answer.len, 0), answer.len);
    if (ends) shutdown(self->proxy, SHUT_WR);
    loop_run(self->loop); /* until the stream is no longer read */
    assert_int_equal(self->calls, 1);
}

static void finish(rig *self)
{
    stream_close(self->stream);
    loop_run(self->loop);
    loop_free(self->loop);
    stream_pool_clear();
    close(self->proxy);
}

static void expect_request(const rig *self, const char *want)
{
    char text[1000];
    ssize_t len = recv(self->proxy, text, sizeof text - 1, 0);

    assert_true(len > 0);
    text[len] = '\0';
    assert_string_equal(text, want);
}

#define OK "HTTP/1.1 200 OK\r\n\r\n"

static void the_request_names_host_and_port(void **state)
{
    rig bench;

    (void)state;
    ask(&bench, "https://a.test/path", "Basic dTpw", STR(OK), false);
    assert_int_equal(bench.status, CSGI_OK);
    expect_request(&bench, "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n"
                           "Proxy-Authorization: Basic dTpw\r\n"
                           "User-Agent: capricorn/" CAPRICORN_VERSION "\r\n\r\n");
    finish(&bench);
    ask(&bench, "https://[::1]:8443", "", STR(OK), false);
    expect_request(&bench, "CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n"
                           "User-Agent: capricorn/" CAPRICORN_VERSION "\r\n\r\n");
    finish(&bench);
}

static void expect(const char *answer, bool ends, csgi_status status, const char *reason)
{
    rig bench;

    ask(&bench, "https://a.test", "", str_from(answer), ends);
    assert_int_equal(bench.status, status);
    assert_string_equal(bench.reason, reason);
    finish(&bench);
}

static void what_is_no_tunnel_says_why(void **state)
{
    (void)state;
    expect(OK, true, CSGI_OK, "");
    expect("HTTP/1.1 204 No Content\r\n\r\n", false, CSGI_OK, "");
    expect(OK "x", false, CSGI_EPROTO, "it sent something ahead of the tunnel's other end");
    expect("HTTP/1.1 403 Forbidden\r\n\r\nno", false, CSGI_EUNREACH,
           "it refused the tunnel: 403 Forbidden");
    expect("HTTP/1.1 100 Continue\r\n\r\n", false, CSGI_EUNREACH,
           "it refused the tunnel: 100 Continue");
    expect("HTTP/1.1 407\r\n\r\n", false, CSGI_EUNREACH,
           "it refused the tunnel: 407 (are its user and password right?)");
    expect("HTTP/1.1 200", true, CSGI_EPROTO,
           "it closed the connection instead of opening a tunnel");
    expect("220 mail\r\n", false, CSGI_EPROTO, "its answer is not HTTP/1.1");
}

/* A head of that many bytes, and what follows it. */
static void expect_of_size(size_t size, const char *behind, csgi_status status)
{
    static char text[TUNNEL_HEAD_MAX + 100];
    size_t len;
    rig bench;

    len = (size_t)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX: ");
    memset(text + len, 'x', size - len - 4);
    memcpy(text + size - 4, "\r\n\r\n", 5);
    len = size + (size_t)snprintf(text + size, sizeof text - size, "%s", behind);
    ask(&bench, "https://a.test", "", (csgi_str){ text, len }, false);
    assert_int_equal(bench.status, status);
    finish(&bench);
}

static void the_head_has_a_limit(void **state)
{
    (void)state;
    expect_of_size(TUNNEL_HEAD_MAX, "", CSGI_OK);
    expect_of_size(TUNNEL_HEAD_MAX + 1, "", CSGI_EPROTO);
    expect_of_size(TUNNEL_HEAD_MAX, "y", CSGI_EPROTO);
}

static void a_refusal_in_many_words_is_cut(void **state)
{
    char text[400];
    rig bench;

    (void)state;
    snprintf(text, sizeof text, "HTTP/1.1 500 %0300d\r\n\r\n", 0);
    ask(&bench, "https://a.test", "", str_from(text), false);
    assert_int_equal(strlen(bench.reason),
                     strlen("it refused the tunnel: 500 ") + TUNNEL_REASON_MAX);
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_once_it_is_whole),
        cmocka_unit_test(a_head_without_fields_or_words_will_do),
        cmocka_unit_test(what_is_no_head_is_malformed),
        cmocka_unit_test(the_request_names_host_and_port),
        cmocka_unit_test(what_is_no_tunnel_says_why),
        cmocka_unit_test(the_head_has_a_limit),
        cmocka_unit_test(a_refusal_in_many_words_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
