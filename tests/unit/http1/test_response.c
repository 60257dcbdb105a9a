/* SPDX-License-Identifier: MIT
 * Response heads and how bodies are framed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "http1/response.h"

#define FIELD(name, value)                    \
    {                                         \
        CSGI_STR(name), CSGI_STR(value), 0, 0 \
    }
#define FIELDS(array) ((csgi_fields){ (array), COUNT_OF(array) })

static const response_style bare = { .fixed = { NULL, 0 } };

/* A whole head, in memory of just the room that was promised. */
static char *head_of(uint32_t status, csgi_fields headers, response_style style,
                     response_facts facts)
{
    size_t room = response_head_room(headers, style), len;
    char *head = malloc(room + 1);
    bool asks_close;

    assert_non_null(head);
    len = response_head_begin(head, status, headers, style, &asks_close);
    facts.status = status;
    facts.keep_alive &= !asks_close;
    {
        response_framing framing = response_frame(&facts);

        len += response_head_end(head + len, &framing, &facts);
    }
    assert_true(len <= room);
    head[len] = '\0';
    return head;
}

static void assert_head(uint32_t status, csgi_fields headers, response_facts facts,
                        const char *expected)
{
    char *head = head_of(status, headers, bare, facts);

    assert_string_equal(head, expected);
    free(head);
}

static void a_known_length_is_said(void **state)
{
    static const csgi_field fields[] = { FIELD("Content-Type", "text/plain"), FIELD("x-a", "") };

    (void)state;
    assert_head(200, FIELDS(fields),
                (response_facts){ .has_length = true, .length = 13, .keep_alive = true },
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nx-a: \r\ncontent-length: "
                "13\r\n\r\n");
}

static void an_unknown_length_is_chunked_in_http11(void **state)
{
    (void)state;
    assert_head(201, (csgi_fields){ 0 }, (response_facts){ .keep_alive = true },
                "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n");
}

static void an_unknown_length_ends_with_the_connection_in_http10(void **state)
{
    response_facts facts = { .is_http10 = true, .keep_alive = true, .status = 200 };

    (void)state;
    assert_head(200, (csgi_fields){ 0 }, facts, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    assert_true(response_frame(&facts).until_close);
}

static void http10_is_kept_alive_in_words(void **state)
{
    (void)state;
    assert_head(200, (csgi_fields){ 0 },
                (response_facts){ .is_http10 = true, .has_length = true, .keep_alive = true },
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n");
}

static void what_frames_is_not_the_applications_to_say(void **state)
{
    static const csgi_field fields[] = { FIELD("Transfer-Encoding", "gzip"),
                                         FIELD("Keep-Alive", "max=5"),
                                         FIELD("Connection", "keep-alive, Close"),
                                         FIELD("Content-Length", "7"), FIELD("X", "y") };

    (void)state;
    assert_head(200, FIELDS(fields),
                (response_facts){ .has_length = true, .length = 7, .keep_alive = true },
                "HTTP/1.1 200 OK\r\nX: y\r\ncontent-length: 7\r\nconnection: close\r\n\r\n");
}

static void bodyless_responses_have_no_body(void **state)
{
    static const uint32_t statuses[] = { 204, 304 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        response_facts facts = { .status = statuses[i], .keep_alive = true };

        assert_true(response_frame(&facts).omit_body);
        assert_false(response_frame(&facts).is_chunked);
        assert_false(response_frame(&facts).close);
    }
    assert_head(204, (csgi_fields){ 0 }, (response_facts){ .has_length = true, .keep_alive = true },
                "HTTP/1.1 204 No Content\r\n\r\n");
    assert_head(304, (csgi_fields){ 0 },
                (response_facts){ .has_length = true, .length = 9, .keep_alive = true },
                "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n");
    assert_head(200, (csgi_fields){ 0 }, (response_facts){ .is_head = true, .keep_alive = true },
                "HTTP/1.1 200 OK\r\n\r\n");
}

static void a_reset_has_a_length_of_0_whatever_the_application_says(void **state)
{
    static const char expected[] = "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n";
    response_facts facts = { .status = 205, .keep_alive = true };

    (void)state;
    assert_true(response_frame(&facts).omit_body);
    assert_head(205, (csgi_fields){ 0 }, facts, expected);
    facts.has_length = true;
    facts.length = 9;
    assert_head(205, (csgi_fields){ 0 }, facts, expected);
    facts.has_trailers = true;
    assert_head(205, (csgi_fields){ 0 }, facts, expected);
    facts.is_head = true;
    assert_head(205, (csgi_fields){ 0 }, facts, expected);
}

static void an_upgrade_is_said_to_be_of_the_connection(void **state)
{
    static const csgi_field fields[] = { FIELD("Upgrade", "websocket"),
                                         FIELD("Connection", "upgrade") };

    (void)state;
    assert_head(426, FIELDS(fields), (response_facts){ .has_length = true, .keep_alive = true },
                "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nconnection: upgrade\r\n"
                "content-length: 0\r\n\r\n");
}

static void date_and_server_are_added_once(void **state)
{
    static const csgi_field own[] = { FIELD("Date", "today"), FIELD("Server", "mine") };
    response_facts facts = { .has_length = true, .keep_alive = true };
    char *head;

    (void)state;
    response_set_clock(784111777);
    head = head_of(200, (csgi_fields){ 0 }, (response_style){ true, true, { NULL, 0 } }, facts);
    assert_string_equal(head, "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                              "server: capricorn\r\ncontent-length: 0\r\n\r\n");
    free(head);
    head = head_of(200, FIELDS(own), (response_style){ true, true, { NULL, 0 } }, facts);
    assert_string_equal(head, "HTTP/1.1 200 OK\r\nDate: today\r\nServer: mine\r\n"
                              "content-length: 0\r\n\r\n");
    free(head);
    response_set_clock(784111778);
    head = head_of(999, (csgi_fields){ 0 }, (response_style){ false, true, { NULL, 0 } }, facts);
    assert_string_equal(head, "HTTP/1.1 999 Unknown\r\ndate: Sun, 06 Nov 1994 08:49:38 GMT\r\n"
                              "content-length: 0\r\n\r\n");
    free(head);
    response_set_clock(0);
}

static void fixed_lines_stand_in_every_head(void **state)
{
    response_facts facts = { .has_length = true, .keep_alive = true };
    char *head = head_of(404, (csgi_fields){ 0 },
                         (response_style){ .fixed = CSGI_STR("x-one: 1\r\nx-two: \r\n") }, facts);

    (void)state;
    assert_string_equal(head, "HTTP/1.1 404 Not Found\r\nx-one: 1\r\nx-two: \r\n"
                              "content-length: 0\r\n\r\n");
    free(head);
}

static void the_room_is_enough_for_the_largest_head(void **state)
{
    static const csgi_field fields[] = { FIELD("upgrade", "h2c") };
    response_facts facts = { .has_length = true, .length = UINT64_MAX };
    char *head;

    (void)state;
    head = head_of(431, FIELDS(fields), (response_style){ true, true, STR("x-one: 1\r\n") }, facts);
    assert_non_null(strstr(head, "content-length: 18446744073709551615\r\nconnection: close"));
    free(head);
}

static void a_chunk_is_announced_in_hexadecimal(void **state)
{
    char line[20];

    (void)state;
    assert_int_equal(response_chunk_line(line, 1), 3);
    assert_memory_equal(line, "1\r\n", 3);
    assert_int_equal(response_chunk_line(line, 0xabc0), 6);
    assert_memory_equal(line, "abc0\r\n", 6);
    assert_int_equal(response_chunk_line(line, SIZE_MAX), 18);
}

static void trailers_are_chunked_whatever_the_length(void **state)
{
    (void)state;
    assert_head(200, (csgi_fields){ 0 },
                (response_facts){
                    .has_length = true, .length = 3, .has_trailers = true, .keep_alive = true },
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_head(200, (csgi_fields){ 0 },
                (response_facts){ .is_head = true,
                                  .has_length = true,
                                  .length = 3,
                                  .has_trailers = true,
                                  .keep_alive = true },
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n");
}

static void hints_and_trailers_fit_the_room_that_was_promised(void **state)
{
    static const csgi_field fields[] = { FIELD("Link", "</a>; rel=preload"), FIELD("x", "") };
    char *out = malloc(response_fields_room(FIELDS(fields)));
    static const char hint[] = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nx: \r\n\r\n";
    static const char all[] = "0\r\nLink: </a>; rel=preload\r\nx: \r\n\r\n";

    (void)state;
    assert_non_null(out);
    assert_int_equal(response_hint(out, FIELDS(fields)), sizeof hint - 1);
    assert_memory_equal(out, hint, sizeof hint - 1);
    assert_int_equal(response_trailers(out, FIELDS(fields), true, true), sizeof all - 1);
    assert_memory_equal(out, all, sizeof all - 1);
    assert_int_equal(response_trailers(out, FIELDS(fields), true, false), sizeof all - 3);
    assert_int_equal(response_trailers(out, FIELDS(fields), false, true), sizeof all - 4);
    assert_memory_equal(out, all + 3, sizeof all - 4);
    assert_int_equal(response_trailers(out, (csgi_fields){ 0 }, false, false), 0);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_length_is_said),
        cmocka_unit_test(an_unknown_length_is_chunked_in_http11),
        cmocka_unit_test(an_unknown_length_ends_with_the_connection_in_http10),
        cmocka_unit_test(http10_is_kept_alive_in_words),
        cmocka_unit_test(what_frames_is_not_the_applications_to_say),
        cmocka_unit_test(bodyless_responses_have_no_body),
        cmocka_unit_test(a_reset_has_a_length_of_0_whatever_the_application_says),
        cmocka_unit_test(an_upgrade_is_said_to_be_of_the_connection),
        cmocka_unit_test(date_and_server_are_added_once),
        cmocka_unit_test(fixed_lines_stand_in_every_head),
        cmocka_unit_test(the_room_is_enough_for_the_largest_head),
        cmocka_unit_test(a_chunk_is_announced_in_hexadecimal),
        cmocka_unit_test(trailers_are_chunked_whatever_the_length),
        cmocka_unit_test(hints_and_trailers_fit_the_room_that_was_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
