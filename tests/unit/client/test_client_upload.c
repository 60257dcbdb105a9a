/* SPDX-License-Identifier: MIT
 * Transfers of an app: bodies that follow, two tasks at once, cancelled ones, no memory. */
#include "client_transfer_rig.h"
#include "failing_malloc.h"

/* ---- a body that follows ---- */

static void send_in_two(moved *self)
{
    if (!went(self, open_it(self)) || !went(self, write_it(self, STR("hel"), false)) ||
        !went(self, write_it(self, STR("lo"), true)))
        return;
    assert_int_equal(write_it(self, STR("x"), true), CSGI_ESTATE);
    went(self, find_head(self));
    went(self, read_all(self));
}

static void say_taken(int fd, int number)
{
    char text[8192], head[128];
    size_t len = 0;

    (void)number;
    for (;;) {
        ssize_t got = recv(fd, text + len, sizeof text - 1 - len, 0);

        if (got <= 0) return;
        text[len += (size_t)got] = '\0';
        if (!strstr(text, "hello") && !strstr(text, "0\r\n\r\n")) continue;
        snprintf(head, sizeof head,
                 "HTTP/1.1 302 OK\r\nLocation: /x\r\nContent-Length: %zu\r\n\r\n", len);
        say(fd, head);
        say(fd, text);
        len = 0;
    }
}

static void a_body_follows_with_its_length_or_chunked(void **state)
{
    static const uint64_t lengths[] = { 0, UINT64_MAX, 5 };
    rig bench;

    (void)state;
    begin(&bench, say_taken, NULL);
    for (size_t i = 0; i < 3; i++) {
        moved now;

        prepare_move(&bench, &now, "/");
        now.plain.request.method = STR("POST");
        now.plain.request.flags = CSGI_CLIENT_BODY_FOLLOWS | CSGI_CLIENT_FOLLOW_REDIRECTS;
        now.plain.request.body_length = lengths[i];
        move(&now, send_in_two);
        assert_has(&now, i < 2 ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 5\r\n", true);
        assert_has(&now, i < 2 ? "\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n" : "\r\n\r\nhello", true);
        assert_int_equal(now.head->status, 302);
        assert_int_equal(now.head->redirects, 0);
        end_move(&now);
    }
    finish(&bench);
}

static void a_body_that_follows_has_its_length(void **state)
{
    static const uint64_t lengths[] = { 4, 6 };
    rig bench;

    (void)state;
    begin(&bench, say_taken, NULL);
    for (size_t i = 0; i < 2; i++) {
        moved now;

        prepare_move(&bench, &now, "/");
        now.plain.request.flags = CSGI_CLIENT_BODY_FOLLOWS;
        now.plain.request.body_length = lengths[i];
        move(&now, send_in_two);
        assert_failed_with(&now, CSGI_EINVAL, i ? "fewer than the 6 bytes" : "more than the 4 ");
        end_move(&now);
    }
    finish(&bench);
}

static void say_no(int fd, int number)
{
    char text[1024];

    (void)number;
    if (recv(fd, text, sizeof text, 0) <= 0) return;
    say(fd, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
    while (!go_on)
        usleep(1000);
}

static void send_until_answered(moved *self)
{
    static char piece[65536];
    csgi_status status = CSGI_OK;

    if (!went(self, open_it(self))) return;
    while (status == CSGI_OK)
        status = write_it(self, (csgi_str){ piece, sizeof piece }, false);
    assert_int_equal(status, CSGI_EDISCONNECTED);
    assert_int_equal(find_head(self), CSGI_OK);
    assert_int_equal(self->head->status, 413);
    went(self, read_all(self));
    go_on = 1;
}

static void who_answers_early_is_heard(void **state)
{
    rig bench;
    moved now;

    (void)state;
    go_on = 0;
    begin(&bench, say_no, NULL);
    prepare_move(&bench, &now, "/");
    now.plain.request.flags = CSGI_CLIENT_BODY_FOLLOWS;
    move(&now, send_until_answered);
    assert_body(&now, "no");
    assert_int_equal(client_get_counts(bench.client).idle, 0);
    end_move(&now);
    finish(&bench);
}

static void take_nothing(int fd, int number)
{
    (void)number, (void)fd;
    wait_to_go_on();
}

static void send_too_slowly(moved *self)
{
    static char piece[65536];

    if (!went(self, open_it(self))) return;
    while (went(self, write_it(self, (csgi_str){ piece, sizeof piece }, false)))
        continue;
    go_on = 1;
}

static void who_takes_nothing_is_given_up_in_write_timeout_ms(void **state)
{
    rig bench;

    (void)state;
    for (int i = 0; i < 2; i++) {
        moved now;

        go_on = 0;
        begin(&bench, take_nothing, NULL);
        prepare_move(&bench, &now, "/");
        now.plain.request.flags = CSGI_CLIENT_BODY_FOLLOWS;
        if (i)
            now.with = settle((csgi_client_options){ .write_timeout_ms = 30 });
        else
            now.plain.request.write_timeout_ms = 30;
        move(&now, send_too_slowly);
        assert_failed_with(&now, CSGI_ETIMEDOUT, "took nothing of the request within 30 ms");
        end_move(&now);
        finish(&bench);
    }
}

/* ---- two tasks ---- */

static csgi_status second(void *arg)
{
    moved *self = arg;
    csgi_str piece;

    assert_int_equal(client_transfer_read(self->transfer, &piece, UINT64_MAX), CSGI_EBUSY);
    if (self->read) {
        client_transfer_close(self->transfer);
        self->transfer = NULL;
    }
    go_on = 1;
    return CSGI_OK;
}

static void on_second_done(void *arg, csgi_status result)
{
    (void)arg, (void)result;
}

static void read_with_a_second(moved *self)
{
    rig *bench = self->plain.bench;
    task *other;

    go_on = 0;
    assert_int_equal(open_it(self), CSGI_OK);
    self->head = NULL;
    assert_int_equal(task_spawn(bench->loop, &label, 0, second, on_second_done, self, &other),
                     CSGI_OK);
    self->plain.status = find_head(self);
}

static void answer_when_told(int fd, int number)
{
    (void)number;
    if (!skip_request(fd)) return;
    wait_to_go_on();
    say(fd, OK_HI);
}

static void two_tasks_cannot_use_one_transfer_at_once(void **state)
{
    (void)state;
    for (size_t closes = 0; closes < 2; closes++) {
        rig bench;
        moved now;

        begin(&bench, answer_when_told, NULL);
        prepare_move(&bench, &now, "/");
        now.read = closes;
        move(&now, read_with_a_second);
        assert_int_equal(now.plain.status, closes ? CSGI_ESTATE : CSGI_OK);
        assert_int_equal(now.head == NULL, closes);
        end_move(&now);
        finish(&bench);
    }
}

/* ---- cancelled ---- */

static void hang_in_step(int fd, int number)
{
    char text[8192];

    (void)number;
    if (recv(fd, text, sizeof text, 0) <= 0) return;
    if (strstr(text, " /head ")) say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    wait_to_go_on();
}

static void all_steps(moved *self)
{
    static char piece[65536];
    bool follows = self->plain.request.flags & CSGI_CLIENT_BODY_FOLLOWS;

    if (!went(self, open_it(self))) return;
    while (follows && went(self, write_it(self, (csgi_str){ piece, sizeof piece }, false)))
        continue;
    if (went(self, find_head(self))) went(self, read_all(self));
    assert_int_equal(read_it(self), self->plain.status);
}

static void each_step_can_be_cancelled(void **state)
{
    (void)state;
    for (int step = 0; step < 4; step++) {
        rig bench;
        moved now;

        go_on = 0;
        begin(&bench, hang_in_step, NULL);
        prepare_move(&bench, &now, step == 3 ? "/head" : "/");
        if (step == 0) now.plain.request.flags = CSGI_CLIENT_RETRY; /* then open waits */
        if (step == 1) now.plain.request.flags = CSGI_CLIENT_BODY_FOLLOWS;
        cancel_soon(&bench, 20);
        move(&now, all_steps);
        go_on = 1;
        assert_failed_with(&now, CSGI_ECANCELED, "given up: the task is cancelled");
        assert_int_equal(client_get_counts(bench.client).idle, 0);
        end_move(&now);
        finish(&bench);
    }
}

/* ---- no memory ---- */

static void lead_there(int fd, int number)
{
    char text[8192];

    (void)number;
    while (read_request(fd, text, sizeof text)) {
        say(fd, strstr(text, " /there ")
                    ? OK_HI
                    : "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 5\r\n\r\nmoved");
    }
}

static void fetch_for_as_long_as_there_is_memory(moved *self)
{
    failing_malloc_after(self->read);
    self->read = 0;
    fetch_in_pieces(self);
}

static void failing_allocations_end_transfers_cleanly(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 0; failed; n++) {
        rig bench;
        moved now;

        begin(&bench, lead_there, NULL);
        expect_body(&bench, "/there", "hi"); /* so that there is a connection */
        until_idle(&bench, 1);
        prepare_move(&bench, &now, "/here");
        now.plain.request.flags = CSGI_CLIENT_FOLLOW_REDIRECTS;
        now.read = n;
        move(&now, fetch_for_as_long_as_there_is_memory);
        failed = failing_malloc_off();
        if (failed && now.plain.status) assert_int_equal(now.plain.status, CSGI_ENOMEM);
        if (!failed) assert_body(&now, "hi");
        end_move(&now);
        finish(&bench);
        assert_true(n < 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_follows_with_its_length_or_chunked),
        cmocka_unit_test(a_body_that_follows_has_its_length),
        cmocka_unit_test(who_answers_early_is_heard),
        cmocka_unit_test(who_takes_nothing_is_given_up_in_write_timeout_ms),
        cmocka_unit_test(two_tasks_cannot_use_one_transfer_at_once),
        cmocka_unit_test(each_step_can_be_cancelled),
        cmocka_unit_test(failing_allocations_end_transfers_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
