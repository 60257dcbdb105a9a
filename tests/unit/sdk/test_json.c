/* SPDX-License-Identifier: MIT
 * Strict JSON: what RFC 8259 allows is read, all else is refused. */
#include "fake_host.h"

#include "json.h"

const csgi_plugin *csgi_plugin_query(uint32_t host_major)
{
    (void)host_major;
    return NULL;
}

static const char *what_is_wrong(const char *bytes, size_t length)
{
    const char *why;
    size_t offset;
    cJSON *tree = csgi_web_json_parse(bytes, length, &why, &offset);

    assert_true((tree != NULL) == (why == NULL));
    assert_true(offset <= length);
    cJSON_Delete(tree);
    return why;
}

static void valid_json_is_read(void **state)
{
    static const char *const valid[] = {
        "0",
        "-0",
        "-0.0",
        "1.5e+10",
        "1E-2",
        "\"\"",
        "true",
        "false",
        "null",
        " \t\r\n[] ",
        "{}",
        "[[],{}]",
        "[1,2]",
        "{\"a\":1,\"A\":2}",
        "{\"a\":{\"a\":1}}",
        "[{\"a\":1},{\"a\":1}]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"S\xc3\xa3o\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\x7f\"",
        "1e999",
        "123456789012345678901234567890",
        "{\"\":0}",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        const char *why = what_is_wrong(valid[i], strlen(valid[i]));

        if (why) fail_msg("%s: %s", valid[i], why);
    }
}

static const char *const invalid[] = {
    "",
    " ",
    "[",
    "]",
    "{",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{'a':1}",
    "{\"a\" 1}",
    "{1:2}",
    "[1}",
    "{\"a\":1]",
    "1 2",
    "{} x",
    "[]]",
    "nul",
    "nulll",
    "True",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "inf",
    "+1",
    "-",
    "01",
    "-01",
    "1.",
    ".5",
    "1.e5",
    "1e",
    "1e+",
    "0x10",
    "1_0",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\\ud800x\"",
    "\"\n\"",
    "\"\t\"",
    "\"\x1f\"",
    "\xef\xbb\xbf{}",
    "\"\xff\"",
    "\"\xc3\"",
    "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"",
    "\"\xf5\x80\x80\x80\"",
    "\"\xe2\x82\"",
    "{\"a\":1,\"a\":2}",
    "[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]",
    "{\"a\":1,\"\\u0061\":2}",
    "/**/1",
    "// x\n1",
    "1 // x",
    "{\"a\":undefined}",
    "\xc2\xa0"
    "1",
    "1111111111111111111111111111111111111111111111111111111111111111",
};

static void what_is_not_json_is_refused(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
        if (!what_is_wrong(invalid[i], strlen(invalid[i]))) fail_msg("%s was read", invalid[i]);
}

static void a_nul_byte_is_no_end(void **state)
{
    (void)state;
    assert_non_null(what_is_wrong("1\0", 2));
    assert_non_null(what_is_wrong("\"a\0b\"", 5));
    assert_non_null(what_is_wrong("\0", 1));
}

static void what_is_cut_short_is_refused_wherever(void **state)
{
    static const char whole[] = "{\"a\":[1.5e3,\"\\u00e9\\n\xc3\xa3\",true,{}],\"b\":null}";
    size_t length;
    char *cut;

    (void)state;
    for (length = 0; length < sizeof(whole) - 1; length++) {
        cut = malloc(length + 1); /* its own size, so that a sanitizer sees a read beyond */
        memcpy(cut, whole, length);
        assert_non_null(what_is_wrong(cut, length));
        free(cut);
    }
    assert_null(what_is_wrong(whole, sizeof(whole) - 1));
}

static void depth_is_limited_at_64(void **state)
{
    char text[2 * (CSGI_WEB_JSON_DEPTH + 1)];
    int depth, kind;

    (void)state;
    for (kind = 0; kind < 2; kind++) {
        for (depth = CSGI_WEB_JSON_DEPTH; depth <= CSGI_WEB_JSON_DEPTH + 1; depth++) {
            memset(text, '[', (size_t)depth);
            memset(text + depth, ']', (size_t)depth);
            if (kind) text[depth - 1] = '{', text[depth] = '}';
            if (depth == CSGI_WEB_JSON_DEPTH)
                assert_null(what_is_wrong(text, 2 * (size_t)depth));
            else
                assert_string_equal(what_is_wrong(text, 2 * (size_t)depth),
                                    "it is nested too deep");
        }
    }
}

static void a_name_twice_among_many_is_found(void **state)
{
    char text[2000] = "{";
    size_t used = 1;
    int i;

    (void)state;
    for (i = 0; i < 100; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "\"n%d\":%d,", i, i);
    snprintf(text + used, sizeof(text) - used, "\"m\":1}");
    assert_null(what_is_wrong(text, strlen(text)));
    snprintf(text + used, sizeof(text) - used, "\"n57\":1}");
    assert_string_equal(what_is_wrong(text, strlen(text)), "an object has a name twice");
}

static void an_int_has_no_fraction_and_at_most_53_bits(void **state)
{
    static const struct {
        const char *text;
        int is_int;
        int64_t number;
    } cases[] = { { "0", 1, 0 },
                  { "-7", 1, -7 },
                  { "1e3", 1, 1000 },
                  { "9007199254740992", 1, 9007199254740992 },
                  { "9007199254740994", 0, 0 },
                  { "1.5", 0, 0 },
                  { "1e999", 0, 0 },
                  { "\"1\"", 0, 0 },
                  { "true", 0, 0 } };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *node = cJSON_Parse(cases[i].text);
        int64_t number = 0;

        assert_int_equal(csgi_web_json_int(node, &number), cases[i].is_int);
        assert_int_equal(number, cases[i].number);
        cJSON_Delete(node);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_json_is_read),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(a_nul_byte_is_no_end),
        cmocka_unit_test(what_is_cut_short_is_refused_wherever),
        cmocka_unit_test(depth_is_limited_at_64),
        cmocka_unit_test(a_name_twice_among_many_is_found),
        cmocka_unit_test(an_int_has_no_fraction_and_at_most_53_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
