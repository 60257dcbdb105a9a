/* SPDX-License-Identifier: MIT
 * Transfers of an app: a client's settings, redirects and retries before the head, limits. */
#include "client_transfer_rig.h"

/* ---- one request ---- */

static void read_to_the_end(moved *self)
{
    const csgi_client_response *again = NULL;

    fetch_in_pieces(self);
    assert_went(self);
    assert_int_equal(self->head->status, 200);
    assert_int_equal(self->head->body.len, 0);
    assert_int_equal(client_transfer_head(self->transfer, &again, UINT64_MAX), CSGI_OK);
    assert_ptr_equal(again, self->head);
    assert_int_equal(read_it(self), 1);
    assert_int_equal(client_get_counts(self->plain.bench->client).requests, 1);
}

static void a_response_is_read_in_pieces_and_its_connection_is_used_again(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_chunked, NULL);
    for (int i = 0; i < 2; i++) {
        moved now;

        prepare_move(&bench, &now, "/");
        move(&now, read_to_the_end);
        assert_body(&now, "hello world");
        until_idle(&bench, 1);
        end_move(&now);
    }
    assert_int_equal(bench.server.accepted, 1);
    finish(&bench);
}

static void read_without_head(moved *self)
{
    if (went(self, open_it(self))) went(self, read_all(self));
}

static void the_head_need_not_be_asked_for(void **state)
{
    rig bench;
    moved now;

    (void)state;
    begin(&bench, say_chunked, NULL);
    prepare_move(&bench, &now, "/");
    move(&now, read_without_head);
    assert_body(&now, "hello world");
    end_move(&now);
    finish(&bench);
}

/* ---- settings ---- */

static void settings_complete_what_goes_out(void **state)
{
    static const csgi_field field = { CSGI_STR("x-key"), CSGI_STR("k"), 0, 0 };
    char base[64];

    (void)state;
    for (int hops = 0; hops < 2; hops++) {
        rig bench;
        moved now;

        begin(&bench, echo, NULL);
        snprintf(base, sizeof base, "http://127.0.0.1:%u/v1", bench.server.port);
        prepare_move(&bench, &now, "/");
        now.plain.request.url = STR("items");
        now.with = settle((csgi_client_options){ .flags = hops ? CSGI_CLIENT_FOLLOW_REDIRECTS : 0,
                                                 .base_url = str_from(base),
                                                 .headers = { &field, 1 },
                                                 .bearer = STR("secret") });
        move(&now, fetch_in_pieces);
        assert_has(&now, "GET /v1/items HTTP/1.1\r\n", true);
        assert_has(&now, "x-key: k\r\n", true);
        assert_has(&now, "Authorization: Bearer secret\r\n", true);
        end_move(&now);
        finish(&bench);
    }
}

static void say_cookie(int fd, int number)
{
    char text[8192], head[128];

    (void)number;
    while (read_request(fd, text, sizeof text)) {
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: %zu\r\n\r\n", strlen(text));
        say(fd, head);
        say(fd, text);
    }
}

static void cookies_of_a_transfer_are_kept(void **state)
{
    rig bench;
    settings *with = settle((csgi_client_options){ .flags = CSGI_CLIENT_COOKIES });

    (void)state;
    begin(&bench, say_cookie, NULL);
    for (int i = 0; i < 2; i++) {
        moved now;

        prepare_move(&bench, &now, "/");
        now.with = settings_hold(with);
        move(&now, fetch_in_pieces);
        assert_has(&now, "Cookie: a=b\r\n", i > 0);
        end_move(&now);
    }
    settings_release(with);
    finish(&bench);
}

/* ---- redirects and retries ---- */

static atomic_int asked_for;

static void lead_on(int fd, int number)
{
    char text[8192];

    (void)number;
    while (read_request(fd, text, sizeof text)) {
        asked_for++;
        if (strstr(text, " /there "))
            say(fd, OK_HI);
        else if (strstr(text, " /busy ") && asked_for < 3)
            say(fd, "HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy");
        else if (strstr(text, " /busy "))
            say(fd, OK_HI);
        else
            say(fd, "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 5\r\n\r\nmoved");
    }
}

static void redirects_are_followed_before_the_head(void **state)
{
    rig bench;
    moved now;

    (void)state;
    begin(&bench, lead_on, NULL);
    prepare_move(&bench, &now, "/here");
    now.plain.request.flags = CSGI_CLIENT_FOLLOW_REDIRECTS;
    move(&now, fetch_in_pieces);
    assert_body(&now, "hi");
    assert_int_equal(now.head->redirects, 1);
    assert_non_null(strstr(now.head->url.ptr, "/there"));
    assert_int_equal(bench.server.accepted, 1); /* what led on was read to its end */
    end_move(&now);
    finish(&bench);
}

static void a_redirect_is_the_response_unless_it_is_to_be_followed(void **state)
{
    rig bench;
    moved now;

    (void)state;
    begin(&bench, lead_on, NULL);
    prepare_move(&bench, &now, "/here");
    move(&now, fetch_in_pieces);
    assert_body(&now, "moved");
    assert_int_equal(now.head->status, 302);
    assert_non_null(strstr(now.head->url.ptr, "/here"));
    end_move(&now);
    finish(&bench);
}

static void what_was_refused_is_tried_again_before_the_head(void **state)
{
    rig bench;
    moved now;

    (void)state;
    asked_for = 0;
    begin(&bench, lead_on, NULL);
    prepare_move(&bench, &now, "/busy");
    now.plain.request.flags = CSGI_CLIENT_RETRY;
    move(&now, fetch_in_pieces);
    assert_body(&now, "hi");
    assert_int_equal(now.head->retries, 2);
    end_move(&now);
    finish(&bench);
}

static void go_round(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
        asked_for++;
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    }
}

static void too_many_redirects_are_a_failure(void **state)
{
    rig bench;
    moved now;

    (void)state;
    asked_for = 0;
    begin(&bench, go_round, NULL);
    prepare_move(&bench, &now, "/");
    now.plain.request.flags = CSGI_CLIENT_FOLLOW_REDIRECTS;
    now.plain.request.max_redirects = 3;
    move(&now, fetch_in_pieces);
    assert_failed_with(&now, CSGI_ELIMIT, "more than 3 redirects");
    assert_int_equal(asked_for, 4);
    end_move(&now);
    finish(&bench);
}

/* ---- limits ---- */

static void say_much(int fd, int number)
{
    char piece[65536];

    (void)number;
    memset(piece, 'x', sizeof piece);
    if (!skip_request(fd)) return;
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (size_t sent = 0; sent < (size_t)20 << 20; sent += sizeof piece) {
        if (send(fd, piece, sizeof piece, MSG_NOSIGNAL) <= 0) return;
    }
}

static void a_transfer_has_no_limit_of_size_unless_it_is_set(void **state)
{
    static const uint64_t limits[] = { 0, (uint64_t)20 << 20, ((uint64_t)20 << 20) - 1 };

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        rig bench;
        moved now;

        begin(&bench, say_much, NULL);
        prepare_move(&bench, &now, "/");
        if (i < 3)
            now.plain.request.max_response_size = limits[i];
        else
            now.with = settle((csgi_client_options){ .max_response_size = limits[i - 2] });
        move(&now, fetch_in_pieces);
        if (i == 2 || i == 4) {
            assert_failed_with(&now, CSGI_ELIMIT, "larger than 20971519 bytes");
        } else {
            assert_went(&now);
            assert_int_equal(now.read, (size_t)20 << 20);
        }
        end_move(&now);
        finish(&bench);
    }
}

static void say_drops(int fd, int number)
{
    (void)number;
    if (!skip_request(fd)) return;
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        say(fd, "x");
        usleep(10000);
    }
}

static void the_time_of_a_transfer_is_limited_if_it_is_set(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        rig bench;
        moved now;

        begin(&bench, say_drops, NULL);
        prepare_move(&bench, &now, "/");
        if (i == 0) now.plain.request.total_timeout_ms = 50;
        if (i == 1) now.with = settle((csgi_client_options){ .total_timeout_ms = 50 });
        if (i == 2) now.plain.deadline_ms = loop_now_ms(bench.loop) + 50;
        move(&now, fetch_in_pieces);
        if (i == 3)
            assert_went(&now);
        else
            assert_failed_with(&now, CSGI_ETIMEDOUT,
                               i == 2 ? "call's deadline" : "within 50 ms (total timeout)");
        end_move(&now);
        finish(&bench);
    }
}

/* ---- what has no transfers ---- */

static csgi_status never(void *arg, csgi_arena *into, const csgi_client_request *request,
                         const csgi_client_response **answer)
{
    (void)arg, (void)into, (void)request, (void)answer;
    return CSGI_EFAIL;
}

static void apps_and_mocks_have_no_transfers(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    for (uint32_t flags = 0; flags <= CSGI_CLIENT_FOLLOW_REDIRECTS; flags++) {
        moved now;

        prepare_move(&bench, &now, "app:test/x");
        now.plain.request.flags = flags;
        move(&now, fetch_in_pieces);
        assert_failed_with(&now, CSGI_ENOTSUP, "open: apps of this server");
        end_move(&now);
        prepare_move(&bench, &now, "/");
        now.plain.request.flags = flags;
        now.with = settle((csgi_client_options){ .transport = never });
        move(&now, fetch_in_pieces);
        assert_failed_with(&now, CSGI_ENOTSUP, "open: the client has a transport");
        end_move(&now);
    }
    finish(&bench);
}

static void a_wrong_request_opens_nothing(void **state)
{
    rig bench;
    moved now;

    (void)state;
    begin(&bench, say_hi, NULL);
    prepare_move(&bench, &now, "/");
    now.plain.request.flags = CSGI_CLIENT_BODY_FOLLOWS;
    now.plain.request.body = STR("x");
    move(&now, fetch_in_pieces);
    assert_failed_with(&now, CSGI_EINVAL, "has a body, and CSGI_CLIENT_BODY_FOLLOWS");
    end_move(&now);
    prepare_move(&bench, &now, "gopher://x");
    move(&now, fetch_in_pieces);
    assert_failed_with(&now, CSGI_EINVAL, "cannot fetch 'gopher://x'");
    end_move(&now);
    assert_int_equal(bench.server.accepted, 0);
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_is_read_in_pieces_and_its_connection_is_used_again),
        cmocka_unit_test(the_head_need_not_be_asked_for),
        cmocka_unit_test(settings_complete_what_goes_out),
        cmocka_unit_test(cookies_of_a_transfer_are_kept),
        cmocka_unit_test(redirects_are_followed_before_the_head),
        cmocka_unit_test(a_redirect_is_the_response_unless_it_is_to_be_followed),
        cmocka_unit_test(what_was_refused_is_tried_again_before_the_head),
        cmocka_unit_test(too_many_redirects_are_a_failure),
        cmocka_unit_test(a_transfer_has_no_limit_of_size_unless_it_is_set),
        cmocka_unit_test(the_time_of_a_transfer_is_limited_if_it_is_set),
        cmocka_unit_test(apps_and_mocks_have_no_transfers),
        cmocka_unit_test(a_wrong_request_opens_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
