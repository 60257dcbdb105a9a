/* SPDX-License-Identifier: MIT
 * Streams, against plain sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "failing_malloc.h"
#include "loop/timer.h"
#include "net/stream.h"

typedef struct rig {
    loop *loop;
    stream *stream;
    int peer; /* the other end */
    timer timer;
    buffer got;
    int eofs, brokens, drains, closes;
    bool in_call, stops_on_read, closes_on_read;
} rig;

static void on_read(void *owner, char *bytes, size_t len)
{
    rig *self = owner;

    assert_false(self->in_call);
    bytes[0] ^= 0; /* writable */
    assert_int_equal(buffer_append(&self->got, bytes, len), CSGI_OK);
    if (self->stops_on_read) stream_read_stop(self->stream);
    if (self->closes_on_read) stream_close(self->stream);
}

static void on_eof(void *owner)
{
    rig *self = owner;

    assert_false(self->in_call);
    self->eofs++;
}

static void on_broken(void *owner)
{
    rig *self = owner;

    assert_false(self->in_call);
    self->brokens++;
}

static void on_drained(void *owner)
{
    rig *self = owner;

    assert_false(self->in_call);
    assert_int_equal(stream_queued(self->stream), 0);
    self->drains++;
}

static void on_closed(void *owner)
{
    rig *self = owner;

    assert_false(self->in_call);
    self->closes++;
}

static const stream_events events = { .on_read = on_read,
                                      .on_eof = on_eof,
                                      .on_broken = on_broken,
                                      .on_drained = on_drained,
                                      .on_closed = on_closed };

static void tcp_pair(int pair[2])
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair[1], (struct sockaddr *)&at, sizeof at), 0);
    pair[0] = accept(listener, NULL, NULL);
    assert_true(pair[0] >= 0);
    close(listener);
}

static void begin(rig *self, bool is_tcp)
{
    static const loop_options usual;
    int pair[2];

    memset(self, 0, sizeof *self);
    assert_int_equal(loop_new(&usual, &self->loop), CSGI_OK);
    if (is_tcp)
        tcp_pair(pair);
    else
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    self->peer = pair[1];
    assert_int_equal(stream_from_fd(self->loop, pair[0], &self->stream), CSGI_OK);
    stream_set_owner(self->stream, &events, self);
}

static void stop_loop(timer *due)
{
    loop_stop(CONTAINER_OF(due, rig, timer)->loop);
}

/* Lets events happen for a little while. */
static void run_a_while(rig *self)
{
    timer_init(&self->timer, stop_loop);
    timer_start(self->loop, &self->timer, 20);
    loop_run(self->loop);
}

static void finish(rig *self)
{
    if (!self->closes) {
        self->in_call = true;
        stream_close(self->stream);
        self->in_call = false;
        loop_run(self->loop);
    }
    assert_int_equal(self->closes, 1);
    close(self->peer);
    loop_free(self->loop);
    buffer_fini(&self->got);
    stream_pool_clear();
}

static csgi_status write_text(rig *self, const char *text)
{
    csgi_str piece = str_from(text);
    csgi_status status;

    self->in_call = true;
    status = stream_write(self->stream, &piece, 1);
    self->in_call = false;
    return status;
}

static void assert_received(rig *self, const char *want)
{
    char got[100] = "";
    ssize_t len = recv(self->peer, got, sizeof got, MSG_DONTWAIT);

    assert_int_equal(len, strlen(want));
    assert_memory_equal(got, want, strlen(want));
}

static void bytes_and_the_end_are_told(void **state)
{
    (void)state;
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        rig now;

        begin(&now, is_tcp);
        assert_int_equal(stream_read_start(now.stream), CSGI_OK);
        assert_int_equal(stream_read_start(now.stream), CSGI_OK);
        assert_int_equal(send(now.peer, "hello", 5, 0), 5);
        run_a_while(&now);
        assert_int_equal(now.got.len, 5);
        assert_int_equal(now.eofs, 0);
        shutdown(now.peer, SHUT_WR);
        run_a_while(&now);
        assert_int_equal(now.eofs, 1);
        assert_int_equal(write_text(&now, "still"), CSGI_OK);
        assert_received(&now, "still");
        assert_int_equal(now.brokens, 0);
        finish(&now);
    }
}

static void reading_stops_and_starts_at_will(void **state)
{
    rig now;

    (void)state;
    begin(&now, true);
    now.stops_on_read = true;
    assert_int_equal(stream_read_start(now.stream), CSGI_OK);
    assert_int_equal(send(now.peer, "one", 3, 0), 3);
    run_a_while(&now);
    assert_int_equal(send(now.peer, "two", 3, 0), 3);
    run_a_while(&now);
    assert_int_equal(now.got.len, 3);
    assert_int_equal(stream_read_start(now.stream), CSGI_OK);
    run_a_while(&now);
    assert_int_equal(now.got.len, 6);
    assert_memory_equal(now.got.bytes, "onetwo", 6);
    finish(&now);
}

static void bytes_that_the_kernel_holds_are_noticed_and_stay(void **state)
{
    rig now;

    (void)state;
    begin(&now, true);
    assert_false(stream_has_unread(now.stream));
    assert_int_equal(send(now.peer, "ab", 2, 0), 2);
    assert_true(stream_has_unread(now.stream));
    assert_int_equal(stream_read_start(now.stream), CSGI_OK);
    run_a_while(&now);
    assert_int_equal(now.got.len, 2);
    assert_false(stream_has_unread(now.stream));
    shutdown(now.peer, SHUT_WR); /* an end is no byte */
    assert_false(stream_has_unread(now.stream));
    finish(&now);
}

static void the_owner_may_close_within_a_read(void **state)
{
    rig now;

    (void)state;
    begin(&now, true);
    now.closes_on_read = true;
    assert_int_equal(stream_read_start(now.stream), CSGI_OK);
    assert_int_equal(send(now.peer, "x", 1, 0), 1);
    run_a_while(&now);
    assert_int_equal(now.closes, 1);
    finish(&now);
}

static void pieces_are_written_in_order_without_an_allocation(void **state)
{
    csgi_str pieces[40];
    char want[100] = "";
    rig now;
    size_t before;

    (void)state;
    begin(&now, true);
    for (size_t i = 0; i < 40; i++) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqr";

        pieces[i] = (csgi_str){ letters + i, i % 3 };
        strncat(want, letters + i, i % 3);
    }
    before = failing_malloc_count();
    assert_int_equal(stream_write(now.stream, pieces, 40), CSGI_OK);
    assert_int_equal(failing_malloc_count(), before);
    assert_int_equal(stream_queued(now.stream), 0);
    assert_received(&now, want);
    run_a_while(&now);
    assert_int_equal(now.drains, 0);
    finish(&now);
}

#define LARGE ((size_t)8 << 20)

/* Reads the peer's side to the end of what was sent; events happen meanwhile. */
static void receive_all(rig *self, char *into, size_t size)
{
    size_t len = 0;

    for (int i = 0; len < size && i < 100000; i++) {
        ssize_t got = recv(self->peer, into + len, size - len, MSG_DONTWAIT);

        if (got > 0)
            len += (size_t)got;
        else
            run_a_while(self);
    }
    assert_int_equal(len, size);
}

static void what_the_kernel_does_not_take_is_queued_in_order(void **state)
{
    char *body = malloc(LARGE), *got = malloc(LARGE + 8);

    (void)state;
    for (size_t i = 0; i < LARGE; i++)
        body[i] = (char)(i * 7 + i / 251);
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        rig now;
        csgi_str pieces[2] = { CSGI_STR("<"), { body, LARGE } };

        begin(&now, is_tcp);
        now.in_call = true;
        assert_int_equal(stream_write(now.stream, pieces, 2), CSGI_OK);
        now.in_call = false;
        assert_true(stream_queued(now.stream) > 0);
        assert_int_equal(write_text(&now, "and "), CSGI_OK);
        assert_int_equal(write_text(&now, "on>"), CSGI_OK);
        stream_shutdown(now.stream);
        assert_int_equal(write_text(&now, "no"), CSGI_EDISCONNECTED);
        receive_all(&now, got, LARGE + 8);
        assert_int_equal(got[0], '<');
        assert_memory_equal(got + 1, body, LARGE);
        assert_memory_equal(got + 1 + LARGE, "and on>", 7);
        run_a_while(&now);
        assert_int_equal(now.drains, 1);
        assert_int_equal(recv(now.peer, got, 1, 0), 0); /* the end, after the queue */
        finish(&now);
    }
    free(body);
    free(got);
}

static void a_shutdown_with_nothing_queued_is_seen_at_once(void **state)
{
    rig now;
    char byte;

    (void)state;
    begin(&now, true);
    stream_shutdown(now.stream);
    assert_int_equal(recv(now.peer, &byte, 1, 0), 0);
    finish(&now);
}

static void a_failed_write_is_remembered_and_told_once_from_the_loop(void **state)
{
    (void)state;
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        rig now;
        csgi_status status = CSGI_OK;

        begin(&now, is_tcp);
        close(now.peer);
        for (int i = 0; status == CSGI_OK && i < 100; i++) { /* the first may still be taken */
            status = write_text(&now, "x");
            usleep(1000);
        }
        assert_int_equal(status, CSGI_EDISCONNECTED);
        assert_int_equal(now.brokens, 0);
        assert_int_equal(write_text(&now, "x"), CSGI_EDISCONNECTED);
        run_a_while(&now);
        assert_int_equal(now.brokens, 1);
        assert_int_equal(write_text(&now, "x"), CSGI_EDISCONNECTED);
        run_a_while(&now);
        assert_int_equal(now.brokens, 1);
        now.peer = -1;
        finish(&now);
    }
}

static void a_queued_write_that_fails_is_told(void **state)
{
    char *body = calloc(1, LARGE);
    csgi_str piece = { body, LARGE };
    rig now;

    (void)state;
    begin(&now, true);
    assert_int_equal(stream_write(now.stream, &piece, 1), CSGI_OK);
    assert_true(stream_queued(now.stream) > 0);
    close(now.peer); /* with bytes unread: a reset */
    now.peer = -1;
    run_a_while(&now);
    assert_int_equal(now.brokens, 1);
    assert_int_equal(now.drains, 0);
    assert_int_equal(write_text(&now, "x"), CSGI_EDISCONNECTED);
    finish(&now);
    free(body);
}

static void a_reset_by_the_peer_is_told(void **state)
{
    struct linger zero = { .l_onoff = 1 };
    rig now;

    (void)state;
    begin(&now, true);
    assert_int_equal(stream_read_start(now.stream), CSGI_OK);
    setsockopt(now.peer, SOL_SOCKET, SO_LINGER, &zero, sizeof zero);
    close(now.peer);
    now.peer = -1;
    run_a_while(&now);
    assert_int_equal(now.brokens, 1);
    assert_int_equal(now.eofs, 0);
    finish(&now);
}

static void a_reset_right_behind_bytes_is_no_end(void **state)
{
    struct linger zero = { .l_onoff = 1 };
    rig now;

    (void)state;
    begin(&now, true);
    assert_int_equal(stream_read_start(now.stream), CSGI_OK);
    assert_int_equal(send(now.peer, "half", 4, 0), 4);
    setsockopt(now.peer, SOL_SOCKET, SO_LINGER, &zero, sizeof zero);
    close(now.peer);
    now.peer = -1;
    run_a_while(&now);
    assert_int_equal(now.brokens, 1);
    assert_int_equal(now.eofs, 0);
    finish(&now);
}

static void closing_drops_the_queue(void **state)
{
    char *body = calloc(1, LARGE);
    csgi_str piece = { body, LARGE };
    rig now;

    (void)state;
    begin(&now, true);
    assert_int_equal(stream_write(now.stream, &piece, 1), CSGI_OK);
    assert_int_equal(stream_write(now.stream, &piece, 1), CSGI_OK);
    stream_close(now.stream);
    assert_int_equal(write_text(&now, "x"), CSGI_EDISCONNECTED);
    run_a_while(&now);
    assert_int_equal(now.closes, 1);
    assert_int_equal(now.drains + now.brokens, 0);
    finish(&now);
    free(body);
}

static void an_abort_resets_and_a_close_does_not(void **state)
{
    (void)state;
    for (int aborts = 0; aborts < 2; aborts++) {
        rig now;
        char byte;
        ssize_t got;

        begin(&now, true);
        if (aborts)
            stream_abort(now.stream);
        else
            stream_close(now.stream);
        run_a_while(&now);
        errno = 0;
        got = recv(now.peer, &byte, 1, 0);
        assert_int_equal(got, aborts ? -1 : 0);
        assert_int_equal(errno, aborts ? ECONNRESET : 0);
        finish(&now);
    }
}

static void when_memory_ends_nothing_more_is_written(void **state)
{
    char *body = calloc(1, LARGE);
    csgi_str piece = { body, LARGE };
    bool failed = true;
    size_t n = 0;

    (void)state;
    for (; failed && n < 20; n++) {
        rig now;
        csgi_status status;

        begin(&now, true);
        failing_malloc_after(n);
        status = stream_write(now.stream, &piece, 1);
        failed = failing_malloc_off();
        assert_int_equal(status, failed ? CSGI_ENOMEM : CSGI_OK);
        assert_int_equal(write_text(&now, "x"), failed ? CSGI_EDISCONNECTED : CSGI_OK);
        finish(&now);
    }
    assert_in_range(n, 2, 19);
    free(body);
}

static void both_ends_have_their_addresses(void **state)
{
    rig now;
    struct sockaddr_in at;
    socklen_t len = sizeof at;

    (void)state;
    begin(&now, true);
    assert_int_equal(getsockname(now.peer, (struct sockaddr *)&at, &len), 0);
    assert_string_equal(address_host(stream_peer(now.stream)).bytes, "127.0.0.1");
    assert_int_equal(address_port(stream_peer(now.stream)), ntohs(at.sin_port));
    assert_int_equal(getpeername(now.peer, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(address_port(stream_local(now.stream)), ntohs(at.sin_port));
    assert_ptr_equal(stream_loop(now.stream), now.loop);
    finish(&now);
    begin(&now, false);
    assert_true(address_is_unix(stream_peer(now.stream)));
    assert_string_equal(address_host(stream_peer(now.stream)).bytes, "");
    finish(&now);
}

static void streams_with_the_same_local_end_share_its_memory(void **state)
{
    const address *shared;
    stream *second;
    rig now;
    int pair[2];

    (void)state;
    begin(&now, false);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(stream_from_fd(now.loop, pair[0], &second), CSGI_OK);
    shared = stream_local(now.stream);
    assert_ptr_equal(stream_local(second), shared);
    assert_ptr_not_equal(stream_peer(second), shared);
    stream_close(second);
    run_a_while(&now);
    assert_true(address_is_unix(shared)); /* the first one still has it */
    close(pair[1]);
    finish(&now);
}

static void an_address_without_memory_is_unnamed(void **state)
{
    rig now;

    (void)state;
    begin(&now, true);
    failing_malloc_after(0);
    assert_string_equal(address_host(stream_peer(now.stream)).bytes, "");
    assert_string_equal(address_host(stream_local(now.stream)).bytes, "");
    assert_true(failing_malloc_off());
    assert_string_equal(address_host(stream_peer(now.stream)).bytes, "127.0.0.1");
    finish(&now);
}

static void small_writes_leave_at_once(void **state)
{
    rig now;
    int pair[2], on = 0;
    socklen_t len = sizeof on;

    (void)state;
    begin(&now, true);
    tcp_pair(pair);
    close(pair[1]);
    {
        int copy = dup(pair[0]);
        stream *second;

        assert_int_equal(stream_from_fd(now.loop, pair[0], &second), CSGI_OK);
        assert_int_equal(getsockopt(copy, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
        assert_int_equal(on, 1);
        close(copy);
        stream_close(second); /* without an owner */
    }
    finish(&now);
}

static void a_stream_is_made_without_an_allocation_once_one_has_closed(void **state)
{
    rig now;
    int pair[2];
    size_t before;

    (void)state;
    begin(&now, true);
    stream_close(now.stream);
    run_a_while(&now);
    assert_int_equal(now.closes, 1);
    close(now.peer);
    now.closes = 0;
    tcp_pair(pair);
    now.peer = pair[1];
    before = failing_malloc_count();
    assert_int_equal(stream_from_fd(now.loop, pair[0], &now.stream), CSGI_OK);
    assert_int_equal(failing_malloc_count(), before);
    stream_set_owner(now.stream, &events, &now);
    finish(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_the_end_are_told),
        cmocka_unit_test(reading_stops_and_starts_at_will),
        cmocka_unit_test(bytes_that_the_kernel_holds_are_noticed_and_stay),
        cmocka_unit_test(the_owner_may_close_within_a_read),
        cmocka_unit_test(pieces_are_written_in_order_without_an_allocation),
        cmocka_unit_test(what_the_kernel_does_not_take_is_queued_in_order),
        cmocka_unit_test(a_shutdown_with_nothing_queued_is_seen_at_once),
        cmocka_unit_test(a_failed_write_is_remembered_and_told_once_from_the_loop),
        cmocka_unit_test(a_queued_write_that_fails_is_told),
        cmocka_unit_test(a_reset_by_the_peer_is_told),
        cmocka_unit_test(a_reset_right_behind_bytes_is_no_end),
        cmocka_unit_test(closing_drops_the_queue),
        cmocka_unit_test(an_abort_resets_and_a_close_does_not),
        cmocka_unit_test(when_memory_ends_nothing_more_is_written),
        cmocka_unit_test(both_ends_have_their_addresses),
        cmocka_unit_test(streams_with_the_same_local_end_share_its_memory),
        cmocka_unit_test(an_address_without_memory_is_unnamed),
        cmocka_unit_test(small_writes_leave_at_once),
        cmocka_unit_test(a_stream_is_made_without_an_allocation_once_one_has_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
