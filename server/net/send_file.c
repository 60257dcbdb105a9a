/* SPDX-License-Identifier: MIT
 * A stream's writing of files without reading them: sendfile, on TCP and Unix sockets. */
#include <errno.h>
#include <sys/sendfile.h>

#include "net/stream_inside.h"

static bool is_about_peer(int error)
{
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == ETIMEDOUT;
}

csgi_status stream_send_file(stream *self, int fd, uint64_t offset, size_t len, size_t *sent)
{
    off_t at = (off_t)offset;
    ssize_t done;

    *sent = 0;
    if (self->closing || self->broken || self->shut) return CSGI_EDISCONNECTED;
    if (offset > INT64_MAX || self->filter) return CSGI_ENOTSUP;
    if (stream_queued(self)) return CSGI_OK;
    do {
        done = sendfile(self->fd, fd, &at, len);
    } while (done < 0 && errno == EINTR);
    if (done >= 0) {
        *sent = (size_t)done;
        self->accepted += *sent;
        return CSGI_OK;
    }
    if (errno == EAGAIN || errno == ENOMEM) return CSGI_OK;
    if (!is_about_peer(errno)) return CSGI_ENOTSUP;
    stream_break_soon(self);
    return CSGI_EDISCONNECTED;
}
