/* SPDX-License-Identifier: MIT
 * The weather plugin, called in this process with a scripted upstream. */
#include "fake_host.h"

#include "../../../plugins/weather/open_meteo.c"
#include "../../../plugins/weather/weather.c"

#include "failing_malloc.h"

static void answers_with(uint32_t status, const char *body)
{
    memset(&fake_upstream, 0, sizeof(fake_upstream));
    fake_upstream.status = status;
    fake_upstream.body = body;
}

static void fails_with(csgi_status code)
{
    memset(&fake_upstream, 0, sizeof(fake_upstream));
    fake_upstream.fails_with = code;
}

static void the_city_is_asked_of_the_upstream_and_echoed_as_asked(void **state)
{
    (void)state;
    answers_with(200, "{\"city\":\"LONDON\",\"temp_c\":21.5}");
    assert_answer("get_weather", "city=lonDon", NULL, 200, "{\"city\":\"lonDon\",\"temp_c\":21.5}");
    assert_string_equal(fake_upstream.method, "GET");
    assert_string_equal(fake_upstream.url, "http://127.0.0.1:8000/weather/lonDon");
    assert_int_equal(fake_upstream.total_timeout_ms, 5000);
}

static void a_city_stays_one_segment_of_the_path(void **state)
{
    (void)state;
    answers_with(200, "{\"temp_c\":14}");
    assert_answer("get_weather", "city=S%C3%A3o+Paulo%2F..%3Fx%23%25", NULL, 200,
                  "{\"city\":\"S\xc3\xa3o Paulo/..?x#%\",\"temp_c\":14.0}");
    assert_string_equal(fake_upstream.url,
                        "http://127.0.0.1:8000/weather/S%C3%A3o%20Paulo%2F..%3Fx%23%25");
    assert_answer("get_weather", "city=..", NULL, 200, "{\"city\":\"..\",\"temp_c\":14.0}");
    assert_string_equal(fake_upstream.url, "http://127.0.0.1:8000/weather/%2E%2E");
}

static void a_missing_city_is_fastapis_422_and_asks_nobody(void **state)
{
    (void)state;
    assert_answer("get_weather", "town=London", NULL, 422,
                  "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"query\",\"city\"],"
                  "\"msg\":\"Field required\",\"input\":null}]}");
    assert_int_equal(fake_upstream.asked, 0);
}

static void an_upstream_that_fails_is_502_and_a_slow_one_504(void **state)
{
    (void)state;
    fails_with(CSGI_EUNREACH);
    assert_answer("get_weather", "city=X", NULL, 502,
                  "{\"detail\":\"The upstream cannot be reached\"}");
    assert_non_null(strstr(fake_log_text, "the fake upstream says so"));
    fails_with(CSGI_EPROTO);
    assert_answer("get_weather", "city=X", NULL, 502,
                  "{\"detail\":\"The upstream's answer is not HTTP\"}");
    fails_with(CSGI_ELIMIT);
    assert_answer("get_weather", "city=X", NULL, 502,
                  "{\"detail\":\"The upstream's answer is too large\"}");
    fails_with(CSGI_ETIMEDOUT);
    assert_answer("get_weather", "city=X", NULL, 504,
                  "{\"detail\":\"The upstream took too long to answer\"}");
}

static void an_answer_that_is_no_json_or_has_no_number_is_502(void **state)
{
    static const char *const shapeless[] = {
        "[21.5]", "{\"temp\":1}",       "{\"temp_c\":\"21.5\"}", "{\"temp_c\":null}",
        "21.5",   "{\"temp_c\":1e999}", "{\"TEMP_C\":1}"
    };
    static const char *const broken[] = { "",
                                          "<p>",
                                          "{\"temp_c\":21.5",
                                          "{\"temp_c\":NaN}",
                                          "{\"temp_c\":1}x",
                                          "{\"temp_c\":1,\"temp_c\":2}" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(shapeless) / sizeof(shapeless[0]); i++) {
        answers_with(200, shapeless[i]);
        assert_answer("get_weather", "city=X", NULL, 502,
                      "{\"detail\":\"The upstream's answer has no number \\\"temp_c\\\"\"}");
    }
    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        answers_with(200, broken[i]);
        assert_answer("get_weather", "city=X", NULL, 502,
                      "{\"detail\":\"The upstream's answer is not JSON\"}");
    }
}

static void a_404_is_passed_through_and_any_other_status_is_502(void **state)
{
    (void)state;
    answers_with(404, "{\"detail\":\"no such city\"}");
    assert_answer("get_weather", "city=X", NULL, 404, "{\"detail\":\"no such city\"}");
    answers_with(404, "<h1>what?</h1>");
    assert_answer("get_weather", "city=X", NULL, 404, "{\"detail\":\"Not Found\"}");
    answers_with(307, "");
    assert_answer("get_weather", "city=X", NULL, 502, "{\"detail\":\"The upstream answered 307\"}");
    answers_with(500, "{\"temp_c\":1}");
    assert_answer("get_weather", "city=X", NULL, 502, "{\"detail\":\"The upstream answered 500\"}");
}

static void a_cancelled_request_is_not_answered(void **state)
{
    fake_call call;

    (void)state;
    fails_with(CSGI_ECANCELED);
    assert_int_equal(fake_get_once(&call, "get_weather", "city=X", NULL), CSGI_ECANCELED);
    assert_int_equal(call.status, 0);
    fake_call_fini(&call);
}

static void the_configuration_points_it_elsewhere(void **state)
{
    fake_call call;
    void *instance;

    (void)state;
    answers_with(200, "{\"temp_c\":1}");
    assert_int_equal(fake_create("{\"upstream\":\"app:weather_api\",\"timeout_ms\":250}",
                                 &instance),
                     CSGI_OK);
    fake_call_init(&call, CSGI_HTTP);
    assert_int_equal(fake_get(&call, instance, "get_weather", "city=X", NULL), CSGI_OK);
    assert_string_equal(fake_upstream.url, "app:weather_api/weather/X");
    assert_int_equal(fake_upstream.total_timeout_ms, 250);
    fake_call_fini(&call);
    fake_destroy(instance);
    assert_int_equal(fake_create("{\"timeout_ms\":0}", &instance), CSGI_EFAIL);
    assert_string_equal(fake_error, "config: \"timeout_ms\" must be at least 1, but is 0");
}

/* ---- the provider open-meteo: both of its answers in one ---- */

#define OPEN_METEO                                                                          \
    "{\"provider\":\"open-meteo\",\"geocoding\":\"http://geo\",\"forecast\":\"http://fc\"," \
    "\"timeout_ms\":700}"
#define PLACE "\"results\":[{\"latitude\":51.50853,\"longitude\":-0.12574}]"
#define NOW   "\"current\":{\"temperature_2m\":21.5}"

static void assert_open_meteo(const char *query, uint32_t status, const char *body)
{
    fake_call call;
    void *instance;

    assert_int_equal(fake_create(OPEN_METEO, &instance), CSGI_OK);
    fake_call_init(&call, CSGI_HTTP);
    assert_int_equal(fake_get(&call, instance, "get_weather", query, NULL), CSGI_OK);
    assert_string_equal(call.body, body);
    assert_int_equal(call.status, status);
    fake_call_fini(&call);
    fake_destroy(instance);
}

static void open_meteo_is_asked_for_the_place_and_then_for_its_temperature(void **state)
{
    (void)state;
    answers_with(200, "{" PLACE "," NOW "}");
    assert_open_meteo("city=S%C3%A3o+Paulo%26x", 200,
                      "{\"city\":\"S\xc3\xa3o Paulo&x\",\"temp_c\":21.5}");
    assert_int_equal(fake_upstream.asked, 2);
    assert_string_equal(fake_upstream.url, "http://fc/v1/forecast?latitude=51.50853&longitude="
                                           "-0.12574&current=temperature_2m");
    assert_int_equal(fake_upstream.total_timeout_ms, 700);
}

static void a_city_that_open_meteo_does_not_know_is_404_and_no_forecast_is_asked_for(void **state)
{
    (void)state;
    answers_with(200, "{\"generationtime_ms\":0.5}");
    assert_open_meteo("city=X%26y", 404, "{\"detail\":\"There is no city \\\"X&y\\\"\"}");
    assert_int_equal(fake_upstream.asked, 1);
    assert_string_equal(fake_upstream.url, "http://geo/v1/search?name=X%26y&count=1");
}

static void what_open_meteo_should_not_say_is_502(void **state)
{
    static const struct {
        uint32_t status;
        const char *body, *detail;
    } rows[] = {
        { 400, "{\"error\":true,\"reason\":\"no\"}", "The upstream answered 400" },
        { 404, "{\"detail\":\"no\"}", "The upstream answered 404" },
        { 200, "{\"error\":true,\"reason\":\"no\"}", "The upstream says that something is wrong" },
        { 200, "[]", "The upstream's answer has no object \\\"\\\"" },
        { 200, "{\"results\":[]}", "The upstream's answer has no item \\\"0\\\"" },
        { 200, "{\"results\":{}}", "The upstream's answer has no array \\\"results\\\"" },
        { 200, "{\"results\":[{\"latitude\":1}]}",
          "The upstream's answer has no number \\\"longitude\\\"" },
        { 200, "{" PLACE "}", "The upstream's answer has no object \\\"current\\\"" },
        { 200, "{" PLACE ",\"current\":{\"temperature_2m\":null}}",
          "The upstream's answer has no number \\\"temperature_2m\\\"" },
    };
    char body[256];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        answers_with(rows[i].status, rows[i].body);
        snprintf(body, sizeof(body), "{\"detail\":\"%s\"}", rows[i].detail);
        assert_open_meteo("city=X", 502, body);
    }
}

/* What the start says to a configuration; "": nothing. */
static void assert_start(const char *config, const char *message)
{
    static const uint32_t events[] = { CSGI_LIFESPAN_STARTUP, CSGI_LIFESPAN_SHUTDOWN, 0 };
    const csgi_plugin *plugin = csgi_plugin_query(CSGI_ABI_MAJOR);
    fake_call call;
    void *instance;

    assert_int_equal(fake_create(config, &instance), CSGI_OK);
    fake_call_init(&call, CSGI_LIFESPAN);
    call.events = events;
    assert_int_equal(plugin->lifespan(instance, &call.scope, &call.receive, &call.send), CSGI_OK);
    assert_string_equal(call.lifespan_message, message);
    assert_int_equal(call.lifespan_answer,
                     *message ? CSGI_LIFESPAN_FAILED : CSGI_LIFESPAN_COMPLETE);
    fake_call_fini(&call);
    fake_destroy(instance);
}

static void a_provider_that_is_none_ends_the_start(void **state)
{
    (void)state;
    assert_start("{}", "");
    assert_start(OPEN_METEO, "");
    assert_start("{\"provider\":\"Open-Meteo\"}",
                 "config: \"provider\" must be \"upstream\" or \"open-meteo\", but is "
                 "\"Open-Meteo\"");
    assert_start("{\"provider\":\"open-meteo\"}", "");
}

static void assert_every_allocation_may_fail(const char *config, const char *body)
{
    csgi_status status;
    fake_call call;
    void *instance;
    size_t n;

    answers_with(200, body);
    for (n = 0;; n++) {
        failing_malloc_after(n);
        status = fake_create(config, &instance);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
    }
    assert_int_equal(status, CSGI_OK);
    for (n = 0;; n++) {
        fake_call_init(&call, CSGI_HTTP);
        failing_malloc_after(n);
        status = fake_get(&call, instance, "get_weather", "city=X", NULL);
        fake_call_fini(&call);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
        assert_int_equal(call.status, 0);
    }
    assert_int_equal(call.status, 200);
    assert_in_range(n, 3, 60);
    fake_destroy(instance);
}

static void every_allocation_that_fails_is_an_error_and_no_crash(void **state)
{
    (void)state;
    assert_every_allocation_may_fail("{}", "{\"temp_c\":21.5}");
    assert_every_allocation_may_fail(OPEN_METEO, "{" PLACE "," NOW "}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_city_is_asked_of_the_upstream_and_echoed_as_asked),
        cmocka_unit_test(a_city_stays_one_segment_of_the_path),
        cmocka_unit_test(a_missing_city_is_fastapis_422_and_asks_nobody),
        cmocka_unit_test(an_upstream_that_fails_is_502_and_a_slow_one_504),
        cmocka_unit_test(an_answer_that_is_no_json_or_has_no_number_is_502),
        cmocka_unit_test(a_404_is_passed_through_and_any_other_status_is_502),
        cmocka_unit_test(a_cancelled_request_is_not_answered),
        cmocka_unit_test(the_configuration_points_it_elsewhere),
        cmocka_unit_test(open_meteo_is_asked_for_the_place_and_then_for_its_temperature),
        cmocka_unit_test(a_city_that_open_meteo_does_not_know_is_404_and_no_forecast_is_asked_for),
        cmocka_unit_test(what_open_meteo_should_not_say_is_502),
        cmocka_unit_test(a_provider_that_is_none_ends_the_start),
        cmocka_unit_test(every_allocation_that_fails_is_an_error_and_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
