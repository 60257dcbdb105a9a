/* SPDX-License-Identifier: MIT
 * What a tail is added to, where, and what stays as it is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "exchange/html_tail.h"
#include "failing_malloc.h"
#include "fake_wire.h"

#define TAIL "<script src=x></script>"

static const char *why;
static const char *method, *type, *other_name, *other_value, *length;
static const char *pieces[4];
static uint32_t status;
static csgi_status added;
static uint64_t declared;

/* The length that the wire would put into the head. */
static csgi_status note_length(exchange *self, csgi_str bytes, bool last)
{
    if (declared == UINT64_MAX) declared = self->has_declared_length ? self->declared_length : 0;
    return fake_body(self, bytes, last);
}

static exchange_wire noting_wire;

static csgi_status answer(void *arg)
{
    exchange *self = arg;
    csgi_field fields[3] = { { STR("content-type"), str_from(type), 0, 0 } };
    size_t count = 1;

    if (other_name)
        fields[count++] = (csgi_field){ str_from(other_name), str_from(other_value), 0, 0 };
    if (length) fields[count++] = (csgi_field){ STR("content-length"), str_from(length), 0, 0 };
    assert_int_equal(exchange_start(self, status, (csgi_fields){ fields, count }, &why), CSGI_OK);
    for (size_t i = 0; pieces[i]; i++)
        assert_int_equal(exchange_body(self, str_from(pieces[i]), pieces[i + 1] != NULL, &why),
                         CSGI_OK);
    return CSGI_OK;
}

static int begin(void **state)
{
    method = "GET";
    type = "text/html; charset=utf-8";
    other_name = length = NULL;
    status = 200;
    declared = UINT64_MAX;
    memset(pieces, 0, sizeof pieces);
    return begin_world(state);
}

static const char *sent(void)
{
    exchange *self = begin_call(answer);

    noting_wire = fake_wire_told;
    noting_wire.body = note_length;
    self->wire = &noting_wire;
    self->method = str_from(method);
    added = html_tail_add(self, STR(TAIL));
    loop_run(world);
    CHECK(buffer_append(&wire.bytes, "", 1) == CSGI_OK);
    wire.bytes.len--;
    return wire.bytes.bytes;
}

static void it_stands_before_the_end_of_the_body_element(void **state)
{
    (void)state;
    pieces[0] = "<body>hi</Body>\n</html> \n";
    assert_string_equal(sent(), "<body>hi" TAIL "</Body>\n</html> \n");
    assert_int_equal(declared, strlen(pieces[0]) + strlen(TAIL));
}

static void without_such_an_end_it_stands_last(void **state)
{
    (void)state;
    pieces[0] = "<p>\"</body>\" is no end";
    assert_string_equal(sent(), "<p>\"</body>\" is no end" TAIL);
}

static void an_end_of_the_document_alone_is_none_of_the_body(void **state)
{
    (void)state;
    pieces[0] = "<p>hi</html>";
    assert_string_equal(sent(), "<p>hi</html>" TAIL);
}

static void a_declared_length_grows(void **state)
{
    (void)state;
    pieces[0] = "<body>";
    pieces[1] = "hi</body>";
    length = "15";
    assert_string_equal(sent(), "<body>hi" TAIL "</body>");
    assert_int_equal(declared, 15 + strlen(TAIL));
}

static void a_stream_gets_it_at_its_end(void **state)
{
    (void)state;
    pieces[0] = "<body>hi</body>";
    pieces[1] = "";
    assert_string_equal(sent(), "<body>hi</body>" TAIL);
    assert_int_equal(declared, 0);
}

static void an_empty_page_gets_it(void **state)
{
    (void)state;
    pieces[0] = "";
    assert_string_equal(sent(), TAIL);
    assert_int_equal(declared, strlen(TAIL));
}

static void an_error_page_is_a_page(void **state)
{
    (void)state;
    status = 500;
    pieces[0] = "oh";
    assert_string_equal(sent(), "oh" TAIL);
}

static void other_types_stay_as_they_are(void **state)
{
    static const char *const types[] = { "text/plain",     "application/json",
                                         "text/html5",     "application/xhtml+xml",
                                         "text/htm",       "text/html; charset=UTF-16LE",
                                         "text/html+more", "" };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (i) begin(state);
        type = types[i];
        pieces[0] = "<body></body>";
        assert_string_equal(sent(), "<body></body>");
        assert_int_equal(declared, 13);
        if (i + 1 < sizeof types / sizeof *types) end_world(state);
    }
}

static void spaces_and_case_of_the_type_do_not_matter(void **state)
{
    (void)state;
    type = " Text/HTML ;charset=latin1";
    pieces[0] = "a";
    assert_string_equal(sent(), "a" TAIL);
}

static void what_must_not_change_does_not(void **state)
{
    static const char *const fields[][2] = {
        { "Content-Encoding", "gzip" },
        { "content-range", "bytes 0-1/9" },
        { "content-disposition", "inline" },
        { "Repr-Digest", "sha-256=:AA==:" },
        { "Content-Digest", "x" },
        { "digest", "x" },
        { "content-md5", "x" },
    };

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (i) begin(state);
        other_name = fields[i][0];
        other_value = fields[i][1];
        pieces[0] = "ab";
        assert_string_equal(sent(), "ab");
        if (i + 1 < sizeof fields / sizeof *fields) end_world(state);
    }
}

static void identity_is_no_encoding(void **state)
{
    (void)state;
    other_name = "content-encoding";
    other_value = " identity";
    pieces[0] = "ab";
    assert_string_equal(sent(), "ab" TAIL);
}

static void parts_redirects_and_empty_answers_stay_as_they_are(void **state)
{
    static const uint32_t statuses[] = { 206, 204, 205, 304, 301, 399 };

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        if (i) begin(state);
        status = statuses[i];
        pieces[0] = "ab";
        assert_string_equal(sent(), "ab");
        if (i + 1 < sizeof statuses / sizeof *statuses) end_world(state);
    }
}

static void head_says_the_length_that_the_app_says(void **state)
{
    (void)state;
    method = "HEAD";
    length = "9";
    pieces[0] = "";
    sent();
    assert_int_equal(declared, 9);
}

static csgi_status answer_by_file(void *arg)
{
    csgi_field field = { STR("content-type"), STR("text/html"), 0, 0 };
    char path[] = "/tmp/html_tail.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "<body></body>", 13), 13);
    assert_int_equal(exchange_start(arg, 200, (csgi_fields){ &field, 1 }, &why), CSGI_OK);
    assert_int_equal(exchange_path(arg, str_from(path), &why), CSGI_OK);
    close(fd);
    unlink(path);
    return CSGI_OK;
}

static void a_file_is_a_page_too(void **state)
{
    exchange *self = begin_call(answer_by_file);

    (void)state;
    assert_int_equal(html_tail_add(self, STR(TAIL)), CSGI_OK);
    loop_run(world);
    assert_int_equal(wire.bytes.len, 13 + strlen(TAIL));
}

static void without_memory_nothing_changes(void **state)
{
    exchange *self = begin_call(answer);
    const exchange_wire *before = self->wire;

    (void)state;
    pieces[0] = "ab";
    self->arena.next = self->arena.end; /* its own memory is used up */
    failing_malloc_after(0);
    added = html_tail_add(self, STR(TAIL));
    assert_true(failing_malloc_off());
    assert_int_equal(added, CSGI_ENOMEM);
    assert_ptr_equal(self->wire, before);
    loop_run(world);
    assert_int_equal(wire.bytes.len, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_world)
    const struct CMUnitTest tests[] = {
        TEST(it_stands_before_the_end_of_the_body_element),
        TEST(without_such_an_end_it_stands_last),
        TEST(an_end_of_the_document_alone_is_none_of_the_body),
        TEST(a_declared_length_grows),
        TEST(a_stream_gets_it_at_its_end),
        TEST(an_empty_page_gets_it),
        TEST(an_error_page_is_a_page),
        TEST(other_types_stay_as_they_are),
        TEST(spaces_and_case_of_the_type_do_not_matter),
        TEST(what_must_not_change_does_not),
        TEST(identity_is_no_encoding),
        TEST(parts_redirects_and_empty_answers_stay_as_they_are),
        TEST(head_says_the_length_that_the_app_says),
        TEST(a_file_is_a_page_too),
        TEST(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
