/* SPDX-License-Identifier: MIT
 * Listening sockets. Sockets are bound and accepted here, not by libuv, which hides a taken port
 * until listen, sleeps between accepts, and turns without pause when descriptors run out. */
#include "net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "log/log.h"
#include "net/stream_inside.h"

#define ACCEPTS_IN_A_ROUND 64  /* so that a storm of connections starves nobody */
#define ACCEPT_PAUSE_MS    100 /* after running out of descriptors */

struct listener {
    uv_poll_t poll;
    loop *loop;
    int fd;
    bool is_tcp, has_poll, listening, closing, exhausted;
    accept_fn on_accept;
    void *arg;
    timer pause;
    dev_t device; /* of the Unix socket's file */
    ino_t inode;
    address local;
};

/* ---- accepting ---- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void warn_exhausted(const listener *self, int reason)
{
    buffer at = { 0 };

    address_print(&self->local, &at);
    log_warning("cannot accept connections on %.*s: %s; they wait until others end (raise the "
                "limit on open files: ulimit -n)",
                (int)at.len, at.bytes, uv_strerror(uv_translate_sys_error(reason)));
    buffer_fini(&at);
}

/* Descriptors or memory are used up: the connections wait in the backlog meanwhile. */
static void pause_accepting(listener *self, int reason)
{
    if (!self->exhausted) warn_exhausted(self, reason);
    self->exhausted = true;
    if (self->closing) return;
    uv_poll_stop(&self->poll);
    timer_start(self->loop, &self->pause, ACCEPT_PAUSE_MS);
}

static void on_pause_due(timer *due)
{
    listener *self = CONTAINER_OF(due, listener, pause);

    uv_poll_start(&self->poll, UV_READABLE, on_readable);
}

static void adopt(listener *self, int fd, const struct sockaddr *peer, socklen_t peer_len)
{
    stream *accepted;

    if (stream_new(self->loop, self->is_tcp, &accepted)) {
        close(fd);
        return;
    }
    if (stream_open(accepted, fd)) {
        close(fd);
        stream_close(accepted);
        return;
    }
    stream_set_peer(accepted, peer, peer_len);
    self->on_accept(self->arg, accepted);
}

/* True: there may be more. */
static bool accept_one(listener *self)
{
    struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof peer;
    int fd = accept4(self->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        self->exhausted = false;
        adopt(self, fd, (const struct sockaddr *)&peer, len);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EINTR: /* these are that connection's own errors: accept(2) */
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EPERM:
        return true;
    default: /* EMFILE, ENFILE, ENOBUFS, ENOMEM */
        pause_accepting(self, errno);
        return false;
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    listener *self = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_IN_A_ROUND && !self->closing; i++) {
        if (!accept_one(self)) return;
    }
}

/* ---- binding ---- */

static const char *what_to_do(int reason, const char *use_other)
{
    switch (reason) {
    case EADDRINUSE:
        return use_other;
    case EACCES:
        return " (ports below 1024 need a privilege; choose another with --port)";
    case EADDRNOTAVAIL:
        return " (this machine has no such address; choose another with --host)";
    default:
        return "";
    }
}

static csgi_status refuse(buffer *reason, const address *at, int code)
{
    char text[256]; /* libuv's wording: lower case, the same in every locale */

    uv_strerror_r(uv_translate_sys_error(code), text, sizeof text);
    buffer_printf(reason, "cannot listen on ");
    address_print(at, reason);
    buffer_printf(reason, ": %s%s", text,
                  address_is_unix(at)
                      ? ""
                      : what_to_do(code, " (is another server running? choose another "
                                         "with --port)"));
    return code == ENOMEM ? CSGI_ENOMEM : CSGI_EFAIL;
}

static csgi_status listener_new(loop *runner, int fd, bool is_tcp, listener **out)
{
    listener *self = calloc(1, sizeof *self);
    struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof name;

    if (!self) return CSGI_ENOMEM;
    stream_ignore_sigpipe();
    self->loop = runner;
    self->fd = fd;
    self->is_tcp = is_tcp;
    timer_init(&self->pause, on_pause_due);
    getsockname(fd, (struct sockaddr *)&name, &len);
    address_from_sockaddr(&self->local, (const struct sockaddr *)&name, len);
    *out = self;
    return CSGI_OK;
}

/* A bound TCP socket, or -1 with errno. */
static int bind_tcp(const address *at)
{
    int on = 1, off = 0, code;
    int fd = socket(at->as.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    if (at->as.any.sa_family == AF_INET6)                     /* "::" serves IPv4 too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &at->as.any, at->len) == 0) return fd;
    code = errno;
    close(fd);
    errno = code;
    return -1;
}

/* The first address of a name, IPv4 preferred. */
static csgi_status find_host(const char *host, uint32_t port, address *out, buffer *reason)
{
    static const int families[] = { AF_INET, AF_INET6 };
    address loopback[ADDRESS_LOCALHOSTS];
    char service[16];
    int failed = EAI_NONAME;

    if (address_from_ip(out, host, port) == CSGI_OK) return CSGI_OK;
    if (address_from_localhost(loopback, host, port)) {
        *out = loopback[0];
        return CSGI_OK;
    }
    if (port > UINT16_MAX) {
        buffer_printf(reason, "cannot listen on %s:%u: no such port (0 to 65535)", host, port);
        return CSGI_EFAIL;
    }
    snprintf(service, sizeof service, "%u", port);
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        struct addrinfo hints = { .ai_family = families[i], .ai_socktype = SOCK_STREAM };
        struct addrinfo *list;

        hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE;
        failed = getaddrinfo(host, service, &hints, &list);
        if (failed) continue;
        address_from_sockaddr(out, list->ai_addr, list->ai_addrlen);
        freeaddrinfo(list);
        return CSGI_OK;
    }
    buffer_printf(reason, "cannot listen on %s:%u: %s (choose an address with --host)", host, port,
                  gai_strerror(failed));
    return CSGI_EFAIL;
}

csgi_status listener_bind_tcp(loop *runner, const char *host, uint32_t port, listener **out,
                              buffer *reason)
{
    address at;
    csgi_status status = find_host(host, port, &at, reason);
    int fd;

    if (status) return status;
    fd = bind_tcp(&at);
    if (fd < 0) return refuse(reason, &at, errno);
    status = listener_new(runner, fd, true, out);
    if (status) {
        close(fd);
        return refuse(reason, &at, ENOMEM);
    }
    return CSGI_OK;
}

/* Nobody listens at the path any more: a connection is refused. */
static bool is_stale(const address *at, int *code)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool connected;

    if (fd < 0) {
        *code = errno;
        return false;
    }
    connected = connect(fd, &at->as.any, at->len) == 0;
    *code = connected ? 0 : errno;
    close(fd);
    return !connected && *code == ECONNREFUSED;
}

/* Takes away the file that stands at the path, if it is a socket that nobody serves. */
static csgi_status make_room(const address *at, buffer *reason)
{
    struct stat found;
    int code;

    if (lstat(at->host, &found) != 0) return errno == ENOENT ? CSGI_OK : refuse(reason, at, errno);
    if (!S_ISSOCK(found.st_mode)) {
        buffer_printf(reason,
                      "cannot listen on %s: the file exists and is not a socket (remove it, or "
                      "choose another path)",
                      at->host);
        return CSGI_EFAIL;
    }
    if (is_stale(at, &code)) {
        if (unlink(at->host) == 0 || errno == ENOENT) return CSGI_OK;
        return refuse(reason, at, errno);
    }
    if (code && code != EAGAIN) return refuse(reason, at, code);
    buffer_printf(reason,
                  "cannot listen on %s: in use by a running server (stop it, or choose another "
                  "path)",
                  at->host);
    return CSGI_EFAIL;
}

csgi_status listener_bind_unix(loop *runner, const char *path, listener **out, buffer *reason)
{
    address at;
    struct stat made;
    csgi_status status;
    int fd;

    if (address_from_path(&at, path)) {
        buffer_printf(reason, "cannot listen on '%s': a socket's path has 1 to %zu bytes", path,
                      sizeof at.as.unix_path.sun_path - 1);
        return CSGI_EFAIL;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return refuse(reason, &at, errno);
    if (bind(fd, &at.as.any, at.len) != 0) {
        if (errno != EADDRINUSE) {
            status = refuse(reason, &at, errno);
            goto fail;
        }
        status = make_room(&at, reason);
        if (status) goto fail;
        if (bind(fd, &at.as.any, at.len) != 0) {
            status = refuse(reason, &at, errno);
            goto fail;
        }
    }
    status = listener_new(runner, fd, false, out);
    if (status) {
        refuse(reason, &at, ENOMEM);
        unlink(path);
        goto fail;
    }
    if (lstat(path, &made) == 0) {
        (*out)->device = made.st_dev;
        (*out)->inode = made.st_ino;
    }
    return CSGI_OK;
fail:
    close(fd);
    return status;
}

const address *listener_address(const listener *self)
{
    return &self->local;
}

csgi_status listener_start(listener *self, int backlog, accept_fn on_accept, void *arg,
                           buffer *reason)
{
    int failed;

    CHECK(!self->listening);
    if (listen(self->fd, backlog) != 0) return refuse(reason, &self->local, errno);
    self->on_accept = on_accept;
    self->arg = arg;
    failed = uv_poll_init(loop_uv(self->loop), &self->poll, self->fd);
    if (failed) return refuse(reason, &self->local, -failed);
    self->poll.data = self;
    self->has_poll = true;
    failed = uv_poll_start(&self->poll, UV_READABLE, on_readable);
    if (failed) return refuse(reason, &self->local, -failed);
    self->listening = true;
    return CSGI_OK;
}

/* ---- closing ---- */

/* Another server may have put its own socket at the path since. */
static void remove_file(const listener *self)
{
    struct stat now;

    if (self->is_tcp || lstat(self->local.host, &now) != 0) return;
    if (now.st_dev == self->device && now.st_ino == self->inode) unlink(self->local.host);
}

static void on_poll_closed(uv_handle_t *poll)
{
    free(poll->data);
}

void listener_close(listener *self)
{
    CHECK(!self->closing);
    self->closing = true;
    timer_stop(self->loop, &self->pause);
    if (self->listening) {
        while (accept_one(self)) {
        }
    }
    remove_file(self);
    if (self->has_poll) {
        uv_close((uv_handle_t *)&self->poll, on_poll_closed);
        close(self->fd);
        return;
    }
    close(self->fd);
    free(self);
}
