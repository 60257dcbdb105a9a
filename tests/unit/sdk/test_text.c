/* SPDX-License-Identifier: MIT
 * JSON that is written, and URLs: templates, strings, doubles. */
#include "fake_host.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "json.h"
#include "text.h"

const csgi_plugin *csgi_plugin_query(uint32_t host_major)
{
    (void)host_major;
    return NULL;
}

static csgi_arena arena;
static csgi_web_text text;

static int begin(void **state)
{
    (void)state;
    csgi_web_text_init(&text, &fake_host, &arena);
    return 0;
}

static int end(void **state)
{
    fake_block *block;

    (void)state;
    while ((block = arena.blocks)) {
        arena.blocks = block->next;
        free(block);
    }
    return 0;
}

static const char *json(const char *json_template, ...) __attribute__((format(printf, 1, 2)));
static const char *url(const char *url_template, ...) __attribute__((format(printf, 1, 2)));

static const char *json(const char *json_template, ...)
{
    csgi_web_arguments arguments;

    csgi_web_text_init(&text, &fake_host, &arena);
    va_start(arguments.list, json_template);
    csgi_web_text_json(&text, json_template, &arguments);
    va_end(arguments.list);
    csgi_web_text_json_end(&text);
    return csgi_web_text_end(&text);
}

static const char *url(const char *url_template, ...)
{
    csgi_web_arguments arguments;

    csgi_web_text_init(&text, &fake_host, &arena);
    va_start(arguments.list, url_template);
    csgi_web_text_url(&text, url_template, &arguments);
    va_end(arguments.list);
    return csgi_web_text_end(&text);
}

static const char *number(double value)
{
    csgi_web_text_init(&text, &fake_host, &arena);
    csgi_web_text_json_double(&text, value);
    return csgi_web_text_end(&text);
}

static void doubles_are_written_as_pythons_repr_does(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 21.5, "21.5" },
        { 14, "14.0" },
        { 0, "0.0" },
        { -0.0, "-0.0" },
        { -3.25, "-3.25" },
        { 0.1, "0.1" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 1.0 / 3, "0.3333333333333333" },
        { 100, "100.0" },
        { 123456789, "123456789.0" },
        { 1e15, "1000000000000000.0" },
        { 9999999999999998.0, "9999999999999998.0" },
        { 1e16, "1e+16" },
        { 1.5e300, "1.5e+300" },
        { 0.0001, "0.0001" },
        { 0.00012345, "0.00012345" },
        { 0.00001, "1e-05" },
        { 1.25e-7, "1.25e-07" },
        { 9007199254740993.0, "9007199254740992.0" },
        { 5e-324, "5e-324" },
        { 2.2250738585072014e-308, "2.2250738585072014e-308" },
        { DBL_MAX, "1.7976931348623157e+308" },
        { 5.684341886080801486968994140625e-14, "5.684341886080802e-14" }, /* 2^-44: a tie */
        { 9.5367431640625e-07, "9.5367431640625e-07" },
        { 1.7800590868057611e-307, "1.7800590868057611e-307" },
        { 999999999999998, "999999999999998.0" },
        { 999999999999998.5, "999999999999998.5" },
        { 999999999999999, "999999999999999.0" },
        { 123456789.123456, "123456789.123456" },
        { 0.000001, "1e-06" },
        { 0.0000015, "1.5e-06" },
        { 0.30000000000000004, "0.30000000000000004" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(number(cases[i].value), cases[i].text);
}

static void every_double_reads_back_the_same(void **state)
{
    uint64_t bits = 88172645463325252u; /* xorshift64 */
    double value;
    int i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) continue;
        assert_true(strtod(number(value), NULL) == value);
        end(NULL);
    }
}

/* The significant digits of a number's text. */
static int count_digits(const char *at)
{
    int count = 0, zeros = 0;

    for (; *at && *at != 'e'; at++) {
        if (*at < '0' || *at > '9') continue;
        zeros = *at == '0' ? zeros + 1 : 0;
        if (count || *at != '0') count++;
    }
    return count - zeros;
}

static void numbers_with_few_places_have_no_more_digits_than_they_need(void **state)
{
    static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7 };
    uint64_t bits = 88172645463325252u; /* xorshift64 */
    char shortest[64];
    int i, digits;

    (void)state;
    for (i = 0; i < 20000; i++) {
        double value;

        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        value = (double)(bits >> 14 >> bits % 50) / powers[i % 8];
        if (value == 0) continue;
        for (digits = 1; digits < 18; digits++) {
            snprintf(shortest, sizeof(shortest), "%.*e", digits - 1, value);
            if (strtod(shortest, NULL) == value) break;
        }
        assert_true(strtod(number(value), NULL) == value);
        assert_int_equal(count_digits(number(value)), digits);
        end(NULL);
    }
}

static void what_is_no_finite_number_is_refused(void **state)
{
    (void)state;
    assert_null(number(NAN));
    assert_int_equal(text.status, CSGI_EINVAL);
    assert_null(number(-INFINITY));
    assert_null(json("[%g]", INFINITY));
}

static void strings_are_escaped_and_keep_their_utf8(void **state)
{
    (void)state;
    assert_string_equal(json("%s", "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f"),
                        "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    assert_string_equal(json("%s", "S\xc3\xa3o \xf0\x9f\x98\x80"),
                        "\"S\xc3\xa3o \xf0\x9f\x98\x80\"");
    assert_string_equal(json("%s", ""), "\"\"");
    assert_null(json("%s", "\xff"));
    assert_string_equal(text.why, "a string is not UTF-8");
    csgi_web_text_init(&text, &fake_host, &arena);
    csgi_web_text_json_string(&text, "a\xff\xc3z", 4);
    assert_string_equal(csgi_web_text_end(&text), "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
}

static void a_template_is_json_with_values_put_in(void **state)
{
    (void)state;
    assert_string_equal(json("{'city': %s, 'temp_c': %g}", "London", 21.5),
                        "{\"city\":\"London\",\"temp_c\":21.5}");
    assert_string_equal(json("{\"a\": [1, -2.5e3, true, false, null]}"),
                        "{\"a\":[1,-2.5e3,true,false,null]}");
    assert_string_equal(json("[%d, %u, %ld, %lu, %lld, %llu, %zu, %jd]", -1, 4000000000u, -2L, 3UL,
                             -4LL, UINT64_MAX + 0ULL, (size_t)6, (intmax_t)INT64_MIN),
                        "[-1,4000000000,-2,3,-4,18446744073709551615,6,-9223372036854775808]");
    assert_string_equal(json("[%" PRId64 "%" PRIu64 "]", INT64_MAX, UINT64_MAX),
                        "[9223372036854775807,18446744073709551615]");
    assert_string_equal(json("[%i, %i, %s, %f]", 1, 0, (char *)NULL, 2.0), "[true,false,null,2.0]");
    assert_string_equal(json("{%s: 'x'}", "k\"ey"), "{\"k\\\"ey\":\"x\"}");
}

static void quoted_text_of_a_template_is_escaped(void **state)
{
    (void)state;
    assert_string_equal(json("'say \"hi\"\n'"), "\"say \\\"hi\\\"\\n\"");
    assert_string_equal(json("\"it's\""), "\"it's\"");
    assert_string_equal(json("'it\\'s \\u00e9 \\n \\\\'"), "\"it's \\u00e9 \\n \\\\\"");
    assert_string_equal(json("'%s: %d of 100%% %g%s'", "a\"b", 3, 0.5, (char *)NULL),
                        "\"a\\\"b: 3 of 100% 0.5\"");
    assert_string_equal(json("['', 'S\xc3\xa3o', '%s']", ""), "[\"\",\"S\xc3\xa3o\",\"\"]");
}

static void commas_between_values_come_by_themselves(void **state)
{
    (void)state;
    assert_string_equal(json("[1 2, 'a' 'b' [] {} {'x': 1 'y': [2]} %d %d]", 3, 4),
                        "[1,2,\"a\",\"b\",[],{},{\"x\":1,\"y\":[2]},3,4]");
}

static void a_template_that_is_wrong_is_refused(void **state)
{
    static const char *const wrong[] = { "{'a: 1}", "[%x]",  "[%",  "[%5d]",
                                         "[%ls]",   "[%hd]", "(1)", "'\\" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *unchecked = wrong[i]; /* the compiler would refuse some of them itself */

        assert_null(json(unchecked, 1));
        assert_int_equal(text.status, CSGI_EINVAL);
        assert_non_null(text.why);
    }
}

static void a_url_has_its_base_as_it_is_and_the_rest_encoded(void **state)
{
    assert_string_equal(url("%s/weather/%s", "http://h:1/a?b", "a b/c?d#e&f+\xc3\xa3"),
                        "http://h:1/a?b/weather/a%20b%2Fc%3Fd%23e%26f%2B%C3%A3");
    assert_string_equal(url("/x?q=%s&n=%d&f=%g&p=100%%", "A-Z_a.z~0", -3, 1.5),
                        "/x?q=A-Z_a.z~0&n=-3&f=1.5&p=100%");
    assert_string_equal(url("/%s/%s/%s", ".", "..", "..."), "/%2E/%2E%2E/...");
    assert_string_equal(url("/plain"), "/plain");
    assert_string_equal(url("%s", ""), "");
    assert_null(url("/%s", (const char *)*state)); /* NULL */
}

static void text_grows_to_any_length(void **state)
{
    char piece[100], large[5000];
    int i;

    (void)state;
    memset(large, 'y', sizeof(large));
    csgi_web_text_add(&text, large, sizeof(large)); /* many times the first capacity */
    assert_int_equal(strspn(csgi_web_text_end(&text), "y"), sizeof(large));
    begin(NULL);
    memset(piece, 'x', sizeof(piece));
    for (i = 0; i < 1000; i++)
        csgi_web_text_add(&text, piece, sizeof(piece));
    assert_int_equal(strspn(csgi_web_text_end(&text), "x"), 100000);
    csgi_web_text_add(&text, piece, SIZE_MAX / 2);
    assert_null(csgi_web_text_end(&text));
    assert_int_equal(text.status, CSGI_ENOMEM);
}

static void assert_refused(const char *json_template, const char *why, size_t offset)
{
    csgi_web_arguments none; /* the template takes none */

    csgi_web_text_init(&text, &fake_host, &arena);
    memset(&none, 0, sizeof(none));
    csgi_web_text_json(&text, json_template, &none);
    csgi_web_text_json_end(&text);
    assert_int_equal(text.status, CSGI_EINVAL);
    assert_string_equal(text.why, why);
    assert_string_equal(text.source, json_template);
    assert_int_equal(text.offset, offset);
}

static void a_template_that_is_not_json_is_refused_at_its_place(void **state)
{
    const char *volatile none = NULL; /* or compilers would see it */

    (void)state;
    assert_refused("", "a value is missing", 0);
    assert_refused("{'a'}", "a \":\" is missing", 4);
    assert_refused("{'a' 'b'}", "a \":\" is missing", 5);
    assert_refused("{'a': }", "a value is missing", 6);
    assert_refused("{'a': 1,}", "a member's name is missing", 8);
    assert_refused("[1, ]", "a value is missing", 4);
    assert_refused("[,1]", "a \",\" does not belong here", 1);
    assert_refused("[1:2]", "a \":\" does not belong here", 2);
    assert_refused("{1: 2}", "a member's name must be a string", 1);
    assert_refused("[1}", "a \"}\" has no \"{\" before it", 2);
    assert_refused("{'a': 1]", "a \"]\" has no \"[\" before it", 7);
    assert_refused("]", "a \"]\" has no \"[\" before it", 0);
    assert_refused("{'a': [1", "a \"]\" is missing", 8);
    assert_refused("{'a': 1", "a \"}\" is missing", 7);
    assert_refused("1 2", "there is more after the value", 2);
    assert_refused("[tru]", "this is no value (a string needs quotes)", 1);
    assert_refused("[01]", "this is no value (a string needs quotes)", 1);
    assert_refused("[A]", "this is no value (a string needs quotes)", 1);
    assert_refused("['a", "a string does not end", 1);
    assert_refused("['a\\", "a string does not end", 1);
    assert_refused("['\\q']", "a string has an unknown escape", 1);
    assert_refused("['\\u12g4']", "\\u needs four hex digits", 1);
    assert_refused("['\\ud800']", "half of a surrogate pair", 1);
    assert_null(json("[%p]", (void *)&text));
    assert_string_equal(text.why, "a conversion is none of %s, %d, %u, %g, %i");
    assert_null(json("{%d: 1}", 1));
    assert_null(json("{%s: 1}", none));
    assert_string_equal(json("{%s: 1 'b\\'\\u00e3\\n%%': [] 'c': {}}", "a"),
                        "{\"a\":1,\"b'\\u00e3\\n%\":[],\"c\":{}}");
}

static void templates_are_nested_64_deep_and_no_deeper(void **state)
{
    char deep[2 * 65 + 1] = "";

    (void)state;
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    deep[128] = '\0';
    assert_refused("[", "a \"]\" is missing", 1);
    assert_string_equal(json("%s", ""), "\"\"");
    csgi_web_text_init(&text, &fake_host, &arena);
    csgi_web_text_json(&text, deep, &(csgi_web_arguments){ 0 });
    csgi_web_text_json_end(&text);
    assert_int_equal(text.status, CSGI_OK);
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    assert_refused(deep, "it is nested too deep", 64);
}

/* Every text of up to five tokens: what is made is JSON, and what is JSON is made as it is. */
static void what_a_template_makes_is_json_and_all_of_json_can_be_made(void **state)
{
    static const char *const tokens[] = { "{", "}", "[", "]", ",", ":", "\"\"", "1" };
    char sequence[32], spaced[32];
    size_t offset, number, digits, accepted = 0;

    (void)state;
    for (number = 1; number < (size_t)1 << 18; number++) {
        size_t length = 0, spaced_length = 0;

        for (digits = number; digits > 1; digits >>= 3) { /* the highest digit only ends it */
            const char *token = tokens[digits & 7];

            length += (size_t)snprintf(sequence + length, 8, "%s", token);
            spaced_length += (size_t)snprintf(spaced + spaced_length, 8, "%s ", token);
        }
        csgi_web_text_init(&text, &fake_host, &arena);
        csgi_web_text_json(&text, spaced, &(csgi_web_arguments){ 0 });
        csgi_web_text_json_end(&text);
        if (text.status == CSGI_OK) {
            accepted++;
            assert_null(csgi_web_json_check(text.bytes, text.length, &offset));
        }
        if (strstr(sequence, "11")) continue; /* one number, not two */
        if (csgi_web_json_check(sequence, length, &offset) == NULL) {
            assert_int_equal(text.status, CSGI_OK);
            assert_string_equal(csgi_web_text_end(&text), sequence);
        }
        end(NULL);
    }
    assert_true(accepted > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(doubles_are_written_as_pythons_repr_does, begin, end),
        cmocka_unit_test_setup_teardown(every_double_reads_back_the_same, begin, end),
        cmocka_unit_test_setup_teardown(numbers_with_few_places_have_no_more_digits_than_they_need,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_finite_number_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(strings_are_escaped_and_keep_their_utf8, begin, end),
        cmocka_unit_test_setup_teardown(a_template_is_json_with_values_put_in, begin, end),
        cmocka_unit_test_setup_teardown(quoted_text_of_a_template_is_escaped, begin, end),
        cmocka_unit_test_setup_teardown(commas_between_values_come_by_themselves, begin, end),
        cmocka_unit_test_setup_teardown(a_template_that_is_wrong_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_url_has_its_base_as_it_is_and_the_rest_encoded, begin,
                                        end),
        cmocka_unit_test_setup_teardown(text_grows_to_any_length, begin, end),
        cmocka_unit_test_setup_teardown(a_template_that_is_not_json_is_refused_at_its_place, begin,
                                        end),
        cmocka_unit_test_setup_teardown(templates_are_nested_64_deep_and_no_deeper, begin, end),
        cmocka_unit_test_setup_teardown(what_a_template_makes_is_json_and_all_of_json_can_be_made,
                                        begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
