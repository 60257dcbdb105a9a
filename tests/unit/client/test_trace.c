/* SPDX-License-Identifier: MIT
 * W3C trace context: which traceparents and tracestates are taken, and what goes on. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/str.h"
#include "client/trace.h"

#define ID     "0af7651916cd43dd8448eb211c80319c"
#define PARENT "00-" ID "-b7ad6b7169203331-01"
#define ZEROS  "00000000000000000000000000000000"

static csgi_field field(const char *name, const char *value)
{
    return (csgi_field){ .name = str_from(name), .value = str_from(value) };
}

static bool reads(const char *parent, trace *out)
{
    csgi_field only = field("traceparent", parent);

    return trace_read((csgi_fields){ &only, 1 }, out);
}

static void assert_taken(const char *parent, bool sampled)
{
    trace out;

    if (!reads(parent, &out)) fail_msg("'%s' is refused", parent);
    assert_memory_equal(out.id, ID, 32);
    assert_int_equal(out.sampled, sampled);
    assert_int_equal(out.state_len, 0);
}

static void assert_refused(const char *parent)
{
    trace out = { .sampled = true };

    if (reads(parent, &out)) fail_msg("'%s' is taken", parent);
}

static void a_traceparent_is_taken_apart(void **state)
{
    (void)state;
    assert_taken(PARENT, true);
    assert_taken("\t" PARENT " ", true);
    assert_taken("00-" ID "-b7ad6b7169203331-00", false);
    assert_taken("00-" ID "-b7ad6b7169203331-02", false);
    assert_taken("00-" ID "-b7ad6b7169203331-ff", true);
    assert_taken("00-" ID "-0000000000000001-00", false);
}

static void later_versions_are_read_as_far_as_known(void **state)
{
    (void)state;
    assert_taken("01-" ID "-b7ad6b7169203331-01", true);
    assert_taken("cc-" ID "-b7ad6b7169203331-01-what-comes", true);
    assert_taken("fe-" ID "-b7ad6b7169203331-00-", false);
    assert_refused("cc-" ID "-b7ad6b7169203331-01.x");
    assert_refused("cc-" ID "-b7ad6b7169203331-010");
    assert_refused("ff-" ID "-b7ad6b7169203331-01");
    assert_refused("00-" ID "-b7ad6b7169203331-01-");
    assert_refused("00-" ID "-b7ad6b7169203331-01-x");
}

static void malformed_traceparents_are_refused(void **state)
{
    (void)state;
    assert_refused("");
    assert_refused("00");
    assert_refused("00-" ZEROS "-b7ad6b7169203331-01");
    assert_refused("00-" ID "-0000000000000000-01");
    assert_refused("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01");
    assert_refused("00-" ID "-B7AD6B7169203331-01");
    assert_refused("00-" ID "-b7ad6b7169203331-0A");
    assert_refused("00-" ID "-b7ad6b7169203331-0");
    assert_refused("0-" ID "-b7ad6b7169203331-001");
    assert_refused("0A-" ID "-b7ad6b7169203331-01");
    assert_refused("g0-" ID "-b7ad6b7169203331-01");
    assert_refused("00." ID "-b7ad6b7169203331-01");
    assert_refused("00-" ID ".b7ad6b7169203331-01");
    assert_refused("00-" ID "-b7ad6b7169203331.01");
    assert_refused("00-" ID "-b7ad6b716920333g-01");
    assert_refused("00-" ID "-b7ad6b7169203331-0g");
}

static void there_must_be_one_traceparent(void **state)
{
    csgi_field two[] = { field("traceparent", PARENT), field("traceparent", PARENT) };
    csgi_field other = field("tracestate", "a=1");
    trace out;

    (void)state;
    assert_true(trace_read((csgi_fields){ two, 1 }, &out));
    assert_false(trace_read((csgi_fields){ two, 2 }, &out));
    assert_false(trace_read((csgi_fields){ &other, 1 }, &out));
    assert_false(trace_read((csgi_fields){ NULL, 0 }, &out));
}

static void the_outgoing_parent_has_the_trace_and_a_new_span(void **state)
{
    char out[TRACE_PARENT_LENGTH];
    trace now;

    (void)state;
    assert_true(reads("cc-" ID "-b7ad6b7169203331-ff-more", &now));
    trace_print_parent(&now, 0x0123456789abcdefu, out);
    assert_memory_equal(out, "00-" ID "-0123456789abcdef-01", sizeof out);
    now.sampled = false;
    trace_print_parent(&now, UINT64_MAX, out);
    assert_memory_equal(out, "00-" ID "-ffffffffffffffff-00", sizeof out);
    trace_print_parent(&now, 0, out);
    assert_memory_equal(out, "00-" ID "-0000000000000001-00", sizeof out);
}

static void assert_state(const char *given, const char *want)
{
    csgi_field both[] = { field("traceparent", PARENT), field("tracestate", given) };
    trace out;

    assert_true(trace_read((csgi_fields){ both, 2 }, &out));
    if (out.state_len != strlen(want) || memcmp(out.state, want, out.state_len) != 0)
        fail_msg("'%s' became '%.*s'", given, (int)out.state_len, out.state);
}

static void a_tracestate_is_passed_on(void **state)
{
    (void)state;
    assert_state("congo=t61rcWkgMzE", "congo=t61rcWkgMzE");
    assert_state("a=1 ,\tb=2,,  ,c=3", "a=1,b=2,c=3");
    assert_state("t-_*/0@v-_*/0=x", "t-_*/0@v-_*/0=x");
    assert_state("0tenant@vendor=x", "0tenant@vendor=x");
    assert_state("a= b !~", "a= b !~");
    assert_state("a=1,a=2", "a=1,a=2");
    assert_state("", "");
    assert_state(" , ", "");
}

static void a_malformed_tracestate_is_dropped_alone(void **state)
{
    (void)state;
    assert_state("a", "");
    assert_state("a=", "");
    assert_state("=1", "");
    assert_state("a =1", "");
    assert_state("A=1", "");
    assert_state("0=1", "");
    assert_state("a=1=2", "");
    assert_state("a=\t1", "");
    assert_state("a=\x7f", "");
    assert_state("a=\xc3\xa9", "");
    assert_state("a@0=1", "");
    assert_state("@a=1", "");
    assert_state("a@=1", "");
    assert_state("a@b@c=1", "");
    assert_state("a=1;b=2,c", "");
}

/* key=value with a key of so many bytes. */
static void assert_key(size_t before, size_t after, bool fits)
{
    char text[600];
    size_t len = 0;

    memset(text, 'k', before);
    len = before;
    if (after) {
        text[len++] = '@';
        memset(text + len, 's', after);
        len += after;
    }
    memcpy(text + len, "=v", 3);
    assert_state(text, fits ? text : "");
}

static void keys_and_values_have_limits(void **state)
{
    char text[300] = "a=";

    (void)state;
    assert_key(256, 0, true);
    assert_key(257, 0, false);
    assert_key(241, 14, true);
    assert_key(242, 14, false);
    assert_key(241, 15, false);
    memset(text + 2, 'v', 256);
    assert_state(text, text);
    memset(text + 2, 'v', 257);
    assert_state(text, "");
}

static void several_fields_are_one_list_of_32_members(void **state)
{
    csgi_field fields[34] = { field("traceparent", PARENT) };
    trace out;

    (void)state;
    for (size_t i = 1; i < 34; i++)
        fields[i] = field("tracestate", "a=1");
    assert_true(trace_read((csgi_fields){ fields, 3 }, &out));
    assert_int_equal(out.state_len, 7);
    assert_memory_equal(out.state, "a=1,a=1", 7);
    assert_true(trace_read((csgi_fields){ fields, 33 }, &out));
    assert_int_equal(out.state_len, 32 * 4 - 1);
    assert_true(trace_read((csgi_fields){ fields, 34 }, &out));
    assert_int_equal(out.state_len, 0);
}

/* Appends "c=ccc" of so many bytes. */
static void add_member(buffer *list, char letter, size_t len)
{
    if (list->len) assert_int_equal(buffer_append(list, ",", 1), CSGI_OK);
    assert_int_equal(buffer_printf(list, "%c=", letter), CSGI_OK);
    while (len-- > 2)
        assert_int_equal(buffer_append(list, &letter, 1), CSGI_OK);
}

static void assert_members(const char *letters, const size_t *lengths, const char *kept)
{
    buffer given = { .len = 0 }, want = { .len = 0 };

    for (size_t i = 0; letters[i]; i++) {
        add_member(&given, letters[i], lengths[i]);
        if (strchr(kept, letters[i])) add_member(&want, letters[i], lengths[i]);
    }
    assert_int_equal(buffer_append(&given, "", 1), CSGI_OK);
    assert_int_equal(buffer_append(&want, "", 1), CSGI_OK);
    assert_state(given.bytes, want.bytes);
    buffer_fini(&given);
    buffer_fini(&want);
}

static void a_tracestate_of_more_than_512_bytes_loses_members(void **state)
{
    (void)state;
    /* 4 * 127 and 3 commas are 511; 5 * 101 and 4 commas 509, and so on. */
    assert_members("abcd", (size_t[]){ 128, 127, 127, 127 }, "abcd");
    assert_members("abcd", (size_t[]){ 128, 128, 127, 127 }, "abc");
    assert_members("abcd", (size_t[]){ 100, 129, 200, 100 }, "abd");
    assert_members("abcd", (size_t[]){ 129, 200, 128, 128 }, "acd");
    assert_members("abcd", (size_t[]){ 129, 258, 128, 128 }, "acd");
    assert_members("abcd", (size_t[]){ 129, 258, 128, 129 }, "ac");
    assert_members("abcdef", (size_t[]){ 128, 128, 128, 128, 128, 129 }, "abc");
    assert_members("ab", (size_t[]){ 256, 255 }, "ab");
    assert_members("ab", (size_t[]){ 256, 256 }, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_traceparent_is_taken_apart),
        cmocka_unit_test(later_versions_are_read_as_far_as_known),
        cmocka_unit_test(malformed_traceparents_are_refused),
        cmocka_unit_test(there_must_be_one_traceparent),
        cmocka_unit_test(the_outgoing_parent_has_the_trace_and_a_new_span),
        cmocka_unit_test(a_tracestate_is_passed_on),
        cmocka_unit_test(a_malformed_tracestate_is_dropped_alone),
        cmocka_unit_test(keys_and_values_have_limits),
        cmocka_unit_test(several_fields_are_one_list_of_32_members),
        cmocka_unit_test(a_tracestate_of_more_than_512_bytes_loses_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
