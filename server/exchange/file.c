/* SPDX-License-Identifier: MIT
 * Files as bodies. The first bytes are read and go out with the head in one write; then the wire
 * has the kernel send the rest, if it can. Where it cannot, or the client is slow, the file is read
 * a piece at a time into the loop's scratch memory, so that no file takes memory. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "exchange/exchange_inside.h"

/* When the kernel takes no more of a file, so much is read and queued: that it has gone says when
 * to go on. */
#define WAITING_PIECE ((size_t)16384)
/* How often a pipe that has nothing is looked at. */
#define PIPE_LOOK_MS 10u
#define UNKNOWN      UINT64_MAX

typedef struct file_source {
    int fd;
    uint64_t offset, left; /* UNKNOWN: until its end */
    bool has_offset;       /* a pipe or device is read from where it is */
    bool must_read;        /* the kernel cannot send it */
} file_source;

/* ---- reading ---- */

static csgi_status fail(exchange *self, const char *what, const char **why)
{
    csgi_str text = arena_printf(&self->arena, "%s: %s", what, strerror(errno));

    return exchange_refuse(why, CSGI_EFAIL, text.ptr ? text.ptr : what);
}

/* A read of a pipe must not block the loop. [suspends] */
static csgi_status wait_for_bytes(exchange *self, const file_source *source)
{
    struct pollfd look = { .fd = source->fd, .events = POLLIN };

    while (!source->has_offset && poll(&look, 1, 0) == 0) {
        csgi_status status = task_sleep(self->loop, PIPE_LOOK_MS);

        if (status) return status;
        if (exchange_is_closed(self)) return CSGI_EDISCONNECTED;
    }
    return CSGI_OK;
}

/* Reads at most len bytes into the scratch memory, which is anybody's after the next suspension. */
static csgi_status read_piece(exchange *self, file_source *source, size_t len, csgi_str *piece,
                              const char **why)
{
    char *into = loop_scratch(self->loop);
    ssize_t got;
    csgi_status status = wait_for_bytes(self, source);

    if (status) return status;
    if (len > LOOP_SCRATCH_SIZE) len = LOOP_SCRATCH_SIZE;
    do {
        got = source->has_offset ? pread(source->fd, into, len, (off_t)source->offset)
                                 : read(source->fd, into, len);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return fail(self, "the file cannot be read", why);
    *piece = (csgi_str){ into, (size_t)got };
    return CSGI_OK;
}

static csgi_status deliver_piece(exchange *self, file_source *source, size_t len, size_t *sent,
                                 const char **why)
{
    csgi_str piece = { NULL, 0 };
    csgi_status status = read_piece(self, source, len, &piece, why);

    if (status) return status;
    if (piece.len == 0)
        return exchange_refuse(why, CSGI_EFAIL, "the file has become shorter than it was");
    *sent = piece.len;
    return exchange_deliver(self, piece, false);
}

/* ---- sending ---- */

/* By the kernel: *sent is 0 if that is not possible, or not now. */
static csgi_status send_by_kernel(exchange *self, file_source *source, size_t len, size_t *sent)
{
    csgi_status status;

    *sent = 0;
    if (source->must_read || self->phase != EXCHANGE_FLUSHED) return CSGI_OK;
    status = self->wire->file(self, source->fd, source->offset, len, sent);
    source->must_read = status == CSGI_ENOTSUP;
    self->body_bytes += *sent;
    self->body_bytes_sent += *sent;
    return source->must_read ? CSGI_OK : status;
}

/* Sends that many bytes, all of them. [suspends] */
static csgi_status send_slice(exchange *self, file_source *source, size_t len, const char **why)
{
    while (len) {
        bool is_first = self->phase != EXCHANGE_FLUSHED;
        size_t sent;
        csgi_status status = send_by_kernel(self, source, len, &sent);

        if (!status && !sent) {
            size_t most = is_first || source->must_read ? LOOP_SCRATCH_SIZE : WAITING_PIECE;

            status = deliver_piece(self, source, len < most ? len : most, &sent, why);
        }
        if (status) return status;
        source->offset += sent;
        source->left -= sent;
        len -= sent;
        if ((status = exchange_wait_drained(self, 0))) return status;
    }
    return CSGI_OK;
}

/* [suspends] */
static csgi_status send_known(exchange *self, file_source *source, bool more, const char **why)
{
    bool is_empty = source->left == 0;

    if (exchange_is_bodyless(self)) {
        self->body_bytes += source->left;
        return exchange_deliver(self, STR(""), !more);
    }
    while (source->left) {
        size_t len = source->left < EXCHANGE_SLICE ? (size_t)source->left : EXCHANGE_SLICE;
        csgi_status status = send_slice(self, source, len, why);

        if (!status && source->left) status = task_yield(self->loop);
        if (!status && exchange_is_closed(self)) status = CSGI_EDISCONNECTED;
        if (status) return status;
    }
    return more && !is_empty ? CSGI_OK : exchange_deliver(self, STR(""), !more);
}

/* Sends until there is no more. [suspends] */
static csgi_status send_unknown(exchange *self, file_source *source, bool more, const char **why)
{
    while (!exchange_is_bodyless(self)) {
        csgi_str piece = { NULL, 0 };
        csgi_status status = read_piece(self, source, LOOP_SCRATCH_SIZE, &piece, why);

        if (status) return status;
        if (piece.len == 0) break;
        source->offset += piece.len;
        status = exchange_body_in_turn(self, piece, true, why);
        if (!status) status = task_yield(self->loop);
        if (status) return status;
    }
    return exchange_body_in_turn(self, STR(""), more, why);
}

/* [suspends] */
static csgi_status send_source(exchange *self, file_source *source, bool more, const char **why)
{
    bool had_length = self->has_declared_length;
    csgi_status status;

    source->must_read = !source->has_offset || !self->wire->file;
    if (source->left == UNKNOWN) {
        status = send_unknown(self, source, more, why);
    } else {
        status = exchange_fit_length(self, source->left, more, why);
        if (!status) status = send_known(self, source, more, why);
    }
    if (!status) return CSGI_OK;
    /* The rest of it will never come: nothing may follow what went out. */
    if (self->phase == EXCHANGE_FLUSHED) exchange_cut(self);
    if (self->phase == EXCHANGE_STARTED) self->has_declared_length = had_length;
    return status;
}

/* ---- which part of what ---- */

static csgi_status look_at_part(exchange *self, const struct stat *is, uint64_t count,
                                file_source *source, const char **why)
{
    uint64_t size = (uint64_t)is->st_size;

    if (S_ISDIR(is->st_mode)) return exchange_refuse(why, CSGI_EINVAL, "it is a directory");
    source->has_offset = S_ISREG(is->st_mode);
    source->left = count;
    if (!source->has_offset) {
        if (source->offset == 0) return CSGI_OK;
        return exchange_refuse(why, CSGI_EINVAL, "a pipe, socket or device has no offset");
    }
    /* The files of /proc say 0 whatever they have. */
    if (size == 0 && source->offset == 0 && count == UNKNOWN) return CSGI_OK;
    if (source->offset > size || (count != UNKNOWN && count > size - source->offset)) {
        csgi_str text =
            arena_printf(&self->arena, "the file has only %llu bytes", (unsigned long long)size);

        return exchange_refuse(why, CSGI_EINVAL, text.ptr ? text.ptr : "the file is shorter");
    }
    if (count == UNKNOWN) source->left = size - source->offset;
    return CSGI_OK;
}

static csgi_status file_in_turn(exchange *self, file_source *source, uint64_t count, bool more,
                                const char **why)
{
    csgi_status status = exchange_body_is_due(self, why);
    struct stat is;

    if (status) return status;
    if (fstat(source->fd, &is)) {
        fail(self, "its descriptor", why);
        return CSGI_EINVAL;
    }
    status = look_at_part(self, &is, count, source, why);
    return status ? status : send_source(self, source, more, why);
}

csgi_status exchange_file(exchange *self, int fd, uint64_t offset, uint64_t count, bool more,
                          const char **why)
{
    file_source source = { .fd = fd, .offset = offset };
    csgi_status failed = exchange_enter(self);

    *why = "";
    if (failed) return failed;
    failed = file_in_turn(self, &source, count, more, why);
    exchange_leave(self);
    return exchange_end_send(self, failed);
}

/* ---- by path ---- */

static csgi_status open_path(exchange *self, csgi_str path, int *fd, const char **why)
{
    csgi_str name = arena_copy_str(&self->arena, path);

    if (!name.ptr) return CSGI_ENOMEM;
    if (!str_starts_with(path, STR("/")))
        return exchange_refuse(why, CSGI_EINVAL, "the path is not absolute");
    if (str_find_char(path, '\0') < path.len)
        return exchange_refuse(why, CSGI_EINVAL, "the path has a NUL");
    /* Opening a FIFO must not wait for its writer. */
    *fd = open(name.ptr, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return *fd < 0 ? fail(self, name.ptr, why) : CSGI_OK;
}

static csgi_status send_opened(exchange *self, int fd, const char **why)
{
    file_source source = { .fd = fd };
    struct stat is;
    csgi_status status;

    if (fstat(fd, &is)) return fail(self, "the file cannot be looked at", why);
    if (!S_ISREG(is.st_mode)) {
        return exchange_refuse(why, CSGI_EFAIL,
                               S_ISDIR(is.st_mode) ? "it is a directory" : "it is no regular file");
    }
    status = look_at_part(self, &is, UNKNOWN, &source, why);
    return status ? status : send_source(self, &source, false, why);
}

static csgi_status path_in_turn(exchange *self, csgi_str path, const char **why)
{
    csgi_status status = exchange_body_is_due(self, why);
    int fd = -1;

    if (status) return status;
    if (self->body_bytes)
        return exchange_refuse(why, CSGI_ESTATE, "it is a whole body, and some was sent before");
    if ((status = open_path(self, path, &fd, why))) return status;
    status = send_opened(self, fd, why);
    close(fd);
    return status;
}

csgi_status exchange_path(exchange *self, csgi_str path, const char **why)
{
    csgi_status failed = exchange_enter(self);

    *why = "";
    if (failed) return failed;
    failed = path_in_turn(self, path, why);
    exchange_leave(self);
    return exchange_end_send(self, failed);
}
