/* SPDX-License-Identifier: MIT
 * For the tests of listeners: a loop, listeners on it, and what they accepted. */
#ifndef CAPRICORN_TEST_NET_RIG_H
#define CAPRICORN_TEST_NET_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "loop/timer.h"
#include "net/listener.h"

static const loop_options usual;

typedef struct rig {
    loop *loop;
    timer timer;
    int accepted;
    stream *streams[64];
} rig;

static inline void on_accept(void *arg, stream *accepted)
{
    rig *self = arg;

    assert_in_range(self->accepted, 0, 63);
    self->streams[self->accepted++] = accepted;
}

static inline void begin(rig *self)
{
    memset(self, 0, sizeof *self);
    assert_int_equal(loop_new(&usual, &self->loop), CSGI_OK);
}

static inline void stop_loop(timer *due)
{
    loop_stop(CONTAINER_OF(due, rig, timer)->loop);
}

static inline void run_for(rig *self, uint64_t ms)
{
    timer_init(&self->timer, stop_loop);
    timer_start(self->loop, &self->timer, ms);
    loop_run(self->loop);
}

static inline void until_accepted(rig *self, int count)
{
    for (int i = 0; i < 200 && self->accepted < count; i++)
        run_for(self, 10);
    assert_int_equal(self->accepted, count);
}

static inline void finish(rig *self)
{
    for (int i = 0; i < self->accepted; i++)
        stream_close(self->streams[i]);
    loop_run(self->loop);
    loop_free(self->loop);
    stream_pool_clear();
}

/* The first address of a host. */
static inline csgi_status bind_host(loop *runner, const char *host, uint32_t port, listener **out,
                                    buffer *reason)
{
    address found[8];
    size_t count;
    csgi_status status = listener_find_host(host, port, found, COUNT_OF(found), &count, reason);

    return status ? status : listener_bind_tcp(runner, &found[0], false, out, reason);
}

static inline listener *bound(rig *self, const char *host, uint32_t port)
{
    listener *made;
    buffer reason = { 0 };

    if (bind_host(self->loop, host, port, &made, &reason))
        fail_msg("%.*s", (int)reason.len, reason.bytes);
    return made;
}

static inline listener *bound_unix(rig *self, const char *path)
{
    listener *made;
    buffer reason = { 0 };

    if (listener_bind_unix(self->loop, path, LISTENER_MODE_BY_MASK, &made, &reason))
        fail_msg("%.*s", (int)reason.len, reason.bytes);
    return made;
}

static inline void start(rig *self, listener *it)
{
    buffer reason = { 0 };

    if (listener_start(it, 64, on_accept, self, &reason))
        fail_msg("%.*s", (int)reason.len, reason.bytes);
}

static inline void assert_reason(buffer *reason, const char *want)
{
    assert_int_equal(buffer_append(reason, "", 1), CSGI_OK);
    assert_string_equal(reason->bytes, want);
    buffer_fini(reason);
}

static inline int connect_to(const address *to)
{
    int fd = socket(to->as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &to->as.any, to->len), 0);
    return fd;
}

#endif
