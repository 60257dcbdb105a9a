/* SPDX-License-Identifier: MIT
 * worker/server_url: the URL a server can reach itself at. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "worker/server_url.h"

static void assert_url(const address *listening, const char *expected)
{
    buffer url = { 0 };

    assert_int_equal(server_url_print(listening, &url), CSGI_OK);
    assert_int_equal(buffer_append(&url, "", 1), CSGI_OK);
    assert_string_equal(url.bytes, expected);
    buffer_fini(&url);
}

static void an_ip_listener_is_reached_at_its_address(void **state)
{
    static const struct {
        const char *host, *url;
    } cases[] = { { "127.0.0.1", "http://127.0.0.1:81" },
                  { "0.0.0.0", "http://127.0.0.1:81" },
                  { "::", "http://[::1]:81" },
                  { "::1", "http://[::1]:81" } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        address listening;

        assert_int_equal(address_from_ip(&listening, cases[i].host, 81), CSGI_OK);
        assert_url(&listening, cases[i].url);
    }
}

static void a_unix_listener_is_reached_by_its_absolute_path_encoded(void **state)
{
    char directory[] = "/tmp/capricorn-url-XXXXXX", path[64];
    char expected[128];
    address listening;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/a b", directory);
    fclose(fopen(path, "w"));
    assert_int_equal(address_from_path(&listening, path), CSGI_OK);
    snprintf(expected, sizeof expected, "http+unix://%%2Ftmp%%2F%s%%2Fa%%20b", directory + 5);
    assert_url(&listening, expected);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ip_listener_is_reached_at_its_address),
        cmocka_unit_test(a_unix_listener_is_reached_by_its_absolute_path_encoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
