/* SPDX-License-Identifier: MIT
 * A transfer driven step by step: a body that comes in pieces, back-pressure, drains. */
#include "transfer_rig.h"

#define LONG ((size_t)3 << 20)

/* ---- down ---- */

static void say_in_two(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n");
        say(fd, "5\r\nhello\r\n");
        wait_to_go_on();
        say(fd, "6\r\n world\r\n0\r\nTrailer: x\r\n\r\n");
    }
}

static void read_in_two(moved *self)
{
    csgi_client_response *head;
    csgi_str piece;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(head->status, 200);
    assert_int_equal(head->headers.count, 2);
    assert_int_equal(head->body.len, 0);
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
    assert_true(str_eq(piece, STR("hello")));
    go_on = 1;
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
    assert_true(str_eq(piece, STR(" world")));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
        assert_int_equal(piece.len, 0);
    }
    assert_int_equal(self->pool.idle, 1);
}

static void the_head_and_each_piece_are_read_as_they_come(void **state)
{
    moved now;

    (void)state;
    prepare_transfer(&now, say_in_two, NULL);
    check_transfer(&now);
    for (int i = 0; i < 2; i++) {
        go_on = 0;
        run_transfer(&now, read_in_two);
        assert_int_equal(now.pool.idle, 1);
    }
    assert_int_equal(now.bench.server.accepted, 1);
    end_transfer(&now);
}

static atomic_size_t said;

static void say_long(int fd, int number)
{
    char piece[4096];

    (void)number;
    memset(piece, 'x', sizeof piece);
    if (!skip_request(fd)) return;
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (said = 0; said < 8 * LONG; said += sizeof piece) {
        if (send(fd, piece, sizeof piece, MSG_NOSIGNAL) <= 0) return;
    }
}

static void read_slowly(moved *self)
{
    csgi_client_response *head;
    csgi_str piece;
    size_t len = 0, before;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    do {
        before = said;
        task_sleep(self->bench.loop, 20);
    } while (said != before);
    assert_in_range(said, 1, 8 * LONG - 1); /* the server has to wait for us */
    assert_in_range(self->transfer.talk.reading->gathered.len, 1, 2 * RESPONSE_AHEAD_MAX);
    do {
        assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
        len += piece.len;
    } while (piece.len > 0);
    assert_int_equal(len, 8 * LONG);
}

static void a_slow_reader_holds_the_server_back(void **state)
{
    moved now;

    (void)state;
    prepare_transfer(&now, say_long, NULL);
    check_transfer(&now);
    now.facts.max_response_size = UINT64_MAX;
    run_transfer(&now, read_slowly);
    assert_int_equal(now.pool.idle, 0);
    end_transfer(&now);
}

static void say_cut(int fd, int number)
{
    (void)number;
    if (skip_request(fd)) say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
}

static void read_cut(moved *self)
{
    csgi_client_response *head;
    csgi_str piece;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(task_sleep(self->bench.loop, 20), CSGI_OK); /* it has failed meanwhile */
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
    assert_true(str_eq(piece, STR("hello")));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_EPROTO);
        assert_why(self, ": the response ended after 5 of 10 bytes");
    }
}

static void what_came_before_a_failure_is_read_first(void **state)
{
    moved now;

    (void)state;
    prepare_transfer(&now, say_cut, NULL);
    check_transfer(&now);
    run_transfer(&now, read_cut);
    end_transfer(&now);
}

static void read_too_much(moved *self)
{
    csgi_client_response *head;
    csgi_str piece;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    while (transfer_read(&self->transfer, &piece) == CSGI_OK && piece.len) {
    }
}

static void pieces_together_have_a_limit(void **state)
{
    (void)state;
    for (uint64_t max = 10; max <= 11; max++) {
        moved now;

        prepare_transfer(&now, say_in_two, NULL);
        go_on = 1;
        check_transfer(&now);
        now.facts.max_response_size = max;
        run_transfer(&now, read_too_much);
        if (max == 10) {
            assert_int_equal(now.transfer.talk.status, CSGI_ELIMIT);
            assert_why(&now, "the response is larger than 10 bytes");
        } else {
            assert_int_equal(now.transfer.talk.status, CSGI_OK);
        }
        assert_int_equal(now.pool.idle, max - 10);
        end_transfer(&now);
    }
}

static void read_one_and_stop(moved *self)
{
    csgi_client_response *head;
    csgi_str piece;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
    transfer_close(&self->transfer);
    transfer_close(&self->transfer);
    go_on = 1;
}

static void closing_early_closes_the_connection(void **state)
{
    moved now;

    (void)state;
    go_on = 0;
    prepare_transfer(&now, say_in_two, NULL);
    check_transfer(&now);
    run_transfer(&now, read_one_and_stop);
    assert_int_equal(now.pool.idle, 0);
    end_transfer(&now);
}

static void read_with_a_limit(moved *self)
{
    csgi_client_response *head;
    csgi_str piece;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
    assert_int_equal(task_sleep(self->bench.loop, 60), CSGI_OK); /* nobody waits for the server */
    assert_int_equal(self->transfer.talk.status, CSGI_OK);
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_ETIMEDOUT);
    assert_why(self, "the response went no further within 30 ms");
    go_on = 1;
}

static void each_piece_has_a_limit_of_time(void **state)
{
    moved now;

    (void)state;
    go_on = 0;
    prepare_transfer(&now, say_in_two, NULL);
    check_transfer(&now);
    now.facts.read_timeout_ms = 30;
    run_transfer(&now, read_with_a_limit);
    assert_int_equal(now.pool.idle, 0);
    end_transfer(&now);
}

static void fetch_beside(moved *self)
{
    csgi_client_response *head, *whole;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(transfer_finish(&self->transfer, &whole), CSGI_OK);
    assert_ptr_equal(head, whole);
    assert_string_equal(whole->body.ptr, "hello world");
}

static void a_whole_body_may_follow_its_head(void **state)
{
    moved now;

    (void)state;
    go_on = 1;
    prepare_transfer(&now, say_in_two, NULL);
    check_transfer(&now);
    now.in_pieces = false;
    run_transfer(&now, fetch_beside);
    assert_int_equal(now.pool.idle, 1);
    end_transfer(&now);
}

/* ---- drained ---- */

static size_t drained_len;
static bool drained_is_chunked;

static void say_to_drain(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
        char head[100], *body = calloc(1, drained_len + 1);

        if (!body) abort();
        if (drained_is_chunked)
            snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", drained_len);
        else
            snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                     drained_len);
        say(fd, head);
        usleep(1000);
        say_bytes(fd, body, drained_len);
        free(body);
        if (!drained_is_chunked) continue;
        usleep(5000);
        say(fd, "\r\n0\r\n\r\n");
    }
}

static void drain_it(moved *self)
{
    csgi_client_response *head;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(transfer_drain(&self->transfer), CSGI_OK);
}

static void a_short_body_is_drained_and_a_long_one_is_cut(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        moved now;

        drained_len = TRANSFER_DRAIN_MAX + (i & 1);
        drained_is_chunked = i & 2;
        prepare_transfer(&now, say_to_drain, NULL);
        check_transfer(&now);
        now.in_pieces = i & 4;
        run_transfer(&now, drain_it);
        assert_int_equal(now.pool.idle, i & 1 ? 0 : 1);
        end_transfer(&now);
    }
}

static void cancel_in_read(moved *self)
{
    csgi_client_response *head;
    csgi_str piece;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
    cancel_soon(&self->bench, 5);
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_ECANCELED);
    assert_why(self, "given up: the task is cancelled");
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_ECANCELED);
    go_on = 1;
}

static void a_cancelled_reader_gives_its_connection_up(void **state)
{
    moved now;

    (void)state;
    go_on = 0;
    prepare_transfer(&now, say_in_two, NULL);
    check_transfer(&now);
    run_transfer(&now, cancel_in_read);
    assert_int_equal(now.pool.idle, 0);
    end_transfer(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_and_each_piece_are_read_as_they_come),
        cmocka_unit_test(a_slow_reader_holds_the_server_back),
        cmocka_unit_test(what_came_before_a_failure_is_read_first),
        cmocka_unit_test(pieces_together_have_a_limit),
        cmocka_unit_test(closing_early_closes_the_connection),
        cmocka_unit_test(each_piece_has_a_limit_of_time),
        cmocka_unit_test(a_whole_body_may_follow_its_head),
        cmocka_unit_test(a_short_body_is_drained_and_a_long_one_is_cut),
        cmocka_unit_test(a_cancelled_reader_gives_its_connection_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
