/* SPDX-License-Identifier: MIT
 * Descriptors: each fault with its words, and plugins that are older or newer than this server. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "failing_malloc.h"
#include "plugin/descriptor.h"
#include "plugin/plugin.h"

static csgi_status call(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    (void)instance, (void)scope, (void)receive, (void)send;
    return CSGI_OK;
}

static csgi_status around(void *instance, csgi_app *inner, const csgi_scope *scope,
                          csgi_receive *receive, csgi_send *send)
{
    (void)instance, (void)inner, (void)scope, (void)receive, (void)send;
    return CSGI_OK;
}

/* A good descriptor, to be spoiled. */
typedef struct sample {
    csgi_plugin plugin;
    csgi_endpoint endpoints[3];
} sample;

static sample *make_sample(sample *self)
{
    static const char *const names[] = { "one", "two", "three" };

    memset(self, 0, sizeof(*self));
    for (size_t i = 0; i < 3; i++) {
        self->endpoints[i].name = str_from(names[i]);
        self->endpoints[i].path = STR("/e/{id:int}");
        self->endpoints[i].methods = STR("GET, POST");
        self->endpoints[i].accepts = CSGI_HTTP;
        self->endpoints[i].call = call;
    }
    self->plugin = (csgi_plugin){ .size = sizeof(csgi_plugin),
                                  .magic = CSGI_MAGIC,
                                  .abi_major = CSGI_ABI_MAJOR,
                                  .abi_minor = CSGI_ABI_MINOR,
                                  .endpoint_size = sizeof(csgi_endpoint),
                                  .name = CSGI_STR("sample-1_A"),
                                  .version = CSGI_STR("1.0"),
                                  .summary = CSGI_STR("S\xc3\xa3o"),
                                  .endpoints = self->endpoints,
                                  .endpoint_count = 3 };
    return self;
}

static void expect_refusal(const csgi_plugin *from, const char *part)
{
    buffer problem = { 0 };
    csgi_plugin copy;
    csgi_endpoint *endpoints = NULL;

    assert_int_equal(descriptor_read(from, "p/x.so", &copy, &endpoints, &problem), CSGI_EFAIL);
    assert_null(endpoints);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_memory_equal(problem.bytes, "p/x.so: ", 8);
    if (!strstr(problem.bytes, part)) fail_msg("\"%s\" lacks \"%s\"", problem.bytes, part);
    buffer_fini(&problem);
}

static void expect_accepted(const csgi_plugin *from, csgi_plugin *copy, csgi_endpoint **endpoints)
{
    buffer problem = { 0 };

    if (descriptor_read(from, "p/x.so", copy, endpoints, &problem) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&problem)));
    assert_null(problem.bytes);
}

static void a_good_descriptor_is_copied(void **state)
{
    sample good;
    csgi_plugin copy;
    csgi_endpoint *endpoints;

    (void)state;
    expect_accepted(&make_sample(&good)->plugin, &copy, &endpoints);
    assert_int_equal(copy.size, sizeof(csgi_plugin));
    assert_ptr_equal(copy.endpoints, endpoints);
    assert_ptr_not_equal(endpoints, good.endpoints);
    assert_memory_equal(endpoints, good.endpoints, sizeof(good.endpoints));
    free(endpoints);
}

static void a_plugin_needs_no_endpoints(void **state)
{
    sample good;
    csgi_plugin copy;
    csgi_endpoint *endpoints;

    (void)state;
    make_sample(&good);
    good.plugin.endpoints = NULL;
    good.plugin.endpoint_count = 0;
    expect_accepted(&good.plugin, &copy, &endpoints);
    assert_non_null(endpoints);
    free(endpoints);
}

/* SPOIL(field, value, words): a fault in the plugin; ENDPOINT(...): in its second endpoint. */
#define SPOIL(field, value, words)                 \
    do {                                           \
        sample bad;                                \
        make_sample(&bad)->plugin.field = (value); \
        expect_refusal(&bad.plugin, words);        \
    } while (0)
#define ENDPOINT(field, value, words)                    \
    do {                                                 \
        sample bad;                                      \
        make_sample(&bad)->endpoints[1].field = (value); \
        expect_refusal(&bad.plugin, words);              \
    } while (0)

static void each_fault_of_the_plugin_has_its_sentence(void **state)
{
    (void)state;
    expect_refusal(NULL, "csgi_plugin_query(1) returned no descriptor");
    SPOIL(magic, 0x12345678, "has the magic word 0x12345678, expected 0x49475343 (\"CSGI\")");
    SPOIL(abi_major, 2, "is for CSGI 2.0, this server has 1.0: use a server for CSGI 2, or");
    SPOIL(abi_major, 0, "is for CSGI 0.0, this server has 1.0");
    SPOIL(abi_minor_required, CSGI_ABI_MINOR + 1,
          "needs CSGI 1.1 or later, this server has 1.0: use a newer server, or build the plugin "
          "against csgi.h 1.0");
    SPOIL(size, 20, "says it has 20 bytes, expected at least ");
    SPOIL(size, sizeof(csgi_plugin) - 1, "expected at least ");
    SPOIL(size, 70000, "says it has 70000 bytes");
    SPOIL(flags, 1u << 16, "sets the plugin flags 0x00010000, which a server must understand");
    SPOIL(flags, 0x80000001u, "sets the plugin flags 0x80000000");
    SPOIL(name, STR(""), "the plugin has no name");
    SPOIL(name, STR("a b"), "the plugin is named \"a b\"");
    SPOIL(name, STR("a/../b"), "use letters, digits, \"_\" and \"-\" only");
    SPOIL(name, ((csgi_str){ NULL, 3 }), "the name of the plugin has 3 bytes at (nil)");
    SPOIL(name, ((csgi_str){ "x", PLUGIN_TEXT_MAX + 1 }), "has 4097 bytes at 0x");
    SPOIL(name, STR("\xff"), "the name of the plugin is not text in UTF-8");
    SPOIL(version, STR("1\n2"), "the version of the plugin is not text");
    SPOIL(summary, ((csgi_str){ NULL, 1 }), "the summary of the plugin has 1 bytes");
    SPOIL(stack_size, PLUGIN_STACK_MIN - 1, "wants task stacks of 16383 bytes");
    SPOIL(stack_size, PLUGIN_STACK_MAX + 1, "wants task stacks of ");
    SPOIL(endpoints, NULL, "says it has 3 endpoints at (nil)");
    SPOIL(endpoint_count, PLUGIN_MAX_ENDPOINTS + 1, "says it has 4097 endpoints");
    SPOIL(endpoint_size, 0, "says its endpoints have 0 bytes each, expected at least ");
    SPOIL(endpoint_size, sizeof(csgi_endpoint) - 8, "set endpoint_size to sizeof(csgi_endpoint)");
    SPOIL(endpoint_size, sizeof(csgi_endpoint) + 1, "bytes each");
    SPOIL(endpoint_size, 65544, "bytes each");
}

static void each_fault_of_an_endpoint_has_its_sentence(void **state)
{
    (void)state;
    ENDPOINT(name, STR("one"), "has two endpoints named \"one\": rename one");
    ENDPOINT(name, STR(""), "an endpoint has no name");
    ENDPOINT(name, STR("a:b"), "an endpoint is named \"a:b\"");
    ENDPOINT(call, NULL, "endpoint \"two\" has neither call nor around, expected exactly one");
    ENDPOINT(around, around, "endpoint \"two\" has both call and around");
    ENDPOINT(flags, 1u << 17, "endpoint \"two\" sets the flags 0x00020000, which a server must");
    ENDPOINT(accepts, 0,
             "endpoint \"two\" accepts 0x0, expected CSGI_HTTP, CSGI_WEBSOCKET or both");
    ENDPOINT(accepts, CSGI_LIFESPAN, "lifespan is the plugin's own function");
    ENDPOINT(accepts, CSGI_HTTP | 0x100, "accepts 0x101");
    ENDPOINT(path, STR("e"), "endpoint \"two\" has the path \"e\", expected \"/...\"");
    ENDPOINT(path, ((csgi_str){ NULL, 1 }), "the path of an endpoint has 1 bytes");
    ENDPOINT(path, STR("/\x01"), "the path of an endpoint is not text");
    ENDPOINT(methods, STR("GET,"), "endpoint \"two\" has the methods \"GET,\", expected a list");
    ENDPOINT(methods, STR("GET POST"), "has the methods \"GET POST\"");
}

static void a_middleware_has_a_literal_path(void **state)
{
    sample bad;

    (void)state;
    make_sample(&bad);
    bad.endpoints[0].call = NULL;
    bad.endpoints[0].around = around;
    expect_refusal(&bad.plugin, "middleware endpoint \"one\" has the path \"/e/{id:int}\"");
}

static void flags_that_may_be_ignored_are_ignored(void **state)
{
    sample good;
    csgi_plugin copy;
    csgi_endpoint *endpoints;

    (void)state;
    make_sample(&good);
    good.plugin.flags = 0x8001;
    good.endpoints[2].flags = 0xffff;
    expect_accepted(&good.plugin, &copy, &endpoints);
    free(endpoints);
}

static void the_limits_themselves_are_accepted(void **state)
{
    static csgi_endpoint many[PLUGIN_MAX_ENDPOINTS];
    static char names[PLUGIN_MAX_ENDPOINTS][8], text[PLUGIN_TEXT_MAX];
    sample good;
    csgi_plugin copy;
    csgi_endpoint *endpoints;

    (void)state;
    make_sample(&good);
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < PLUGIN_MAX_ENDPOINTS; i++) {
        many[i] = good.endpoints[0];
        snprintf(names[i], sizeof(names[i]), "e%zu", i);
        many[i].name = str_from(names[i]);
    }
    good.plugin.endpoints = many;
    good.plugin.endpoint_count = PLUGIN_MAX_ENDPOINTS;
    good.plugin.summary = (csgi_str){ text, sizeof(text) };
    good.plugin.stack_size = PLUGIN_STACK_MIN;
    expect_accepted(&good.plugin, &copy, &endpoints);
    free(endpoints);
    good.plugin.stack_size = PLUGIN_STACK_MAX;
    expect_accepted(&good.plugin, &copy, &endpoints);
    free(endpoints);
}

/* As a later minor might be: both structs have grown. */
typedef struct newer_endpoint {
    csgi_endpoint known;
    uint64_t more[3];
} newer_endpoint;

typedef struct newer_plugin {
    csgi_plugin known;
    uint64_t more[5];
} newer_plugin;

static void a_newer_plugin_is_walked_by_its_own_sizes(void **state)
{
    sample base;
    newer_endpoint newer_endpoints[3];
    newer_plugin newer;
    csgi_plugin copy;
    csgi_endpoint *endpoints;

    (void)state;
    make_sample(&base);
    memset(newer_endpoints, 0xff, sizeof(newer_endpoints));
    memset(&newer, 0xff, sizeof(newer));
    for (size_t i = 0; i < 3; i++)
        newer_endpoints[i].known = base.endpoints[i];
    newer_endpoints[1].known.accepts |= 0x100; /* a kind of scope to come */
    newer.known = base.plugin;
    newer.known.size = sizeof(newer);
    newer.known.abi_minor = CSGI_ABI_MINOR + 7;
    newer.known.endpoint_size = sizeof(newer_endpoint);
    newer.known.endpoints = &newer_endpoints[0].known;
    expect_accepted(&newer.known, &copy, &endpoints);
    assert_int_equal(copy.size, sizeof(csgi_plugin));
    assert_int_equal(copy.abi_minor, CSGI_ABI_MINOR + 7);
    assert_int_equal(copy.endpoint_size, sizeof(csgi_endpoint));
    assert_string_equal(endpoints[2].name.ptr, "three");
    free(endpoints);
}

static void no_memory_is_an_error_and_leaks_nothing(void **state)
{
    sample good;
    csgi_plugin copy;
    csgi_endpoint *endpoints;
    buffer problem = { 0 };

    (void)state;
    make_sample(&good);
    failing_malloc_after(0);
    assert_int_equal(descriptor_read(&good.plugin, "x", &copy, &endpoints, &problem), CSGI_ENOMEM);
    assert_true(failing_malloc_off());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_descriptor_is_copied),
        cmocka_unit_test(a_plugin_needs_no_endpoints),
        cmocka_unit_test(each_fault_of_the_plugin_has_its_sentence),
        cmocka_unit_test(each_fault_of_an_endpoint_has_its_sentence),
        cmocka_unit_test(a_middleware_has_a_literal_path),
        cmocka_unit_test(flags_that_may_be_ignored_are_ignored),
        cmocka_unit_test(the_limits_themselves_are_accepted),
        cmocka_unit_test(a_newer_plugin_is_walked_by_its_own_sizes),
        cmocka_unit_test(no_memory_is_an_error_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
