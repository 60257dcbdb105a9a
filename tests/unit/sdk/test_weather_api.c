/* SPDX-License-Identifier: MIT
 * The weather_api plugin: its table, and cities in any case. */
#include "fake_host.h"

#include "../../../plugins/weather_api/weather_api.c"
#include "../../../plugins/weather_api/cities.c"

static void assert_july(const char *path_param, uint32_t status, const char *body)
{
    fake_call call;
    void *instance;

    assert_int_equal(fake_create("{\"month\":7}", &instance), CSGI_OK);
    fake_call_init(&call, CSGI_HTTP);
    assert_int_equal(fake_get(&call, instance, "get_city_weather", "", path_param), CSGI_OK);
    assert_int_equal(call.status, status);
    assert_string_equal(call.body, body);
    fake_call_fini(&call);
    fake_destroy(instance);
}

static void a_city_has_a_temperature_in_every_case(void **state)
{
    static const char paulo[] = "{\"city\":\"S\xc3\xa3o Paulo\",\"temp_c\":17,\"month\":7,"
                                "\"source\":\"typical monthly mean, approximate\"}";

    (void)state;
    assert_july("city=London", 200,
                "{\"city\":\"London\",\"temp_c\":19,\"month\":7,"
                "\"source\":\"typical monthly mean, approximate\"}");
    assert_july("city=S\xc3\xa3o Paulo", 200, paulo);
    assert_july("city=s\xc3\xa3o pAULO", 200, paulo);
    assert_july("city=S\xc3\x83O PAULO", 200, paulo);
}

static void a_city_that_is_not_in_the_table_is_a_404(void **state)
{
    (void)state;
    assert_july("city=Atlantis", 404,
                "{\"detail\":\"There is no city \\\"Atlantis\\\" in the table\"}");
    assert_july("city=Londo", 404, "{\"detail\":\"There is no city \\\"Londo\\\" in the table\"}");
    assert_july("city=Londons", 404,
                "{\"detail\":\"There is no city \\\"Londons\\\" in the table\"}");
    assert_july("city=", 404, "{\"detail\":\"There is no city \\\"\\\" in the table\"}");
}

static void every_city_is_found_by_its_name_alone(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cities) / sizeof(cities[0]); i++)
        assert_ptr_equal(city_find(cities[i].name), &cities[i]);
    assert_in_range(i, 36, 1000);
}

static void latin_letters_fold_as_unicode_says(void **state)
{
    static const uint32_t pairs[][2] = {
        { 'Z', 'z' },     { 0xc0, 0xe0 },   { 0xde, 0xfe },   { 0xd7, 0xd7 },   { 0xdf, 0xdf },
        { 0xf7, 0xf7 },   { 0x100, 0x101 }, { 0x101, 0x101 }, { 0x137, 0x137 }, { 0x138, 0x138 },
        { 0x139, 0x13a }, { 0x147, 0x148 }, { 0x148, 0x148 }, { 0x149, 0x149 }, { 0x14a, 0x14b },
        { 0x160, 0x161 }, { 0x176, 0x177 }, { 0x178, 0xff },  { 0x179, 0x17a }, { 0x17d, 0x17e },
        { 0x17e, 0x17e }, { 0x130, 0x130 }, { 0x131, 0x131 }, { 0x391, 0x391 }, { '[', '[' },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_int_equal(fold(pairs[i][0]), pairs[i][1]);
}

static void without_a_month_it_is_the_current_one(void **state)
{
    char expected[64];
    fake_call call;

    (void)state;
    snprintf(expected, sizeof(expected), "\"month\":%d", month_now());
    assert_int_equal(fake_get_once(&call, "get_city_weather", "", "city=Paris"), CSGI_OK);
    assert_non_null(strstr(call.body, expected));
    fake_call_fini(&call);
}

static void a_month_that_is_none_is_refused(void **state)
{
    void *instance;

    (void)state;
    assert_int_equal(fake_create("{\"month\":13}", &instance), CSGI_EFAIL);
    assert_string_equal(fake_error, "config: \"month\" must be at most 12, but is 13");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_city_has_a_temperature_in_every_case),
        cmocka_unit_test(a_city_that_is_not_in_the_table_is_a_404),
        cmocka_unit_test(every_city_is_found_by_its_name_alone),
        cmocka_unit_test(latin_letters_fold_as_unicode_says),
        cmocka_unit_test(without_a_month_it_is_the_current_one),
        cmocka_unit_test(a_month_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
