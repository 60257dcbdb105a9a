/* SPDX-License-Identifier: MIT
 * Endpoints that wait by the extension csgi.draft.wait/1, as a plugin's author would write them: a
 * line sent to a socket and one read from it, with a library's non-blocking calls in between. */
#include <arpa/inet.h>
#include <csgi/ext/draft/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "plug.h"

static const csgi_wait_extension *waiting(const csgi_host *host)
{
    return host->extension(host, CSGI_WAIT_EXTENSION);
}

static csgi_status fail_errno(const csgi_host *host, const char *what)
{
    char text[128];

    snprintf(text, sizeof text, "%s: %s", what, strerror(errno));
    return host->fail(host, CSGI_EFAIL, plug_str(text));
}

static csgi_status connect_to(const csgi_host *host, int fd, uint64_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t len = sizeof(int);
    csgi_status status;
    int error = 0;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) return CSGI_OK;
    if (errno != EINPROGRESS) return fail_errno(host, "connect");
    status = waiting(host)->fd(host, fd, CSGI_WRITABLE, 5000, NULL);
    if (status != CSGI_OK) return status;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    errno = error;
    return error ? fail_errno(host, "connect") : CSGI_OK;
}

static csgi_status read_some(const csgi_host *host, int fd, uint64_t timeout_ms, char *bytes,
                             size_t size, size_t *len)
{
    ssize_t got;

    while ((got = read(fd, bytes, size)) < 0) {
        csgi_status status;

        if (errno != EAGAIN) return fail_errno(host, "read");
        status = waiting(host)->fd(host, fd, CSGI_READABLE, timeout_ms, NULL);
        if (status != CSGI_OK) return status;
    }
    *len = (size_t)got;
    return CSGI_OK;
}

/* The socket is closed however the call ends. */
static void close_socket(void *arg)
{
    close(*(int *)arg);
}

/* GET /ask?port=N&timeout=MS: says "hello" to a server of this machine; the reply is its answer. */
static csgi_status ask(void *instance, const csgi_scope *scope, csgi_receive *receive,
                       csgi_send *send)
{
    const csgi_host *host = instance;
    uint64_t timeout_ms = plug_number(scope, "timeout", 5000);
    int *fd = host->alloc(scope->arena, sizeof *fd, _Alignof(int));
    char text[256], answer[32];
    csgi_status status;
    size_t len = 0;

    (void)receive;
    if (!fd) return CSGI_ENOMEM;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0) return fail_errno(host, "socket");
    if (host->defer(scope, close_socket, fd) != CSGI_OK) {
        close(*fd);
        return CSGI_ENOMEM;
    }
    status = connect_to(host, *fd, plug_number(scope, "port", 0));
    if (status == CSGI_OK && write(*fd, "hello\n", 6) != 6) status = fail_errno(host, "write");
    if (status == CSGI_OK) status = read_some(host, *fd, timeout_ms, text, sizeof text, &len);
    if (status == CSGI_OK) return plug_reply(send, 200, (csgi_str){ text, len });

    snprintf(answer, sizeof answer, "ask ended with %d", (int)status);
    host->log(host, CSGI_LOG_INFO, plug_str(answer));
    if (status == CSGI_ECANCELED) return status;
    return plug_reply(send, 502, plug_str(answer));
}

/* GET /wrong?fd=N&wanted=N: what is said of a descriptor that cannot be waited for. */
static csgi_status wrong(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    const csgi_host *host = instance;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    uint64_t fd = plug_number(scope, "fd", (uint64_t)file);
    uint32_t ready = 7;
    csgi_str detail;
    csgi_status status =
        waiting(host)->fd(host, (int32_t)fd, (uint32_t)plug_number(scope, "wanted", CSGI_READABLE),
                          100, &ready);
    char text[256];

    (void)receive;
    close(file);
    host->last_error(host, &detail);
    snprintf(text, sizeof text, "%d %u %.*s", (int)status, ready, (int)detail.len, detail.ptr);
    return plug_reply(send, 200, plug_str(text));
}

/* What one function on another thread is told, and says. */
typedef struct work {
    const csgi_host *host;
    uint64_t ms;
    uint64_t done;
} work;

static csgi_status sleep_here(void *arg)
{
    work *self = arg;
    struct timespec pause = { (time_t)(self->ms / 1000), (long)(self->ms % 1000) * 1000000 };

    self->host->log(self->host, CSGI_LOG_INFO, plug_str("blocking begins"));
    nanosleep(&pause, NULL);
    self->done = self->ms;
    self->host->log(self->host, CSGI_LOG_INFO, plug_str("blocking ends"));
    return CSGI_OK;
}

static csgi_status crash_here(void *arg)
{
    (void)arg;
    raise(SIGSEGV);
    return CSGI_OK;
}

/* GET /block?ms=N: sleeps where others are not held up. */
static csgi_status block(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    const csgi_host *host = instance;
    work mine = { host, plug_number(scope, "ms", 10), 0 };
    csgi_status result = CSGI_EFAIL;
    csgi_status status = waiting(host)->offload(host, sleep_here, &mine, &result);
    char text[64];

    (void)receive;
    if (status != CSGI_OK) return status;
    snprintf(text, sizeof text, "blocked for %u: %d", (unsigned)mine.done, (int)result);
    return plug_reply(send, 200, plug_str(text));
}

/* GET /read_name?max=N: this system's name, from a file. */
static csgi_status read_name(void *instance, const csgi_scope *scope, csgi_receive *receive,
                             csgi_send *send)
{
    const csgi_host *host = instance;
    csgi_str content, detail;
    csgi_status status =
        waiting(host)->read_file(host, scope->arena, plug_str("/proc/sys/kernel/ostype"),
                                 plug_number(scope, "max", 100), &content);

    (void)receive;
    if (status == CSGI_OK) return plug_reply(send, 200, content);
    host->last_error(host, &detail);
    return plug_reply(send, 502, detail);
}

/* GET /look_up?NAME: the first address of that host. */
static csgi_status look_up(void *instance, const csgi_scope *scope, csgi_receive *receive,
                           csgi_send *send)
{
    const csgi_host *host = instance;
    csgi_addresses found;
    csgi_status status = waiting(host)->resolve(host, scope->arena, scope->query_string, &found);
    csgi_str detail;

    (void)receive;
    if (status == CSGI_OK) return plug_reply(send, 200, found.items[0]);
    host->last_error(host, &detail);
    return plug_reply(send, 502, detail);
}

/* GET /crash: on another thread. */
static csgi_status crash(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    const csgi_host *host = instance;
    csgi_status result;

    (void)scope;
    (void)receive;
    (void)send;
    return waiting(host)->offload(host, crash_here, NULL, &result);
}

static csgi_status hello(void *instance, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    (void)instance;
    (void)scope;
    (void)receive;
    return plug_reply(send, 200, plug_str("hello"));
}

#define PLUG(endpoint)                                                                      \
    {                                                                                       \
        .name = CSGI_STR(#endpoint), .path = CSGI_STR("/" #endpoint), .accepts = CSGI_HTTP, \
        .call = endpoint                                                                    \
    }
static const csgi_endpoint endpoints[] = { PLUG(ask),       PLUG(wrong),   PLUG(block), PLUG(crash),
                                           PLUG(read_name), PLUG(look_up), PLUG(hello) };

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,          .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("waits"), .version = CSGI_STR("1.0.0"),
    .endpoints = endpoints,    .endpoint_count = sizeof endpoints / sizeof endpoints[0],
};

CSGI_PLUGIN(plugin);
