/* SPDX-License-Identifier: MIT
 * Configurations that are right, and what is said of those that are not. */
#include <csgi/web.h>

#include "fake_host.h"

CSGI_GET(show, "/show");

static csgi_status show(csgi_call *call)
{
    return csgi_reply_json(call, 200, "{'dir': %s, 'name': %s, 'size': %ld, 'note': %s}",
                           csgi_config_str(call, "dir"), csgi_config_str(call, "name"),
                           (long)csgi_config_int(call, "size"), csgi_config_str(call, "note"));
}

CSGI_WEB_PLUGIN("configured", "1.0.0", "has a configuration", CSGI_ROUTES(show),
                CSGI_CONFIG_STR("dir"), CSGI_CONFIG_STR("name", .default_value = "none"),
                CSGI_CONFIG_INT("size", .default_value = "64", .ge = "1", .le = "100"),
                CSGI_CONFIG_STR("note", .optional = 1));

static void assert_shows(void *instance, const char *body)
{
    fake_call call;

    fake_call_init(&call, CSGI_HTTP);
    assert_int_equal(fake_get(&call, instance, "show", "", NULL), CSGI_OK);
    assert_string_equal(call.body, body);
    fake_call_fini(&call);
}

static void keys_have_values_or_defaults(void **state)
{
    void *instance;

    (void)state;
    assert_int_equal(fake_create("{\"dir\":\"/x\"}", &instance), CSGI_OK);
    assert_shows(instance, "{\"dir\":\"/x\",\"name\":\"none\",\"size\":64,\"note\":null}");
    fake_destroy(instance);
}

static void instances_have_their_own_configurations(void **state)
{
    void *one, *other;

    (void)state;
    assert_int_equal(fake_create("{\"dir\":\"1\",\"size\":1}", &one), CSGI_OK);
    assert_int_equal(fake_create("{\"dir\":\"2\",\"size\":2e0,\"note\":\"n\",\"name\":\"\"}",
                                 &other),
                     CSGI_OK);
    assert_shows(one, "{\"dir\":\"1\",\"name\":\"none\",\"size\":1,\"note\":null}");
    assert_shows(other, "{\"dir\":\"2\",\"name\":\"\",\"size\":2,\"note\":\"n\"}");
    fake_destroy(one);
    assert_shows(other, "{\"dir\":\"2\",\"name\":\"\",\"size\":2,\"note\":\"n\"}");
    fake_destroy(other);
}

static void a_bad_configuration_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *config, *reason;
    } cases[] = {
        { "{}", "config: \"dir\" is required" },
        { "{\"dir\":7}", "config: \"dir\" must be a string, but is a number" },
        { "{\"dir\":null}", "config: \"dir\" must be a string, but is null" },
        { "{\"dir\":\"\",\"size\":\"7\"}", "config: \"size\" must be an integer, but is a string" },
        { "{\"dir\":\"\",\"size\":1.5}", "config: \"size\" must be an integer, but is 1.5" },
        { "{\"dir\":\"\",\"size\":true}",
          "config: \"size\" must be an integer, but is true or false" },
        { "{\"dir\":\"\",\"size\":0}", "config: \"size\" must be at least 1, but is 0" },
        { "{\"dir\":\"\",\"size\":101}", "config: \"size\" must be at most 100, but is 101" },
        { "{\"dir\":\"\",\"Size\":1}",
          "config: unknown key \"Size\"; known are \"dir\", \"name\", \"size\", \"note\"" },
        { "[]", "config: must be an object, but is an array" },
        { "", "config: not JSON: a value is missing, at byte 0" },
        { "{\"dir\":\"\",}", "config: not JSON: a member's name is missing, at byte 10" },
        { "{\"dir\":\"\",\"dir\":\"\"}",
          "config: not JSON: an object has a name twice, at byte 0" },
    };
    void *instance = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(fake_create(cases[i].config, &instance), CSGI_EFAIL);
        assert_string_equal(fake_error, cases[i].reason);
        assert_null(instance);
    }
}

static csgi_status create_with(const csgi_declaration *of_route, const csgi_declaration *of_plugin)
{
    const csgi_route route = { "find", "/find/{id:int}/{name}", show, of_route };
    const csgi_route *const routes[] = { &route, NULL };
    const csgi_web_plugin plugin = { routes, of_plugin };
    void *instance;
    csgi_status status = csgi_web_create(&plugin, &fake_host, (csgi_str)CSGI_STR("{}"), &instance);

    if (status == CSGI_OK) csgi_web_destroy(instance);
    return status;
}

static void declarations_that_make_no_sense_are_refused(void **state)
{
    static const csgi_declaration none[] = { { .in = CSGI_IN_END } };
    static const csgi_declaration good[] = { CSGI_PATH_INT("id"),
                                             CSGI_PATH_STR("name"),
                                             { .in = CSGI_IN_END } };
    static const csgi_declaration unknown[] = { CSGI_PATH_INT("i"), { .in = CSGI_IN_END } };
    static const csgi_declaration misplaced[] = { CSGI_CONFIG_STR("x"), { .in = CSGI_IN_END } };
    static const csgi_declaration no_int[] = { CSGI_QUERY_INT("n", .default_value = "one"),
                                               { .in = CSGI_IN_END } };
    static const csgi_declaration no_header[] = { CSGI_HEADER_STR("x token"),
                                                  { .in = CSGI_IN_END } };
    static const csgi_declaration no_bound[] = {
        CSGI_CONFIG_INT("n", .default_value = "1", .le = "many"), { .in = CSGI_IN_END }
    };

    (void)state;
    assert_int_equal(create_with(good, none), CSGI_OK);
    assert_int_equal(create_with(unknown, none), CSGI_EFAIL);
    assert_string_equal(fake_error, "find declares the path parameter \"i\", but "
                                    "\"/find/{id:int}/{name}\" has no {i}");
    assert_int_equal(create_with(misplaced, none), CSGI_EFAIL);
    assert_string_equal(fake_error, "find declares \"x\" in the wrong place");
    assert_int_equal(create_with(none, good), CSGI_EFAIL);
    assert_string_equal(fake_error, "the plugin declares \"id\" in the wrong place");
    assert_int_equal(create_with(no_int, none), CSGI_EFAIL);
    assert_string_equal(fake_error, "find declares \"n\" as int, but a default or bound is no int");
    assert_int_equal(create_with(none, no_bound), CSGI_EFAIL);
    assert_int_equal(create_with(no_header, none), CSGI_EFAIL);
    assert_string_equal(fake_error,
                        "find declares the header \"x token\", which is no name of a header");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_values_or_defaults),
        cmocka_unit_test(instances_have_their_own_configurations),
        cmocka_unit_test(a_bad_configuration_is_refused_with_the_reason),
        cmocka_unit_test(declarations_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
