/* SPDX-License-Identifier: MIT
 * Listening sockets: accepting and closing. Connections are accepted here, not by libuv, which
 * sleeps between accepts and turns without pause when descriptors run out. */
#include "net/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "log/log.h"
#include "net/listener_inside.h"

#define ACCEPTS_IN_A_ROUND 64  /* so that a storm of connections starves nobody */
#define ACCEPT_PAUSE_MS    100 /* after running out of descriptors */

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
    case EINVAL: /* shut down */
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

const address *listener_address(const listener *self)
{
    return &self->local;
}

/* Another server may have put its own socket at the path since; but not where we, who have become
 * another user, may not even look. */
static bool has_own_file(const listener *self)
{
    struct stat now;

    if (lstat(address_host(&self->local).bytes, &now) != 0) return errno == EACCES;
    return now.st_dev == self->device && now.st_ino == self->inode;
}

csgi_status listener_start(listener *self, int backlog, accept_fn on_accept, void *arg,
                           buffer *reason)
{
    int failed;

    CHECK(!self->listening);
    if (!self->listens_already && listen(self->fd, backlog) != 0)
        return listener_refuse(reason, &self->local, errno);
    /* Between bind and listen it passes for a stale one: whoever took the path has it. */
    if (self->owns_file && !has_own_file(self))
        return listener_refuse(reason, &self->local, EADDRINUSE);
    timer_init(&self->pause, on_pause_due);
    self->on_accept = on_accept;
    self->arg = arg;
    failed = uv_poll_init(loop_uv(self->loop), &self->poll, self->fd);
    if (failed) return listener_refuse(reason, &self->local, -failed);
    self->poll.data = self;
    self->has_poll = true;
    failed = uv_poll_start(&self->poll, UV_READABLE, on_readable);
    if (failed) return listener_refuse(reason, &self->local, -failed);
    self->listening = true;
    return CSGI_OK;
}

/* ---- closing ---- */

static void remove_file(const listener *self)
{
    if (self->owns_file && has_own_file(self)) unlink(address_host(&self->local).bytes);
}

static void on_poll_closed(uv_handle_t *poll)
{
    free(poll->data);
}

void listener_close(listener *self)
{
    CHECK(!self->closing);
    self->closing = true;
    remove_file(self);
    if (self->listening) {
        timer_stop(self->loop, &self->pause);
        /* Who comes now is refused, and not reset between the last accept and close. (A TCP
         * listener would drop those that wait, and a socket that was passed on is another's.) */
        if (self->owns_file) shutdown(self->fd, SHUT_RD);
        while (accept_one(self)) {
        }
    }
    if (self->has_poll) {
        uv_close((uv_handle_t *)&self->poll, on_poll_closed);
        close(self->fd);
        return;
    }
    close(self->fd);
    free(self);
}
