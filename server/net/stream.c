/* SPDX-License-Identifier: MIT
 * Streams over libuv's TCP and pipe handles: reading into the loop's scratch memory, writing with
 * as few system calls and copies as the kernel allows. */
#include "net/stream.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/check.h"
#include "net/stream_inside.h"

#define WRITE_PIECES   16             /* in one system call */
#define SHORT_RUN      ((size_t)1024) /* bytes: see send_run */
#define FREE_STREAMS   256            /* closed streams kept for reuse */
#define INSIDE_UV(ptr) ((stream *)(ptr)->data)

static _Thread_local stream *free_streams;
static _Thread_local size_t free_count;

/* ---- memory ---- */

static stream *take(void)
{
    stream *self = free_streams;

    if (!self) return malloc(sizeof *self);
    free_streams = self->next_free;
    free_count--;
    return self;
}

static void give_back(stream *self)
{
    if (free_count >= FREE_STREAMS) {
        free(self);
        return;
    }
    self->next_free = free_streams;
    free_streams = self;
    free_count++;
}

void stream_pool_clear(void)
{
    while (free_streams) {
        stream *next = free_streams->next_free;

        free(free_streams);
        free_streams = next;
    }
    free_count = 0;
    stream_ends_clear();
}

static void drop_outgoing(stream *self)
{
    if (!self->outgoing) return;
    buffer_fini(&self->outgoing->flying);
    buffer_fini(&self->outgoing->waiting);
    free(self->outgoing);
    self->outgoing = NULL;
}

/* ---- a broken connection ---- */

static void tell_broken(stream *self)
{
    timer_stop(self->loop, &self->broken_soon);
    self->broken = true;
    if (self->broken_told || self->closing || !self->events) return;
    self->broken_told = true;
    self->events->on_broken(self->owner);
}

static void on_broken_due(timer *due)
{
    tell_broken(CONTAINER_OF(due, stream, broken_soon));
}

void stream_break_soon(stream *self)
{
    self->broken = true;
    uv_read_stop(&self->uv.stream);
    timer_start(self->loop, &self->broken_soon, 0);
}

/* Writing has failed. Who is heard out ends by itself: the kernel has learnt that it closed. */
static void break_after_reading(stream *self)
{
    if (self->hears_out)
        self->broken = true;
    else
        stream_break_soon(self);
}

void stream_hear_out(stream *self)
{
    self->hears_out = true;
}

/* ---- making ---- */

void stream_ignore_sigpipe(void)
{
    static atomic_bool done; /* once a process */
    struct sigaction now;

    if (atomic_exchange(&done, true)) return;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

csgi_status stream_new(loop *runner, bool is_tcp, stream **out)
{
    stream *self = take();
    int failed;

    if (!self) return CSGI_ENOMEM;
    memset(self, 0, sizeof *self);
    failed = is_tcp ? uv_tcp_init(loop_uv(runner), &self->uv.tcp)
                    : uv_pipe_init(loop_uv(runner), &self->uv.pipe, 0);
    if (failed) {
        give_back(self);
        return CSGI_EFAIL;
    }
    self->uv.any.data = self;
    self->loop = runner;
    self->is_tcp = is_tcp;
    self->fd = -1;
    timer_init(&self->broken_soon, on_broken_due);
    *out = self;
    return CSGI_OK;
}

csgi_status stream_open(stream *self, int fd)
{
    int failed = self->is_tcp ? uv_tcp_open(&self->uv.tcp, fd) : uv_pipe_open(&self->uv.pipe, fd);

    if (failed) return CSGI_EFAIL;
    self->fd = fd;
    return CSGI_OK;
}

csgi_status stream_from_fd(loop *runner, int fd, stream **out)
{
    int domain = AF_UNSPEC;
    socklen_t len = sizeof domain;
    stream *self;
    csgi_status status;

    stream_ignore_sigpipe();
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
    status = stream_new(runner, domain != AF_UNIX, &self);
    if (status == CSGI_OK && (status = stream_open(self, fd))) stream_close(self);
    if (status) {
        close(fd);
        return status;
    }
    if (self->is_tcp) uv_tcp_nodelay(&self->uv.tcp, 1);
    *out = self;
    return CSGI_OK;
}

void stream_set_owner(stream *self, const stream_events *events, void *owner)
{
    CHECK(events->on_read && events->on_eof && events->on_broken && events->on_drained &&
          events->on_closed);
    if (self->filter) {
        self->filter->events = events;
        self->filter->owner = owner;
        return;
    }
    self->events = events;
    self->owner = owner;
}

loop *stream_loop(const stream *self)
{
    return self->loop;
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *uv, size_t suggested, uv_buf_t *into)
{
    (void)suggested;
    into->base = loop_scratch(INSIDE_UV(uv)->loop);
    into->len = LOOP_SCRATCH_SIZE;
}

/* libuv takes it for an orderly end when a reset comes right behind the last bytes. */
static bool is_reset(const stream *self)
{
    int error = 0;
    socklen_t len = sizeof error;

    return getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0;
}

static void on_read(uv_stream_t *uv, ssize_t len, const uv_buf_t *from)
{
    stream *self = INSIDE_UV(uv);

    if (self->closing || len == 0) return;
    if (len > 0) {
        self->events->on_read(self->owner, from->base, (size_t)len);
        return;
    }
    uv_read_stop(uv);
    if (len == UV_EOF && !is_reset(self))
        self->events->on_eof(self->owner);
    else
        tell_broken(self);
}

csgi_status stream_socket_read_start(stream *self)
{
    int failed;

    CHECK(self->events);
    if (self->closing || (self->broken && !self->hears_out)) return CSGI_EFAIL;
    failed = uv_read_start(&self->uv.stream, on_alloc, on_read);
    return failed && failed != UV_EALREADY ? CSGI_EFAIL : CSGI_OK;
}

csgi_status stream_read_start(stream *self)
{
    if (!self->filter) return stream_socket_read_start(self);
    CHECK(self->filter->events);
    if (self->closing || (self->broken && !self->hears_out)) return CSGI_EFAIL;
    return self->filter->functions->read_start(self->filter);
}

void stream_socket_read_stop(stream *self)
{
    if (!self->closing) uv_read_stop(&self->uv.stream);
}

void stream_read_stop(stream *self)
{
    if (!self->filter)
        stream_socket_read_stop(self);
    else if (!self->closing)
        self->filter->functions->read_stop(self->filter);
}

stream_peer_state stream_look_at_peer(const stream *self)
{
    struct pollfd look = { .fd = self->fd, .events = POLLRDHUP };

    if (self->closing || poll(&look, 1, 0) <= 0) return STREAM_PEER_OPEN;
    if (look.revents & (POLLERR | POLLHUP | POLLNVAL)) return STREAM_PEER_GONE;
    return look.revents & POLLRDHUP ? STREAM_PEER_DONE : STREAM_PEER_OPEN;
}

bool stream_has_unread(const stream *self)
{
    char first;

    if (self->closing) return false;
    if (self->filter && self->filter->functions->has_unread(self->filter)) return true;
    return recv(self->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* ---- writing ---- */

static void fly(stream *self);

static void on_written(uv_write_t *request, int failed)
{
    stream *self = INSIDE_UV(request);

    self->flying = false;
    if (self->closing) return;
    self->outgoing->flying.len = 0;
    if (failed) {
        if (self->hears_out)
            self->broken = true;
        else
            tell_broken(self);
        return;
    }
    if (self->outgoing->waiting.len) {
        fly(self);
        return;
    }
    drop_outgoing(self);
    if (self->shut) shutdown(self->fd, SHUT_WR);
    self->events->on_drained(self->owner);
}

/* Hands all that waits to libuv. */
static void fly(stream *self)
{
    outgoing *out = self->outgoing;
    buffer empty = out->flying;
    uv_buf_t piece;

    out->flying = out->waiting;
    out->waiting = empty;
    out->request.data = self;
    piece = (uv_buf_t){ .base = out->flying.bytes, .len = out->flying.len };
    if (uv_write(&out->request, &self->uv.stream, &piece, 1, on_written))
        break_after_reading(self);
    else
        self->flying = true;
}

/* One call of the kernel. */
static ssize_t send_pieces(const stream *self, const csgi_str *pieces, size_t count)
{
    struct iovec vectors[WRITE_PIECES];
    struct msghdr message = { .msg_iov = vectors, .msg_iovlen = count };

    for (size_t i = 0; i < count; i++)
        vectors[i] = (struct iovec){ (char *)pieces[i].ptr, pieces[i].len };
    return sendmsg(self->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Likewise for few bytes: with a copy in one piece it is the cheapest call that there is. */
static ssize_t send_run(const stream *self, const csgi_str *pieces, size_t count, size_t len)
{
    static _Thread_local char run[SHORT_RUN];
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len) memcpy(run + at, pieces[i].ptr, pieces[i].len);
        at += pieces[i].len;
    }
    return len ? send(self->fd, run, len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
}

static size_t sum_of(const csgi_str *pieces, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += pieces[i].len;
    return len;
}

/* Gives the kernel what it takes at once. *taken counts it. CSGI_EDISCONNECTED. */
static csgi_status write_now(stream *self, const csgi_str *pieces, size_t count, size_t *taken)
{
    for (size_t n; count > 0; pieces += n, count -= n) {
        size_t len;
        ssize_t sent;

        n = count < WRITE_PIECES ? count : WRITE_PIECES;
        len = sum_of(pieces, n);
        sent = len <= SHORT_RUN ? send_run(self, pieces, n, len) : send_pieces(self, pieces, n);
        if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
            break_after_reading(self);
            return CSGI_EDISCONNECTED;
        }
        if (sent > 0) *taken += (size_t)sent;
        if (sent < 0 || (size_t)sent < len) return CSGI_OK;
    }
    return CSGI_OK;
}

/* Copies the pieces but for the first skip bytes. */
static csgi_status keep(stream *self, const csgi_str *pieces, size_t count, size_t skip)
{
    if (!self->outgoing) self->outgoing = calloc(1, sizeof *self->outgoing);
    if (!self->outgoing) return CSGI_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t skipped = skip < pieces[i].len ? skip : pieces[i].len;
        csgi_status status;

        skip -= skipped;
        status = buffer_append(&self->outgoing->waiting, pieces[i].ptr + skipped,
                               pieces[i].len - skipped);
        if (status) return status;
    }
    if (!self->flying) fly(self);
    return CSGI_OK;
}

/* Nothing may be written any more. */
static bool is_done(const stream *self)
{
    return self->closing || self->broken || self->shut;
}

csgi_status stream_socket_write(stream *self, const csgi_str *pieces, size_t count)
{
    size_t len = sum_of(pieces, count), taken = 0;
    csgi_status status;

    if (is_done(self)) return CSGI_EDISCONNECTED;
    self->accepted += len;
    if (stream_queued(self) == 0) {
        status = write_now(self, pieces, count, &taken);
        if (status) return status;
    }
    if (taken == len) return CSGI_OK;
    status = keep(self, pieces, count, taken);
    /* A gap in what the peer reads must not be followed by anything. */
    if (status) self->broken = true;
    return self->broken ? (status ? status : CSGI_EDISCONNECTED) : CSGI_OK;
}

csgi_status stream_write(stream *self, const csgi_str *pieces, size_t count)
{
    if (!self->filter) return stream_socket_write(self, pieces, count);
    if (is_done(self)) return CSGI_EDISCONNECTED;
    return self->filter->functions->write(self->filter, pieces, count);
}

size_t stream_queued(const stream *self)
{
    if (!self->outgoing) return 0;
    return self->outgoing->waiting.len + self->uv.stream.write_queue_size;
}

uint64_t stream_progress(const stream *self)
{
    int unread = 0; /* given to the kernel, which has not got rid of it yet */

    if (self->fd >= 0) ioctl(self->fd, SIOCOUTQ, &unread);
    return self->accepted - stream_queued(self) - (uint64_t)unread;
}

void stream_socket_shutdown(stream *self)
{
    if (is_done(self)) return;
    self->shut = true;
    if (!self->outgoing) shutdown(self->fd, SHUT_WR);
}

void stream_shutdown(stream *self)
{
    if (!self->filter)
        stream_socket_shutdown(self);
    else if (!is_done(self))
        self->filter->functions->shutdown(self->filter);
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *uv)
{
    stream *self = INSIDE_UV(uv);
    const stream_events *events = self->events;
    void *owner = self->owner;

    drop_outgoing(self);
    if (self->connecting) connecting_free(self->connecting);
    stream_end_release(self->peer);
    stream_end_release(self->local);
    give_back(self);
    if (events) events->on_closed(owner);
}

static void close_socket(stream *self)
{
    self->closing = true;
    timer_stop(self->loop, &self->broken_soon);
    uv_close(&self->uv.any, on_closed);
}

void stream_close(stream *self)
{
    CHECK(!self->closing);
    if (self->filter) self->filter->functions->close(self->filter, true);
    close_socket(self);
}

void stream_abort(stream *self)
{
    CHECK(!self->closing);
    if (self->filter) self->filter->functions->close(self->filter, false);
    if (self->is_tcp && self->fd >= 0) {
        struct linger reset = { .l_onoff = 1, .l_linger = 0 };

        /* What uv_tcp_close_reset does, which refuses some states. */
        setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    close_socket(self);
}
