/* SPDX-License-Identifier: MIT
 * Connecting a stream to an address. */
#include "net/stream.h"

#include <stdlib.h>

#include "base/check.h"
#include "net/stream_inside.h"

struct connecting {
    uv_connect_t request;
    stream *stream;
    connect_fn on_done;
    void *arg;
    int failed;        /* libuv's code of a failure known at once */
    timer failed_soon; /* tells of it from the loop */
};

void connecting_free(connecting *self)
{
    free(self);
}

/* The connecting's memory goes with the stream's, which libuv still needs for a while. */
static void fail(connecting *self, int failed)
{
    connect_fn on_done = self->on_done;
    void *arg = self->arg;

    stream_close(self->stream);
    on_done(arg, NULL, failed == UV_ENOMEM ? CSGI_ENOMEM : CSGI_EUNREACH, uv_strerror(failed));
}

static void on_failed_due(timer *due)
{
    connecting *self = CONTAINER_OF(due, connecting, failed_soon);

    fail(self, self->failed);
}

static void on_connected(uv_connect_t *request, int failed)
{
    connecting *self = CONTAINER_OF(request, connecting, request);
    stream *connected = self->stream;
    connect_fn on_done = self->on_done;
    void *arg = self->arg;

    if (connected->closing) return; /* given up */
    if (!failed) failed = uv_fileno(&connected->uv.any, &connected->fd);
    if (failed) {
        fail(self, failed);
        return;
    }
    connected->connecting = NULL;
    free(self);
    on_done(arg, connected, CSGI_OK, NULL);
}

csgi_status stream_connect(loop *runner, const address *to, connect_fn on_done, void *arg,
                           connecting **out)
{
    bool is_tcp = !address_is_unix(to);
    connecting *self = calloc(1, sizeof *self);
    csgi_status status;

    if (!self) return CSGI_ENOMEM;
    stream_ignore_sigpipe();
    status = stream_new(runner, is_tcp, &self->stream);
    if (status) {
        free(self);
        return status;
    }
    self->stream->connecting = self;
    self->on_done = on_done;
    self->arg = arg;
    timer_init(&self->failed_soon, on_failed_due);
    if (is_tcp) {
        uv_tcp_nodelay(&self->stream->uv.tcp, 1);
        self->failed =
            uv_tcp_connect(&self->request, &self->stream->uv.tcp, &to->as.any, on_connected);
        if (self->failed) timer_start(runner, &self->failed_soon, 0);
    } else {
        uv_pipe_connect(&self->request, &self->stream->uv.pipe, address_host(to).bytes,
                        on_connected);
    }
    *out = self;
    return CSGI_OK;
}

void connecting_cancel(connecting *self)
{
    timer_stop(self->stream->loop, &self->failed_soon);
    stream_close(self->stream);
}
