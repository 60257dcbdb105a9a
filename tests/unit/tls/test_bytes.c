/* SPDX-License-Identifier: MIT
 * Bytes over TLS, both ways: the stream works for its owner as without it. */
#include "rig.h"

#include <sys/mman.h>

#define LARGE ((size_t)3 << 20)

static void fill(buffer *self, size_t len, char salt)
{
    assert_int_equal(buffer_reserve(self, len), CSGI_OK);
    for (size_t i = 0; i < len; i++)
        self->bytes[i] = (char)(i * 7 + (i >> 8) + (unsigned char)salt);
    self->len = len;
}

static void assert_same(const buffer *a, const buffer *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
}

static void test_bytes_go_both_ways(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    assert_int_equal(write_text(&self, "hello"), CSGI_OK);
    assert_int_equal(stream_queued(self.stream), 0);
    say(&self.server, "good day");
    stream_read_start(self.stream);
    run_rounds(&self, 6);
    assert_buffer(&self.server.got, "hello");
    assert_buffer(&self.got, "good day");
    assert_int_equal(self.drains + self.eofs + self.brokens, 0);
    finish(&self);
}

static void test_pieces_of_every_size_arrive_in_order(void **state)
{
    static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 0, 40000, 5, 32768, 7 };
    rig self;
    buffer all = { 0 };
    csgi_str pieces[COUNT_OF(sizes)];
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        len += sizes[i];
    fill(&all, len, 3);
    begin_ready(&self);
    for (size_t i = 0, at = 0; i < COUNT_OF(sizes); at += sizes[i++])
        pieces[i] = (csgi_str){ sizes[i] ? all.bytes + at : NULL, sizes[i] };
    assert_int_equal(stream_write(self.stream, pieces, COUNT_OF(pieces)), CSGI_OK);
    assert_int_equal(stream_write(self.stream, pieces, 0), CSGI_OK);
    run_rounds(&self, 20);
    assert_same(&self.server.got, &all);
    buffer_fini(&all);
    finish(&self);
}

static void test_small_pieces_share_a_record(void **state)
{
    static const csgi_str pieces[] = { CSGI_STR("GET / HTTP/1.1\r\n\r\n"), CSGI_STR("body") };
    rig self;

    (void)state;
    begin_ready(&self);
    run_rounds(&self, 4);
    assert_int_equal(stream_write(self.stream, pieces, 2), CSGI_OK);
    server_receive(&self.server);
    assert_int_equal(BIO_pending(self.server.in), 5 + 22 + 1 + 16);
    finish(&self);
}

static void test_what_waits_is_counted_as_it_goes_over_the_wire(void **state)
{
    rig self;
    buffer large = { 0 };
    uint64_t before;
    csgi_str piece;

    (void)state;
    fill(&large, LARGE, 1);
    piece = buffer_str(&large);
    begin_ready(&self);
    run_rounds(&self, 4);
    self.server.deaf = true;
    before = stream_progress(self.stream);
    assert_int_equal(stream_write(self.stream, &piece, 1), CSGI_OK);
    run_rounds(&self, 4);
    assert_in_range(stream_queued(self.stream), LARGE / 2, LARGE + LARGE / 100);
    assert_int_equal(self.drains, 0);
    self.server.deaf = false;
    for (int i = 0; i < 2000 && self.server.got.len < LARGE; i++)
        run_round(&self);
    assert_same(&self.server.got, &large);
    run_rounds(&self, 3);
    assert_int_equal(self.drains, 1);
    assert_int_equal(stream_queued(self.stream), 0);
    assert_true(stream_progress(self.stream) - before > LARGE);
    buffer_fini(&large);
    finish(&self);
}

static void test_large_bodies_arrive_whole(void **state)
{
    rig self;
    buffer want = { 0 };

    (void)state;
    begin_ready(&self);
    fill(&self.server.to_send, LARGE, 5);
    fill(&want, LARGE, 5);
    stream_read_start(self.stream);
    for (int i = 0; i < 5000 && self.got.len < LARGE; i++)
        run_round(&self);
    assert_same(&self.got, &want);
    buffer_fini(&want);
    finish(&self);
}

static void test_a_stopped_owner_is_told_nothing_and_misses_nothing(void **state)
{
    rig self;
    buffer want = { 0 };
    int reads;

    (void)state;
    begin_ready(&self);
    fill(&self.server.to_send, 300000, 5);
    fill(&want, 300000, 5);
    run_rounds(&self, 10);
    assert_int_equal(self.got.len, 0); /* it has not begun to read */
    self.stops_on_read = true;
    for (int i = 0; i < 5000 && self.got.len < want.len; i++) {
        reads = self.reads;
        self.in_call = true;
        assert_int_equal(stream_read_start(self.stream), CSGI_OK);
        self.in_call = false;
        for (int waited = 0; waited < 50 && self.reads == reads; waited++)
            run_round(&self);
        run_rounds(&self, 2);
        assert_int_equal(self.reads, reads + 1);
    }
    assert_same(&self.got, &want);
    buffer_fini(&want);
    finish(&self);
}

static void test_bytes_that_are_held_count_as_unread(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    run_rounds(&self, 3);
    self.stops_on_read = true;
    stream_read_start(self.stream);
    run_rounds(&self, 3);
    assert_false(stream_has_unread(self.stream));
    /* Two records in one read: the second one waits in our memory. */
    assert_int_equal(SSL_write(self.server.ssl, "one", 3), 3);
    assert_int_equal(SSL_write(self.server.ssl, "two", 3), 3);
    run_rounds(&self, 3);
    assert_buffer(&self.got, "one");
    assert_true(stream_has_unread(self.stream));
    assert_int_equal(stream_look_at_peer(self.stream), STREAM_PEER_OPEN);
    stream_read_start(self.stream);
    stream_read_stop(self.stream);
    run_rounds(&self, 3);
    assert_buffer(&self.got, "one");
    stream_read_start(self.stream);
    run_rounds(&self, 3);
    assert_buffer(&self.got, "onetwo");
    assert_false(stream_has_unread(self.stream));
    finish(&self);
}

static void test_the_owner_may_close_while_more_is_held(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    assert_int_equal(SSL_do_handshake(self.server.ssl), 1);
    assert_int_equal(SSL_write(self.server.ssl, "one", 3), 3);
    assert_int_equal(SSL_write(self.server.ssl, "two", 3), 3);
    self.closes_on_read = true;
    stream_read_start(self.stream);
    run_rounds(&self, 5);
    assert_buffer(&self.got, "one");
    loop_run(self.loop);
    finish(&self);
}

static void test_bytes_may_come_one_by_one(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    self.server.chunk = 1;
    say(&self.server, "slowly");
    stream_read_start(self.stream);
    for (int i = 0; i < 3000 && self.got.len < 6; i++) {
        run_round(&self);
        if (i % 100 == 0) assert_int_equal(write_text(&self, "."), CSGI_OK);
    }
    assert_buffer(&self.got, "slowly");
    assert_int_equal(self.brokens, 0);
    finish(&self);
}

static void test_keys_may_be_renewed_and_tickets_may_come_at_any_time(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    stream_read_start(self.stream);
    for (int i = 0; i < 3; i++) {
        run_rounds(&self, 3);
        assert_int_equal(SSL_key_update(self.server.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(self.server.ssl), 1);
        assert_int_equal(SSL_new_session_ticket(self.server.ssl), 1);
        assert_int_equal(SSL_do_handshake(self.server.ssl), 1);
        say(&self.server, "a");
        run_rounds(&self, 3);
        assert_int_equal(write_text(&self, "b"), CSGI_OK);
        run_rounds(&self, 3);
    }
    assert_buffer(&self.got, "aaa");
    assert_buffer(&self.server.got, "bbb");
    assert_int_equal(self.brokens + self.eofs, 0);
    finish(&self);
}

static void hold_back(tls_server *self)
{
    self->chunk = 5 + 512 + 1 + 16; /* one record */
    self->dumb = self->wire.len <= 2 * self->chunk;
}

static void test_writing_waits_for_the_rest_of_a_message_in_pieces(void **state)
{
    static const char large[2000];
    rig self;

    (void)state;
    begin_ready(&self);
    stream_read_start(self.stream);
    run_rounds(&self, 3);
    /* A ticket of several records, of which some do not come yet. */
    SSL_set_max_send_fragment(self.server.ssl, 512);
    assert_int_equal(SSL_SESSION_set1_ticket_appdata(SSL_get_session(self.server.ssl), large,
                                                     sizeof large),
                     1);
    assert_int_equal(SSL_new_session_ticket(self.server.ssl), 1);
    assert_int_equal(SSL_do_handshake(self.server.ssl), 1);
    self.server.change = hold_back;
    run_rounds(&self, 8);
    assert_true(self.server.wire.len > 0);
    assert_int_equal(write_text(&self, "one, "), CSGI_OK);
    assert_int_equal(write_text(&self, "two"), CSGI_OK);
    run_rounds(&self, 3);
    assert_int_equal(self.server.got.len, 0);
    self.server.change = NULL;
    self.server.dumb = false;
    run_rounds(&self, 6);
    assert_buffer(&self.server.got, "one, two");
    assert_int_equal(write_text(&self, ", three"), CSGI_OK);
    run_rounds(&self, 3);
    assert_buffer(&self.server.got, "one, two, three");
    assert_int_equal(self.brokens, 0);
    finish(&self);
}

static void test_renegotiation_is_refused(void **state)
{
    SSL_CTX *context = server_context(&world.server);
    tls_config *config = config_for((tls_client_options){ 0 });
    rig self;

    (void)state;
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    begin_with(&self, context, config, "server.example");
    self.reads_at_once = true;
    until_ready(&self);
    run_rounds(&self, 3);
    assert_int_equal(SSL_renegotiate(self.server.ssl), 1);
    assert_int_equal(SSL_do_handshake(self.server.ssl), 1); /* asks for it */
    run_rounds(&self, 5);
    /* This server does not put up with it; the client would go on. */
    assert_int_equal(self.brokens, 1);
    assert_string_equal(stream_broken_reason(self.stream), "handshake failure");
    assert_int_equal(self.eofs, 0);
    finish(&self);
    tls_config_release(config);
    SSL_CTX_free(context);
}

static void test_the_servers_goodbye_is_the_end_of_file(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    stream_read_start(self.stream);
    run_rounds(&self, 3);
    say(&self.server, "bye");
    run_rounds(&self, 2);
    SSL_shutdown(self.server.ssl);
    run_rounds(&self, 3);
    assert_buffer(&self.got, "bye");
    assert_int_equal(self.eofs, 1);
    /* It may still read. */
    assert_int_equal(write_text(&self, "thanks"), CSGI_OK);
    run_rounds(&self, 3);
    assert_buffer(&self.server.got, "thanks");
    server_hang_up(&self.server);
    run_rounds(&self, 3);
    assert_int_equal(self.eofs, 1);
    assert_int_equal(self.brokens, 0);
    assert_int_equal(stream_read_start(self.stream), CSGI_OK);
    run_rounds(&self, 3);
    assert_int_equal(self.eofs, 2); /* as on a plain stream that is read again */
    finish(&self);
}

static void test_an_end_without_goodbye_is_a_broken_connection(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    stream_read_start(self.stream);
    say(&self.server, "part of a b");
    run_rounds(&self, 3);
    assert_null(stream_broken_reason(self.stream));
    server_hang_up(&self.server);
    run_rounds(&self, 3);
    assert_buffer(&self.got, "part of a b");
    assert_int_equal(self.eofs, 0);
    assert_int_equal(self.brokens, 1);
    assert_string_equal(stream_broken_reason(self.stream),
                        "ended without TLS's close_notify: it may have been cut off");
    assert_int_equal(stream_read_start(self.stream), CSGI_EFAIL);
    assert_int_equal(write_text(&self, "x"), CSGI_EDISCONNECTED);
    finish(&self);
}

static void test_closing_says_goodbye_and_aborting_does_not(void **state)
{
    (void)state;
    for (int aborts = 0; aborts < 2; aborts++) {
        rig self;

        begin_ready(&self);
        stream_read_start(self.stream);
        run_rounds(&self, 3);
        if (aborts)
            stream_abort(self.stream);
        else
            stream_close(self.stream);
        loop_run(self.loop);
        server_round(&self.server);
        assert_true(self.server.saw_eof);
        assert_int_equal(self.server.saw_goodbye, !aborts);
        finish(&self);
    }
}

static void test_after_shutdown_the_client_still_reads(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    stream_read_start(self.stream);
    assert_int_equal(write_text(&self, "that is all"), CSGI_OK);
    stream_shutdown(self.stream);
    assert_int_equal(write_text(&self, "more"), CSGI_EDISCONNECTED);
    run_rounds(&self, 3);
    assert_buffer(&self.server.got, "that is all");
    assert_true(self.server.saw_goodbye && self.server.saw_eof);
    /* What would be answered to this goes nowhere. */
    assert_int_equal(SSL_key_update(self.server.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    say(&self.server, "well done");
    run_rounds(&self, 3);
    assert_buffer(&self.got, "well done");
    assert_int_equal(self.brokens, 0);
    finish(&self);
}

static void test_what_waits_goes_before_the_goodbye_of_shutdown(void **state)
{
    rig self;
    buffer large = { 0 };
    csgi_str piece;

    (void)state;
    fill(&large, LARGE, 1);
    piece = buffer_str(&large);
    begin_ready(&self);
    assert_int_equal(stream_write(self.stream, &piece, 1), CSGI_OK);
    stream_shutdown(self.stream);
    for (int i = 0; i < 2000 && !self.server.saw_eof; i++)
        run_round(&self);
    assert_same(&self.server.got, &large);
    assert_true(self.server.saw_goodbye);
    buffer_fini(&large);
    finish(&self);
}

static void test_a_server_that_answers_early_and_closes_is_heard_out(void **state)
{
    (void)state;
    for (int says_goodbye = 0; says_goodbye < 2; says_goodbye++) {
        rig self;

        begin_ready(&self);
        stream_hear_out(self.stream);
        stream_read_start(self.stream);
        run_rounds(&self, 3);
        say(&self.server, "too large");
        SSL_key_update(self.server.ssl, SSL_KEY_UPDATE_REQUESTED); /* which cannot be answered */
        server_talk(&self.server);
        if (says_goodbye) SSL_shutdown(self.server.ssl);
        server_send(&self.server);
        server_hang_up(&self.server);
        assert_int_equal(write_text(&self, "more of it"), CSGI_EDISCONNECTED);
        assert_int_equal(write_text(&self, "and more"), CSGI_EDISCONNECTED);
        run_rounds(&self, 5);
        assert_buffer(&self.got, "too large");
        assert_int_equal(self.eofs, says_goodbye);
        assert_int_equal(self.brokens, !says_goodbye);
        finish(&self);
    }
}

static void flip_last(tls_server *self)
{
    if (!self->wire.len) return;
    self->wire.bytes[self->wire.len - 1] ^= 1;
    self->change = NULL;
}

static void test_a_changed_record_breaks_the_connection(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    stream_read_start(self.stream);
    run_rounds(&self, 3);
    self.server.change = flip_last;
    say(&self.server, "hello");
    run_rounds(&self, 4);
    assert_int_equal(self.got.len, 0);
    assert_int_equal(self.brokens, 1);
    assert_string_equal(stream_broken_reason(self.stream), "decryption failed or bad record mac");
    finish(&self);
}

static void test_plain_text_after_the_handshake_breaks_the_connection(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    stream_read_start(self.stream);
    run_rounds(&self, 3);
    server_says(&self.server, "HTTP/1.1 200 OK\r\n\r\n", 19);
    run_rounds(&self, 4);
    assert_int_equal(self.got.len, 0);
    assert_int_equal(self.brokens, 1);
    assert_non_null(stream_broken_reason(self.stream));
    finish(&self);
}

static void test_files_are_to_be_read_and_written(void **state)
{
    rig self;
    size_t sent = 1;
    int fd = memfd_create("file", MFD_CLOEXEC);

    (void)state;
    begin_ready(&self);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(stream_send_file(self.stream, fd, 0, 100, &sent), CSGI_ENOTSUP);
    assert_int_equal(sent, 0);
    close(fd);
    finish(&self);
}

static void test_the_owner_may_be_set_when_it_is_ready(void **state)
{
    rig self;

    (void)state;
    begin_ready(&self);
    stream_set_owner(self.stream, &events, &self);
    say(&self.server, "late");
    stream_read_start(self.stream);
    run_rounds(&self, 4);
    assert_buffer(&self.got, "late");
    finish(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_go_both_ways),
        cmocka_unit_test(test_pieces_of_every_size_arrive_in_order),
        cmocka_unit_test(test_small_pieces_share_a_record),
        cmocka_unit_test(test_what_waits_is_counted_as_it_goes_over_the_wire),
        cmocka_unit_test(test_large_bodies_arrive_whole),
        cmocka_unit_test(test_a_stopped_owner_is_told_nothing_and_misses_nothing),
        cmocka_unit_test(test_bytes_that_are_held_count_as_unread),
        cmocka_unit_test(test_the_owner_may_close_while_more_is_held),
        cmocka_unit_test(test_bytes_may_come_one_by_one),
        cmocka_unit_test(test_keys_may_be_renewed_and_tickets_may_come_at_any_time),
        cmocka_unit_test(test_writing_waits_for_the_rest_of_a_message_in_pieces),
        cmocka_unit_test(test_renegotiation_is_refused),
        cmocka_unit_test(test_the_servers_goodbye_is_the_end_of_file),
        cmocka_unit_test(test_an_end_without_goodbye_is_a_broken_connection),
        cmocka_unit_test(test_closing_says_goodbye_and_aborting_does_not),
        cmocka_unit_test(test_after_shutdown_the_client_still_reads),
        cmocka_unit_test(test_what_waits_goes_before_the_goodbye_of_shutdown),
        cmocka_unit_test(test_a_server_that_answers_early_and_closes_is_heard_out),
        cmocka_unit_test(test_a_changed_record_breaks_the_connection),
        cmocka_unit_test(test_plain_text_after_the_handshake_breaks_the_connection),
        cmocka_unit_test(test_files_are_to_be_read_and_written),
        cmocka_unit_test(test_the_owner_may_be_set_when_it_is_ready),
    };

    return cmocka_run_group_tests(tests, make_world, end_world);
}
