/* SPDX-License-Identifier: MIT
 * A filter between a stream's socket and its owner; this one changes the case of letters. */
#include "rig.h"

#include <ctype.h>
#include <sys/socket.h>

#include "net/stream_filter.h"

typedef struct upper {
    stream_filter filter;
    int shut, closed, orderly;
    bool has_more;
} upper;

typedef struct owner {
    rig rig;
    upper upper;
    stream *stream;
    int peer;
    buffer got;
    int eofs, brokens, drains, closes;
} owner;

static upper *of(stream_filter *filter)
{
    return CONTAINER_OF(filter, upper, filter);
}

/* ---- the filter ---- */

static void below_read(void *arg, char *bytes, size_t len)
{
    stream_filter *self = arg;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)tolower(bytes[i]);
    self->events->on_read(self->owner, bytes, len);
}

static void below_eof(void *arg)
{
    stream_filter *self = arg;

    self->events->on_eof(self->owner);
}

static void below_broken(void *arg)
{
    stream_filter *self = arg;

    self->events->on_broken(self->owner);
}

static void below_drained(void *arg)
{
    stream_filter *self = arg;

    self->events->on_drained(self->owner);
}

static void below_closed(void *arg)
{
    stream_filter *self = arg;

    of(self)->closed++;
    if (self->events) self->events->on_closed(self->owner);
}

static csgi_status filter_read_start(stream_filter *self)
{
    return stream_socket_read_start(self->stream);
}

static void filter_read_stop(stream_filter *self)
{
    stream_socket_read_stop(self->stream);
}

static bool filter_has_unread(const stream_filter *self)
{
    return CONTAINER_OF(self, upper, filter)->has_more;
}

static csgi_status filter_write(stream_filter *self, const csgi_str *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < pieces[i].len; at++) {
            char changed = (char)toupper(pieces[i].ptr[at]);
            csgi_status status = stream_socket_write(self->stream, &(csgi_str){ &changed, 1 }, 1);

            if (status) return status;
        }
    }
    return CSGI_OK;
}

static void filter_shutdown(stream_filter *self)
{
    of(self)->shut++;
    stream_socket_shutdown(self->stream);
}

static void filter_close(stream_filter *self, bool orderly)
{
    csgi_str bye = CSGI_STR("bye");

    of(self)->orderly += orderly;
    if (orderly) stream_socket_write(self->stream, &bye, 1);
}

static const char *filter_reason(const stream_filter *self)
{
    (void)self;
    return "because";
}

static const stream_filter_functions functions = {
    .events = { below_read, below_eof, below_broken, below_drained, below_closed },
    .read_start = filter_read_start,
    .read_stop = filter_read_stop,
    .has_unread = filter_has_unread,
    .write = filter_write,
    .shutdown = filter_shutdown,
    .close = filter_close,
    .broken_reason = filter_reason,
};

/* ---- the owner ---- */

static void on_read(void *arg, char *bytes, size_t len)
{
    assert_int_equal(buffer_append(&((owner *)arg)->got, bytes, len), CSGI_OK);
}

static void on_eof(void *arg)
{
    ((owner *)arg)->eofs++;
}

static void on_broken(void *arg)
{
    ((owner *)arg)->brokens++;
}

static void on_drained(void *arg)
{
    ((owner *)arg)->drains++;
}

static void on_closed(void *arg)
{
    owner *self = arg;

    assert_int_equal(self->upper.closed, 1);
    self->closes++;
}

static const stream_events events = { on_read, on_eof, on_broken, on_drained, on_closed };

static void begin_filtered(owner *self, bool owner_first)
{
    int pair[2];

    memset(self, 0, sizeof *self);
    begin(&self->rig);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    self->peer = pair[1];
    assert_int_equal(stream_from_fd(self->rig.loop, pair[0], &self->stream), CSGI_OK);
    assert_null(stream_broken_reason(self->stream));
    if (owner_first) stream_set_owner(self->stream, &events, self);
    stream_set_filter(self->stream, &self->upper.filter, &functions);
    if (!owner_first) stream_set_owner(self->stream, &events, self);
}

static void end_filtered(owner *self)
{
    loop_run(self->rig.loop);
    assert_int_equal(self->closes, 1);
    close(self->peer);
    buffer_fini(&self->got);
    finish(&self->rig);
}

static void assert_peer_gets(owner *self, const char *want)
{
    char bytes[64];
    ssize_t len = recv(self->peer, bytes, sizeof bytes, MSG_DONTWAIT);

    assert_int_equal(len, strlen(want));
    assert_memory_equal(bytes, want, (size_t)len);
}

static void test_bytes_go_through_the_filter_whenever_the_owner_was_set(void **state)
{
    (void)state;
    for (int owner_first = 0; owner_first < 2; owner_first++) {
        owner self;
        csgi_str pieces[] = { CSGI_STR("Hello, "), CSGI_STR("there") };

        begin_filtered(&self, owner_first);
        assert_int_equal(stream_write(self.stream, pieces, 2), CSGI_OK);
        assert_peer_gets(&self, "HELLO, THERE");
        assert_int_equal(send(self.peer, "GOOD DAY", 8, 0), 8);
        assert_true(stream_has_unread(self.stream));
        run_for(&self.rig, 2);
        assert_int_equal(self.got.len, 0);
        assert_int_equal(stream_read_start(self.stream), CSGI_OK);
        run_for(&self.rig, 2);
        assert_memory_equal(self.got.bytes, "good day", 8);
        assert_false(stream_has_unread(self.stream));
        self.upper.has_more = true;
        assert_true(stream_has_unread(self.stream));
        stream_read_stop(self.stream);
        assert_int_equal(send(self.peer, "MORE", 4, 0), 4);
        run_for(&self.rig, 2);
        assert_int_equal(self.got.len, 8);
        assert_ptr_equal(stream_get_filter(self.stream, &functions), &self.upper.filter);
        assert_null(stream_get_filter(self.stream, NULL));
        assert_string_equal(stream_broken_reason(self.stream), "because");
        stream_close(self.stream);
        end_filtered(&self);
    }
}

static void test_the_filter_has_the_last_word_when_the_end_is_orderly(void **state)
{
    owner self;

    (void)state;
    begin_filtered(&self, true);
    stream_close(self.stream);
    assert_peer_gets(&self, "bye");
    end_filtered(&self);
    assert_int_equal(self.upper.orderly, 1);
    begin_filtered(&self, true);
    stream_abort(self.stream);
    end_filtered(&self);
    assert_int_equal(self.upper.orderly, 0);
}

static void test_a_shut_or_broken_stream_asks_the_filter_for_nothing(void **state)
{
    owner self;
    csgi_str piece = CSGI_STR("x");
    size_t sent;

    (void)state;
    begin_filtered(&self, true);
    assert_int_equal(stream_send_file(self.stream, self.peer, 0, 1, &sent), CSGI_ENOTSUP);
    stream_shutdown(self.stream);
    stream_shutdown(self.stream);
    assert_int_equal(self.upper.shut, 1);
    assert_int_equal(stream_write(self.stream, &piece, 1), CSGI_EDISCONNECTED);
    assert_peer_gets(&self, "");
    stream_break_soon(self.stream);
    assert_int_equal(self.brokens, 0);
    run_for(&self.rig, 5);
    assert_int_equal(self.brokens, 1);
    assert_int_equal(stream_read_start(self.stream), CSGI_EFAIL);
    stream_close(self.stream);
    stream_read_stop(self.stream);
    assert_false(stream_has_unread(self.stream));
    end_filtered(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_go_through_the_filter_whenever_the_owner_was_set),
        cmocka_unit_test(test_the_filter_has_the_last_word_when_the_end_is_orderly),
        cmocka_unit_test(test_a_shut_or_broken_stream_asks_the_filter_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
