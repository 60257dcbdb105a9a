/* SPDX-License-Identifier: MIT
 * A request with plain sockets, and the reading of its answer. */
#include "worker/control_ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "loop/loop.h"

/* Read at once. */
#define PIECE ((size_t)16384)

/* Takes a line up to its CR LF. */
static bool take_line(csgi_str *rest, csgi_str *line)
{
    *line = str_take(rest, '\n');
    if (line->len == 0 || line->ptr[line->len - 1] != '\r') return false;
    line->len--;
    return true;
}

/* "HTTP/1.1 200 OK". */
static bool read_status_line(csgi_str line, uint32_t *status)
{
    uint64_t code;

    if (!str_starts_with(line, STR("HTTP/1.1 ")) || line.len < 13 || line.ptr[12] != ' ')
        return false;
    if (!str_parse_u64(str_slice(line, 9, 3), &code) || code < 100) return false;
    *status = (uint32_t)code;
    return true;
}

csgi_status control_answer_read(csgi_str text, uint32_t *status, csgi_str *body)
{
    uint64_t length = UINT64_MAX;
    csgi_str line;

    if (!take_line(&text, &line) || !read_status_line(line, status)) return CSGI_EINVAL;
    for (;;) {
        csgi_str name;

        if (!take_line(&text, &line)) return CSGI_EINVAL;
        if (line.len == 0) break;
        name = str_take(&line, ':');
        if (!str_eq_nocase(name, STR("content-length"))) continue;
        if (length != UINT64_MAX || !str_parse_u64(str_trim(line), &length)) return CSGI_EINVAL;
    }
    if (length != text.len) return CSGI_EINVAL;
    *body = text;
    return CSGI_OK;
}

static csgi_status connect_to(const char *path, int *fd, buffer *why)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    const char *advice = "";

    if (strlen(path) >= sizeof to.sun_path) {
        buffer_printf(why, "%s: a socket's path has no more than %zu bytes", path,
                      sizeof to.sun_path - 1);
        return CSGI_EUNREACH;
    }
    memcpy(to.sun_path, path, strlen(path));
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd >= 0 && connect(*fd, (const struct sockaddr *)&to, sizeof to) == 0) return CSGI_OK;
    if (errno == ENOENT || errno == ECONNREFUSED) advice = " (is the server running?)";
    if (errno == EACCES) advice = " (only the user who started the server may use it, and root)";
    buffer_printf(why, "%s: %s%s", path, strerror(errno), advice);
    return CSGI_EUNREACH;
}

static bool send_request(int fd, const char *method, const char *target)
{
    char request[256];
    int len = snprintf(request, sizeof request,
                       "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                       "Connection: close\r\n\r\n",
                       method, target);

    /* It fits into the buffer of a socket that nothing was sent on. */
    return send(fd, request, (size_t)len, MSG_NOSIGNAL) == len;
}

/* Waits for bytes or the end. False: the time is over. */
static bool wait_readable(int fd, uint64_t end_ns)
{
    for (;;) {
        struct pollfd entry = { .fd = fd, .events = POLLIN };
        uint64_t now_ns = loop_clock_ns();
        int left_ms = end_ns == UINT64_MAX ? -1 : (int)((end_ns - now_ns) / 1000000) + 1;

        if (now_ns >= end_ns) return false;
        if (poll(&entry, 1, left_ms) > 0) return true;
    }
}

/* Up to the end of the connection. */
static csgi_status read_all(int fd, uint64_t end_ns, buffer *text, buffer *why)
{
    while (text->len <= CONTROL_ANSWER_MAX) {
        ssize_t count;

        if (buffer_reserve(text, PIECE) != CSGI_OK) return CSGI_ENOMEM;
        if (!wait_readable(fd, end_ns)) {
            buffer_printf(why, "no answer in time (does a plugin hold the event loop?)");
            return CSGI_EFAIL;
        }
        count = recv(fd, text->bytes + text->len, PIECE, 0);
        if (count == 0) return CSGI_OK;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            buffer_printf(why, "%s", strerror(errno));
            return CSGI_EFAIL;
        }
        text->len += (size_t)count;
    }
    buffer_printf(why, "the answer is too long");
    return CSGI_EFAIL;
}

static csgi_status ask_over(int fd, const char *method, const char *target, uint64_t timeout_ms,
                            control_answer *out, buffer *why)
{
    uint64_t end_ns = timeout_ms ? loop_clock_ns() + timeout_ms * 1000000 : UINT64_MAX;
    csgi_status status;

    if (!send_request(fd, method, target)) {
        buffer_printf(why, "%s", strerror(errno));
        return CSGI_EFAIL;
    }
    status = read_all(fd, end_ns, &out->text, why);
    if (status != CSGI_OK) return status;
    if (control_answer_read(buffer_str(&out->text), &out->status, &out->body) == CSGI_OK)
        return CSGI_OK;
    buffer_printf(why, out->text.len ? "the answer is not whole, or not a server's"
                                     : "it closed the connection without an answer (it ended?)");
    return CSGI_EFAIL;
}

csgi_status control_ask(const char *path, const char *method, const char *target,
                        uint64_t timeout_ms, control_answer *out, buffer *why)
{
    int fd = -1;
    csgi_status status = connect_to(path, &fd, why);

    *out = (control_answer){ 0 };
    if (status == CSGI_OK) status = ask_over(fd, method, target, timeout_ms, out, why);
    if (fd >= 0) close(fd);
    if (status != CSGI_OK) buffer_fini(&out->text);
    return status;
}
