/* SPDX-License-Identifier: MIT
 * Making listening sockets: of addresses, of names, of paths, and of sockets that were passed on.
 * They are bound here, not by libuv, which hides a taken port until listen. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "net/listener_inside.h"

static const char *what_to_do(int reason, const char *use_other)
{
    switch (reason) {
    case EADDRINUSE:
        return use_other;
    case EACCES:
        return " (ports below 1024 need a privilege; choose another)";
    case EADDRNOTAVAIL:
        return " (this machine has no such address; choose another with --host)";
    default:
        return "";
    }
}

static const char *what_to_do_of_path(int reason)
{
    switch (reason) {
    case ENOENT:
        return " (its directory has to be there first)";
    case EACCES:
        return " (it takes the right to write its directory; choose another path)";
    default:
        return "";
    }
}

csgi_status listener_refuse(buffer *reason, const address *at, int code)
{
    char text[256]; /* libuv's wording: lower case, the same in every locale */

    uv_strerror_r(uv_translate_sys_error(code), text, sizeof text);
    buffer_printf(reason, "cannot listen on ");
    address_print(at, reason);
    buffer_printf(reason, ": %s%s", text,
                  address_is_unix(at)
                      ? what_to_do_of_path(code)
                      : what_to_do(code, " (is another server running? choose another port)"));
    if (code == EADDRNOTAVAIL || code == EAFNOSUPPORT) return CSGI_EUNREACH;
    return code == ENOMEM ? CSGI_ENOMEM : CSGI_EFAIL;
}

/* What the kernel may hold of a connection's bytes before it sends them. Without it a client that
 * does not read is lent all of a send buffer, 4 MiB. */
static void limit_unsent(int fd)
{
    int most = 131072;

    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most); /* inherited, too */
}

static csgi_status listener_new(loop *runner, int fd, bool is_tcp, listener **out)
{
    listener *self = calloc(1, sizeof *self);
    struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof name;

    if (!self) return CSGI_ENOMEM;
    stream_ignore_sigpipe();
    if (is_tcp) limit_unsent(fd);
    self->loop = runner;
    self->fd = fd;
    self->is_tcp = is_tcp;
    getsockname(fd, (struct sockaddr *)&name, &len);
    address_from_sockaddr(&self->local, (const struct sockaddr *)&name, len);
    *out = self;
    return CSGI_OK;
}

/* A bound TCP socket, or -1 with errno. */
static int bind_tcp(const address *at, bool ipv6_only)
{
    int on = 1, only = ipv6_only, code;
    int fd = socket(at->as.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    if (at->as.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    if (bind(fd, &at->as.any, at->len) == 0) return fd;
    code = errno;
    close(fd);
    errno = code;
    return -1;
}

static bool has_address(const address *found, size_t count, const address *one)
{
    for (size_t i = 0; i < count; i++) {
        if (address_is_same(&found[i], one)) return true;
    }
    return false;
}

/* Asks the name service, for each address once. */
static csgi_status look_up(const char *host, uint32_t port, address *found, size_t room,
                           size_t *count, buffer *reason)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE };
    struct addrinfo *list;
    int failed = getaddrinfo(host, NULL, &hints, &list);

    if (failed) {
        buffer_printf(reason, "cannot listen on %s:%u: %s (choose an address with --host)", host,
                      port, gai_strerror(failed));
        return CSGI_EFAIL;
    }
    for (const struct addrinfo *info = list; info && *count < room; info = info->ai_next) {
        address *each = &found[*count];

        if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
        address_from_sockaddr(each, info->ai_addr, info->ai_addrlen);
        address_set_port(each, port);
        if (!has_address(found, *count, each)) ++*count;
    }
    freeaddrinfo(list);
    if (*count) return CSGI_OK;
    buffer_printf(reason, "cannot listen on %s:%u: the name has no IP address", host, port);
    return CSGI_EFAIL;
}

csgi_status listener_find_host(const char *host, uint32_t port, address *found, size_t room,
                               size_t *count, buffer *reason)
{
    CHECK(room >= ADDRESS_LOCALHOSTS);
    *count = 1;
    if (address_from_ip(&found[0], host, port) == CSGI_OK) return CSGI_OK;
    *count = address_from_localhost(found, host, port);
    if (*count) return CSGI_OK;
    if (port > UINT16_MAX) {
        buffer_printf(reason, "cannot listen on %s:%u: no such port (0 to 65535)", host, port);
        return CSGI_EFAIL;
    }
    return look_up(host, port, found, room, count, reason);
}

csgi_status listener_bind_tcp(loop *runner, const address *at, bool ipv6_only, listener **out,
                              buffer *reason)
{
    int fd = bind_tcp(at, ipv6_only);

    if (fd < 0) return listener_refuse(reason, at, errno);
    if (listener_new(runner, fd, true, out)) {
        close(fd);
        return listener_refuse(reason, at, ENOMEM);
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

    if (lstat(address_host(at).bytes, &found) != 0)
        return errno == ENOENT ? CSGI_OK : listener_refuse(reason, at, errno);
    if (!S_ISSOCK(found.st_mode)) {
        buffer_printf(reason,
                      "cannot listen on %s: the file exists and is not a socket (remove it, or "
                      "choose another path)",
                      address_host(at).bytes);
        return CSGI_EFAIL;
    }
    if (is_stale(at, &code)) {
        if (unlink(address_host(at).bytes) == 0 || errno == ENOENT) return CSGI_OK;
        return listener_refuse(reason, at, errno);
    }
    if (code && code != EAGAIN) return listener_refuse(reason, at, code);
    buffer_printf(reason,
                  "cannot listen on %s: in use by a running server (stop it, or choose another "
                  "path)",
                  address_host(at).bytes);
    return CSGI_EFAIL;
}

static csgi_status bind_path(int fd, const address *at, buffer *reason)
{
    csgi_status status;

    if (bind(fd, &at->as.any, at->len) == 0) return CSGI_OK;
    if (errno != EADDRINUSE) return listener_refuse(reason, at, errno);
    status = make_room(at, reason);
    if (status) return status;
    return bind(fd, &at->as.any, at->len) == 0 ? CSGI_OK : listener_refuse(reason, at, errno);
}

/* Nobody can connect before the socket listens, so the mode is never wider than asked. */
static csgi_status set_mode(const address *at, mode_t mode, buffer *reason)
{
    if (mode == LISTENER_MODE_BY_MASK || chmod(address_host(at).bytes, mode) == 0) return CSGI_OK;
    return listener_refuse(reason, at, errno);
}

/* Whoever may write the directory can put another file there meanwhile: only the one that was made
 * is given away. */
csgi_status listener_give(const listener *self, uid_t user, gid_t group, buffer *reason)
{
    struct stat found;
    csgi_status status = CSGI_OK;
    int fd;

    if (!self->owns_file) return CSGI_OK;
    fd = open(address_host(&self->local).bytes, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return listener_refuse(reason, &self->local, errno);
    if (fstat(fd, &found) != 0 || found.st_dev != self->device || found.st_ino != self->inode)
        status = listener_refuse(reason, &self->local, EADDRINUSE);
    else if (fchownat(fd, "", user, group, AT_EMPTY_PATH) != 0)
        status = listener_refuse(reason, &self->local, errno);
    close(fd);
    return status;
}

csgi_status listener_bind_unix(loop *runner, const char *path, mode_t mode, listener **out,
                               buffer *reason)
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
    if (fd < 0) return listener_refuse(reason, &at, errno);
    status = bind_path(fd, &at, reason);
    if (status) goto fail;
    status = set_mode(&at, mode, reason);
    if (status) goto fail_file;
    if (listener_new(runner, fd, false, out)) {
        status = listener_refuse(reason, &at, ENOMEM);
        goto fail_file;
    }
    if (lstat(path, &made) == 0) {
        (*out)->owns_file = true;
        (*out)->device = made.st_dev;
        (*out)->inode = made.st_ino;
    }
    return CSGI_OK;
fail_file:
    unlink(path);
fail:
    close(fd);
    return status;
}

/* ---- sockets that were passed on ---- */

static int socket_option(int fd, int name, int otherwise)
{
    int value;
    socklen_t len = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : otherwise;
}

/* NULL: a stream socket that listens, or could. */
static const char *why_not(int fd)
{
    int domain = socket_option(fd, SO_DOMAIN, AF_UNSPEC);
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;

    if (fcntl(fd, F_GETFD) < 0) return "is not open (did the parent pass it on?)";
    if (domain == AF_UNSPEC) return "is not a socket";
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
        return "is neither a TCP nor a Unix socket";
    if (socket_option(fd, SO_TYPE, 0) != SOCK_STREAM) return "is not a stream socket";
    if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
        return "is a connection, not a socket that listens (systemd: Accept=no)";
    return NULL;
}

csgi_status listener_adopt(loop *runner, int fd, listener **out, buffer *reason)
{
    const char *wrong = why_not(fd);
    bool is_tcp = !wrong && socket_option(fd, SO_DOMAIN, AF_UNSPEC) != AF_UNIX;
    int flags = fcntl(fd, F_GETFL), on = 1;

    if (wrong) {
        buffer_printf(reason, "cannot listen on descriptor %d: it %s", fd, wrong);
        return CSGI_EFAIL;
    }
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        buffer_printf(reason, "cannot listen on descriptor %d: its flags cannot be set", fd);
        return CSGI_EFAIL;
    }
    if (is_tcp) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (listener_new(runner, fd, is_tcp, out)) {
        buffer_printf(reason, "cannot listen on descriptor %d: out of memory", fd);
        return CSGI_ENOMEM;
    }
    (*out)->listens_already = socket_option(fd, SO_ACCEPTCONN, 0) != 0;
    return CSGI_OK;
}
