/* SPDX-License-Identifier: MIT
 * base/json_write: commas, escapes, and memory that runs out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/json_write.h"
#include "base/str.h"
#include "failing_malloc.h"

static void write_some(json_writer *self)
{
    json_write_open(self, NULL, '{');
    json_write_open(self, "none", '[');
    json_write_close(self, ']');
    json_write_open(self, "some", '[');
    json_write_number(self, NULL, 0);
    json_write_number(self, NULL, UINT64_MAX);
    json_write_open(self, NULL, '{');
    json_write_close(self, '}');
    json_write_close(self, ']');
    json_write_bool(self, "yes", true);
    json_write_bool(self, "no", false);
    json_write_text(self, "empty", STR(""));
    json_write_text_or_null(self, "null", STR(""));
    json_write_text_or_null(self, "text", STR("a\"\\\n\x01\xff\xc3\xa9"));
    json_write_close(self, '}');
}

static const char expected[] =
    "{\"none\": [], \"some\": [0, 18446744073709551615, {}], \"yes\": true, \"no\": false, "
    "\"empty\": \"\", \"null\": null, \"text\": \"a\\\"\\\\\\u000a\\u0001\\ufffd\xc3\xa9\"}";

static void every_kind_of_value_is_written(void **state)
{
    buffer out = { 0 };
    json_writer self = { .out = &out };

    (void)state;
    write_some(&self);
    assert_int_equal(self.status, CSGI_OK);
    assert_int_equal(buffer_append(&out, "", 1), CSGI_OK);
    assert_string_equal(out.bytes, expected);
    buffer_fini(&out);
}

static void nothing_is_written_once_memory_has_run_out(void **state)
{
    (void)state;
    for (size_t fails_at = 0;; fails_at++) {
        buffer out = { 0 };
        json_writer self = { .out = &out };
        bool has_failed;

        failing_malloc_after(fails_at);
        write_some(&self);
        has_failed = failing_malloc_off();
        assert_int_equal(self.status, has_failed ? CSGI_ENOMEM : CSGI_OK);
        assert_true(out.len < sizeof expected);
        assert_true(out.len == 0 || memcmp(out.bytes, expected, out.len) == 0);
        buffer_fini(&out);
        if (!has_failed) return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_written),
        cmocka_unit_test(nothing_is_written_once_memory_has_run_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
