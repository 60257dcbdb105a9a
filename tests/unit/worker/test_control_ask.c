/* SPDX-License-Identifier: MIT
 * worker/control_ask: which answers are whole, and what is said when there is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "worker/control_ask.h"

static csgi_status read_it(const char *text, uint32_t *status, csgi_str *body)
{
    return control_answer_read(str_from(text), status, body);
}

static void a_whole_answer_is_read(void **state)
{
    uint32_t status;
    csgi_str body;

    (void)state;
    assert_int_equal(read_it("HTTP/1.1 422 Unprocessable Content\r\nA: b\r\n"
                             "content-LENGTH:  2 \r\n\r\n{}",
                             &status, &body),
                     CSGI_OK);
    assert_int_equal(status, 422);
    assert_true(str_eq(body, STR("{}")));
    assert_int_equal(read_it("HTTP/1.1 204 \r\ncontent-length: 0\r\n\r\n", &status, &body),
                     CSGI_OK);
    assert_int_equal(body.len, 0);
}

static void anything_else_is_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n",
        "HTTP/1.1 200 OK\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}x",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n{}",
        "HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
        "HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "SSH-2.0-x\r\ncontent-length: 2\r\n\r\n{}",
    };
    uint32_t status;
    csgi_str body;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (read_it(wrong[i], &status, &body) != CSGI_EINVAL) fail_msg("read: %s", wrong[i]);
    }
}

/* A socket at the path that listens and never answers. */
static int listen_at(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void assert_says(buffer *why, const char *text)
{
    assert_int_equal(buffer_append(why, "", 1), CSGI_OK);
    if (!strstr(why->bytes, text)) fail_msg("%s", why->bytes);
    buffer_fini(why);
}

static void a_server_that_does_not_answer_is_given_up(void **state)
{
    char folder[] = "/tmp/capricorn-ask-XXXXXX", path[64];
    control_answer got;
    buffer why = { 0 };
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    assert_int_equal(control_ask(path, "GET", "/status", 20, &got, &why), CSGI_EUNREACH);
    assert_says(&why, "(is the server running?)");
    fd = listen_at(path);
    assert_int_equal(control_ask(path, "GET", "/status", 20, &got, &why), CSGI_EFAIL);
    assert_says(&why, "no answer in time");
    close(fd);
    assert_int_equal(control_ask(path, "GET", "/status", 20, &got, &why), CSGI_EUNREACH);
    assert_says(&why, "(is the server running?)");
    unlink(path);
    rmdir(folder);
}

/* The longest path that a socket may have, and one byte more. */
static void a_path_that_is_too_long_is_refused(void **state)
{
    char path[109];
    control_answer got;
    buffer why = { 0 };

    (void)state;
    memset(path, 'x', sizeof path);
    path[107] = '\0';
    assert_int_equal(control_ask(path, "GET", "/status", 20, &got, &why), CSGI_EUNREACH);
    assert_says(&why, "(is the server running?)");
    path[107] = 'x';
    path[108] = '\0';
    assert_int_equal(control_ask(path, "GET", "/status", 20, &got, &why), CSGI_EUNREACH);
    assert_says(&why, "a socket's path has no more than 107 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_answer_is_read),
        cmocka_unit_test(anything_else_is_none),
        cmocka_unit_test(a_server_that_does_not_answer_is_given_up),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
