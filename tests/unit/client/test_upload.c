/* SPDX-License-Identifier: MIT
 * A request whose body follows piece by piece: its framing, back-pressure, early answers. */
#include "transfer_rig.h"

#define LONG ((size_t)3 << 20)

static void write_two(moved *self)
{
    csgi_client_response *head;
    csgi_str piece;
    size_t len;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_write(&self->transfer, STR("hello"), false), CSGI_OK);
    assert_int_equal(transfer_write(&self->transfer, STR(""), false), CSGI_OK);
    assert_int_equal(transfer_write(&self->transfer, STR(" you"), true), CSGI_OK);
    assert_int_equal(transfer_write(&self->transfer, STR("x"), true), CSGI_ESTATE);
    assert_why(self, "the request's body is at its end");
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
    len = piece.len < sizeof self->text ? piece.len : sizeof self->text - 1;
    memcpy(self->text, piece.ptr, len);
    self->text[len] = '\0';
    assert_int_equal(transfer_read(&self->transfer, &piece), CSGI_OK);
}

static void echo_raw(int fd, int number)
{
    char text[2048], head[100];
    size_t len = 0;

    (void)number;
    while (len < 9 || (!strstr(text, "0\r\n\r\n") && !strstr(text, " you"))) {
        ssize_t got = recv(fd, text + len, sizeof text - 1 - len, 0);

        if (got <= 0) return;
        len += (size_t)got;
        text[len] = '\0';
    }
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    say(fd, head);
    say(fd, text);
    skip_request(fd);
}

static void a_body_of_known_length_follows_the_head(void **state)
{
    moved now;

    (void)state;
    prepare_transfer(&now, echo_raw, NULL);
    check_transfer(&now);
    now.facts.body_follows = true;
    now.facts.body_length = 9;
    run_transfer(&now, write_two);
    assert_non_null(strstr(now.text, "\r\nContent-Length: 9\r\n"));
    assert_non_null(strstr(now.text, "\r\n\r\nhello you"));
    assert_null(strstr(now.text, "Transfer-Encoding"));
    assert_int_equal(now.pool.idle, 1);
    end_transfer(&now);
}

static void a_body_of_unknown_length_is_chunked(void **state)
{
    moved now;

    (void)state;
    prepare_transfer(&now, echo_raw, NULL);
    check_transfer(&now);
    now.facts.body_follows = true;
    now.facts.body_length = UINT64_MAX;
    run_transfer(&now, write_two);
    assert_non_null(strstr(now.text, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_null(strstr(now.text, "Content-Length"));
    assert_non_null(strstr(now.text, "\r\n\r\n5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n"));
    assert_int_equal(now.pool.idle, 1);
    end_transfer(&now);
}

static bool write_too_many;

static void write_wrongly(moved *self)
{
    csgi_client_response *head;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_write(&self->transfer, STR("hello"), false), CSGI_OK);
    assert_int_equal(transfer_write(&self->transfer, write_too_many ? STR("12345") : STR("123"),
                                    !write_too_many),
                     CSGI_EINVAL);
    assert_why(self, write_too_many ? "the request's body has more than the 9 bytes of"
                                    : "the request's body has fewer than the 9 bytes of");
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_EINVAL);
}

static void a_body_of_another_length_than_announced_is_refused(void **state)
{
    (void)state;
    for (int many = 0; many < 2; many++) {
        moved now;

        write_too_many = many;
        prepare_transfer(&now, echo_raw, NULL);
        check_transfer(&now);
        now.facts.body_follows = true;
        now.facts.body_length = 9;
        run_transfer(&now, write_wrongly);
        assert_int_equal(now.pool.idle, 0);
        end_transfer(&now);
    }
}

static bool refuser_closes;

/* Refuses without reading the body; closes or not. */
static void refuse(int fd, int number)
{
    char text[1024];

    (void)number;
    if (recv(fd, text, sizeof text, 0) <= 0) return;
    say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    if (refuser_closes) return;
    wait_to_go_on();
}

static void write_long(moved *self)
{
    static char piece[100000];
    csgi_client_response *head;
    csgi_str body;
    csgi_status status = CSGI_OK;

    assert_int_equal(open_transfer(self), CSGI_OK);
    for (size_t i = 0; status == CSGI_OK && i < 1000; i++)
        status = transfer_write(&self->transfer, (csgi_str){ piece, sizeof piece }, false);
    assert_int_equal(status, CSGI_EDISCONNECTED);
    assert_why(self, "the server answered before it had taken the whole request");
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(head->status, 413);
    assert_int_equal(transfer_read(&self->transfer, &body), CSGI_OK);
    assert_true(str_eq(body, STR("big")));
    go_on = 1;
}

static void an_early_answer_is_the_answer(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        moved now;

        go_on = 0;
        refuser_closes = closes;
        prepare_transfer(&now, refuse, NULL);
        check_transfer(&now);
        now.facts.body_follows = true;
        now.facts.body_length = UINT64_MAX;
        run_transfer(&now, write_long);
        assert_int_equal(now.pool.idle, 0);
        end_transfer(&now);
    }
}

static void take_nothing(int fd, int number)
{
    (void)number;
    (void)fd;
    wait_to_go_on();
}

static void write_in_vain(moved *self)
{
    static char piece[100000];
    csgi_status status = CSGI_OK;

    assert_int_equal(open_transfer(self), CSGI_OK);
    for (size_t i = 0; status == CSGI_OK && i < 1000; i++)
        status = transfer_write(&self->transfer, (csgi_str){ piece, sizeof piece }, false);
    assert_int_equal(status, CSGI_ETIMEDOUT);
    assert_why(self, "the server took nothing of the request within 30 ms");
    go_on = 1;
}

static void a_server_that_takes_nothing_has_a_limit(void **state)
{
    moved now;

    (void)state;
    go_on = 0;
    prepare_transfer(&now, take_nothing, NULL);
    check_transfer(&now);
    now.facts.body_follows = true;
    now.facts.body_length = UINT64_MAX;
    now.facts.write_timeout_ms = 30;
    run_transfer(&now, write_in_vain);
    assert_int_equal(now.pool.idle, 0);
    end_transfer(&now);
}

static size_t taken_len;

static void take_all(int fd, int number)
{
    static char text[65536];
    ssize_t got;

    (void)number;
    usleep(20000);
    for (taken_len = 0; taken_len < LONG; taken_len += (size_t)got) {
        got = recv(fd, text, sizeof text, 0);
        if (got <= 0) return;
    }
    usleep(5000);
    recv(fd, text, sizeof text, MSG_DONTWAIT); /* the head was counted, too */
    say(fd, OK_HI);
}

static void write_long_and_read(moved *self)
{
    char *piece = calloc(1, LONG);
    csgi_client_response *head;

    assert_non_null(piece);
    assert_int_equal(open_transfer(self), CSGI_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(transfer_write(&self->transfer, (csgi_str){ piece, LONG / 4 }, i == 3),
                         CSGI_OK);
    free(piece); /* nothing is borrowed after the call */
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(head->status, 200);
}

static void a_long_body_goes_up_as_fast_as_it_is_taken(void **state)
{
    moved now;

    (void)state;
    prepare_transfer(&now, take_all, NULL);
    check_transfer(&now);
    now.facts.body_follows = true;
    now.facts.body_length = LONG;
    run_transfer(&now, write_long_and_read);
    end_transfer(&now);
}

static void ask_leave(int fd, int number)
{
    char text[1000];
    ssize_t got = recv(fd, text, sizeof text - 1, 0);

    if (got <= 0) return;
    text[got] = '\0';
    if (!strstr(text, "\r\n\r\n") || strstr(text, "\r\n\r\n")[4]) abort(); /* it did not wait */
    if (number == 0) say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    if (number == 1) say(fd, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    if (number == 1) return;
    for (size_t len = 0; len < 2; len += (size_t)got) {
        got = recv(fd, text, sizeof text, 0);
        if (got <= 0) return;
    }
    say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
}

static csgi_status leave_status;
static uint32_t leave_answer;

static void write_with_leave(moved *self)
{
    csgi_client_response *head;

    assert_int_equal(open_transfer(self), CSGI_OK);
    leave_status = transfer_write(&self->transfer, STR("me"), true);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    leave_answer = head->status;
}

static void a_body_waits_for_100_continue_a_second_at_most(void **state)
{
    moved now;

    (void)state;
    prepare_transfer(&now, ask_leave, NULL);
    now.fields[0] = (csgi_field){ .name = CSGI_STR("Expect"), .value = CSGI_STR("100-continue") };
    now.request.headers = (csgi_fields){ now.fields, 1 };
    check_transfer(&now);
    assert_true(now.facts.expects);
    now.facts.body_follows = true;
    now.facts.body_length = 2;
    for (int i = 0; i < 3; i++) {
        uint64_t before_ms = loop_now_ms(now.bench.loop);

        run_transfer(&now, write_with_leave);
        assert_int_equal(leave_status, i == 1 ? CSGI_EDISCONNECTED : CSGI_OK);
        assert_int_equal(leave_answer, i == 1 ? 417 : 200);
        assert_true(i < 2 || loop_now_ms(now.bench.loop) >= before_ms + 900);
    }
    end_transfer(&now);
}

static void say_once_or_take_a_body(int fd, int number)
{
    if (number == 0 && skip_request(fd)) say(fd, OK_HI);
    if (number == 0) {
        wait_to_go_on();
        return; /* just as the next request comes */
    }
    say_hi(fd, number);
}

static void fetch_hi(moved *self)
{
    csgi_client_response *head;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    while (self->pool.idle == 0)
        task_sleep(self->bench.loop, 1);
}

static void write_on_a_dead_one(moved *self)
{
    csgi_client_response *head;

    assert_int_equal(open_transfer(self), CSGI_OK);
    assert_true(self->transfer.is_pooled);
    go_on = 1;
    while (!self->transfer.talk.is_over)
        task_sleep(self->bench.loop, 1);
    assert_int_equal(transfer_write(&self->transfer, STR("me"), true), CSGI_OK);
    assert_int_equal(transfer_head(&self->transfer, &head), CSGI_OK);
    assert_int_equal(self->why.len, 0);
}

static void a_body_that_has_not_begun_may_follow_on_another_connection(void **state)
{
    moved now;

    (void)state;
    go_on = 0;
    prepare_transfer(&now, say_once_or_take_a_body, NULL);
    check_transfer(&now);
    run_transfer(&now, fetch_hi);
    now.request.method = STR("POST");
    check_transfer(&now);
    now.facts.body_follows = true;
    now.facts.body_length = 2;
    run_transfer(&now, write_on_a_dead_one);
    assert_int_equal(now.bench.server.accepted, 2);
    end_transfer(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_known_length_follows_the_head),
        cmocka_unit_test(a_body_of_unknown_length_is_chunked),
        cmocka_unit_test(a_body_of_another_length_than_announced_is_refused),
        cmocka_unit_test(an_early_answer_is_the_answer),
        cmocka_unit_test(a_server_that_takes_nothing_has_a_limit),
        cmocka_unit_test(a_long_body_goes_up_as_fast_as_it_is_taken),
        cmocka_unit_test(a_body_waits_for_100_continue_a_second_at_most),
        cmocka_unit_test(a_body_that_has_not_begun_may_follow_on_another_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
