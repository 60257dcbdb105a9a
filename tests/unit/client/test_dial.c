/* SPDX-License-Identifier: MIT
 * Dialling by name: how long, how often and with whom a name server is waited for, and settings. */
#include "reach.h"
#include "rig.h"

#include "client/dial.h"

/* ---- a name server of our own: libuv calls these instead of the C library's ---- */

static atomic_int lookups;
static atomic_int closed; /* nobody is answered while it is set */

#define SEEN __attribute__((visibility("default")))

SEEN int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **out)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in at;
    } * made;

    (void)service;
    (void)hints;
    lookups++;
    while (closed)
        usleep(500);
    if (strncmp(host, "bad", 3) == 0) return EAI_NONAME;
    made = calloc(1, sizeof *made);
    if (!made) return EAI_MEMORY;
    made->at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(0x7f000001) } };
    made->info.ai_family = AF_INET;
    made->info.ai_addr = (struct sockaddr *)&made->at;
    made->info.ai_addrlen = sizeof made->at;
    *out = &made->info;
    return 0;
}

SEEN void freeaddrinfo(struct addrinfo *list)
{
    free(list);
}

static void set_closed(bool now)
{
    closed = now;
    lookups = 0;
}

/* ---- tests ---- */

static void a_name_server_that_is_silent_has_a_limit(void **state)
{
    rig bench;
    asked now;

    (void)state;
    set_closed(true);
    begin(&bench, NULL, NULL);
    prepare(&bench, &now, "http://a.test/");
    now.request.connect_timeout_ms = 30;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT,
                  "http://a.test: the name 'a.test' did not resolve within 30 ms");
    prepare(&bench, &now, "http://a.test/");
    now.request.total_timeout_ms = 30;
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ETIMEDOUT, "not done within 30 ms (total timeout)");
    prepare(&bench, &now, "http://a.test/");
    cancel_soon(&bench, 20);
    ask_all(&now, 1);
    assert_failed(&now, CSGI_ECANCELED, "given up: the task is cancelled");
    set_closed(false);
    finish(&bench);
}

static void many_wait_for_one_lookup(void **state)
{
    rig bench;
    asked now[5];
    char to[100];

    (void)state;
    set_closed(false);
    begin(&bench, say_close, NULL);
    snprintf(to, sizeof to, "http://a.test:%u/", bench.server.port);
    for (size_t i = 0; i < 5; i++)
        prepare(&bench, &now[i], to);
    ask_all(now, 5);
    for (size_t i = 0; i < 5; i++)
        assert_answered(&now[i], "hi");
    expect_body(&bench, to, "hi");
    assert_int_equal(lookups, 1);
    finish(&bench);
}

static void a_name_without_addresses_is_not_asked_for_again_at_once(void **state)
{
    rig bench;

    (void)state;
    set_closed(false);
    begin(&bench, NULL, NULL);
    for (int i = 0; i < 3; i++)
        expect_failure(&bench, "http://bad.test/", CSGI_EUNREACH,
                       "the name 'bad.test' did not resolve: unknown node or service");
    assert_int_equal(lookups, 1);
    finish(&bench);
}

static void addresses_that_refuse_are_looked_up_again(void **state)
{
    rig bench;
    char to[100];
    address at;
    int fd = bind_loopback(1, 0, &at);

    (void)state;
    set_closed(false);
    begin(&bench, NULL, NULL);
    snprintf(to, sizeof to, "http://a.test:%u/", address_port(&at));
    for (int i = 0; i < 2; i++)
        expect_failure(&bench, to, CSGI_EUNREACH, "connection refused");
    assert_int_equal(lookups, 2);
    finish(&bench);
    close(fd);
}

static char *environment_of_tests(const char *name)
{
    static char value[] = "http://proxy.test:3128";

    return strcmp(name, "http_proxy") == 0 ? value : NULL;
}

static void settings_decide_about_proxies(void **state)
{
    dialer_options options = { .getenv = environment_of_tests };
    rig bench;
    dialer now;
    url to;
    const char *wrong;
    buffer why = { 0 };

    (void)state;
    begin(&bench, NULL, NULL);
    assert_int_equal(url_parse(STR("http://a.test"), &to, &wrong), CSGI_OK);
    assert_int_equal(dialer_init(&now, bench.loop, &options, &why), CSGI_OK);
    assert_string_equal(dialer_find_proxy(&now, &to)->at.host, "proxy.test");
    dialer_set_own_url(&now, STR("http://A.test:81"));
    assert_non_null(dialer_find_proxy(&now, &to));
    dialer_set_own_url(&now, STR("http://A.test:80"));
    assert_null(dialer_find_proxy(&now, &to)); /* the server itself */
    dialer_fini(&now);
    options.ignores_environment = true;
    assert_int_equal(dialer_init(&now, bench.loop, &options, &why), CSGI_OK);
    assert_null(dialer_find_proxy(&now, &to));
    dialer_fini(&now);
    options.proxy = STR("other.test:1");
    assert_int_equal(dialer_init(&now, bench.loop, &options, &why), CSGI_OK);
    assert_string_equal(dialer_find_proxy(&now, &to)->at.host, "other.test");
    assert_int_equal(url_parse(STR("https://a.test"), &to, &wrong), CSGI_OK);
    assert_null(dialer_find_proxy(&now, &to)); /* it only carries the connection */
    dialer_fini(&now);
    options.proxy = STR("socks5://u:secret@other.test");
    assert_int_equal(dialer_init(&now, bench.loop, &options, &why), CSGI_EINVAL);
    assert_int_equal(buffer_append(&why, "", 1), CSGI_OK);
    assert_string_equal(why.bytes, "proxy: it cannot be used: SOCKS proxies are not supported");
    buffer_fini(&why);
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_server_that_is_silent_has_a_limit),
        cmocka_unit_test(many_wait_for_one_lookup),
        cmocka_unit_test(a_name_without_addresses_is_not_asked_for_again_at_once),
        cmocka_unit_test(addresses_that_refuse_are_looked_up_again),
        cmocka_unit_test(settings_decide_about_proxies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
