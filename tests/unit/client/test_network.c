/* SPDX-License-Identifier: MIT
 * Clients with connections of their own: who gets them, what is refused, and how they end. */
#include "failing_malloc.h"
#include "client/network.h"
#include "client/settings.h"
#include "rig.h"

static csgi_status open_with(rig *bench, csgi_client_options options, client **out, buffer *why)
{
    options.size = sizeof options;
    return network_open(&options, bench->client, out, why);
}

static void expect_refusal(rig *bench, csgi_client_options options, const char *sentence)
{
    buffer why = { 0 };
    client *made = NULL;

    assert_int_equal(open_with(bench, options, &made, &why), CSGI_EINVAL);
    assert_null(made);
    assert_int_equal(buffer_append(&why, "", 1), CSGI_OK);
    if (strncmp(why.bytes, sentence, strlen(sentence)) != 0)
        fail_msg("'%s' does not begin with '%s'", why.bytes, sentence);
    buffer_fini(&why);
}

static void who_asks_for_nothing_of_its_own_shares_connections(void **state)
{
    buffer why = { 0 };
    client *made;
    rig bench;

    (void)state;
    begin(&bench, NULL, NULL);
    assert_int_equal(open_with(&bench, (csgi_client_options){ .read_timeout_ms = 7 }, &made, &why),
                     CSGI_OK);
    assert_null(made);
    assert_int_equal(why.len, 0);
    buffer_fini(&why);
    finish(&bench);
}

static void a_wrong_option_is_named(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, NULL, NULL);
    expect_refusal(&bench, (csgi_client_options){ .ca_file = STR("/nowhere") },
                   "client_new: ca_file: CA file /nowhere: ");
    expect_refusal(&bench, (csgi_client_options){ .ca_file = STR("/dev/null") },
                   "client_new: ca_file: CA file /dev/null: ");
    expect_refusal(&bench, (csgi_client_options){ .cert_file = STR("/dev/null") },
                   "client_new: cert_file: certificate file /dev/null: ");
    expect_refusal(&bench, (csgi_client_options){ .key_file = STR("/dev/null") },
                   "client_new: key_file: it needs the certificate's cert_file beside it");
    expect_refusal(&bench, (csgi_client_options){ .ca_file = STR("/etc\0/x") },
                   "client_new: ca_file: it has a NUL");
    expect_refusal(&bench, (csgi_client_options){ .proxy = STR("ftp://u:secret@h") },
                   "client_new: proxy: it cannot be used: its scheme is neither http nor https");
    finish(&bench);
}

static void its_connections_are_its_own(void **state)
{
    buffer why = { 0 };
    client *made, *shared;
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    expect_body(&bench, "/", "hi");
    assert_int_equal(open_with(&bench, (csgi_client_options){ .max_connections_per_origin = 1 },
                               &made, &why),
                     CSGI_OK);
    shared = bench.client;
    bench.client = made;
    expect_body(&bench, "/", "hi");
    until_idle(&bench, 1);
    assert_int_equal(client_get_counts(shared).connections, 1);
    assert_int_equal(bench.server.accepted, 2);
    client_close(made);
    buffer_fini(&why);
    bench.client = shared;
    expect_body(&bench, "/", "hi");
    finish(&bench);
}

/* Three at once, of which so many may have a connection. */
static void ask_three(rig *bench, uint32_t connections, size_t answered)
{
    buffer why = { 0 };
    client *made, *shared = bench->client;
    asked now[3];
    size_t count = 0;

    assert_int_equal(open_with(bench, (csgi_client_options){ .max_connections = connections },
                               &made, &why),
                     CSGI_OK);
    bench->client = made;
    for (size_t i = 0; i < 3; i++) {
        prepare(bench, &now[i], "/");
        now[i].request.pool_timeout_ms = 40;
    }
    ask_all(now, 3);
    for (size_t i = 0; i < 3; i++) {
        count += now[i].status == CSGI_OK;
        if (now[i].status == CSGI_OK)
            done(&now[i]);
        else
            assert_failed(&now[i], CSGI_ETIMEDOUT, "no free connection within 40 ms");
    }
    assert_int_equal(count, answered);
    client_close(made);
    buffer_fini(&why);
    bench->client = shared;
}

static void say_hi_slowly(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
        usleep(120000);
        say(fd, OK_HI);
    }
}

static void the_limit_counts_for_it_alone(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, say_hi_slowly, NULL);
    ask_three(&bench, 2, 2);
    ask_three(&bench, 3, 3);
    finish(&bench);
}

static void it_closes_with_the_servers_client_and_may_be_ended_later(void **state)
{
    const csgi_client_options options = { .size = sizeof options, .idle_ms = 3600000 };
    buffer why = { 0 };
    client *shared;
    settings *made;
    asked late;
    rig bench;

    (void)state;
    begin(&bench, say_hi, NULL);
    shared = bench.client;
    assert_int_equal(settings_new(&options, shared, &made, &why), CSGI_OK);
    bench.client = made->network;
    expect_body(&bench, "/", "hi");
    until_idle(&bench, 1);
    client_close(shared);
    loop_run(bench.loop); /* ends, for no connection is idle */
    prepare(&bench, &late, "/");
    ask_all(&late, 1);
    assert_failed(&late, CSGI_ESTATE, "the server is stopping");
    settings_release(made);
    buffer_fini(&why);
    bench.client = NULL;
    finish(&bench);
}

static void without_memory_none_is_made(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, NULL, NULL);
    for (size_t n = 0;; n++) {
        buffer why = { 0 };
        client *made = NULL;
        csgi_status status;

        failing_malloc_after(n);
        status = open_with(&bench, (csgi_client_options){ .proxy = STR("http://h") }, &made, &why);
        if (made) client_close(made);
        buffer_fini(&why);
        if (!failing_malloc_off()) {
            assert_int_equal(status, CSGI_OK);
            break;
        }
        if (status) assert_int_equal(status, CSGI_ENOMEM);
    }
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_nothing_of_its_own_shares_connections),
        cmocka_unit_test(a_wrong_option_is_named),
        cmocka_unit_test(its_connections_are_its_own),
        cmocka_unit_test(the_limit_counts_for_it_alone),
        cmocka_unit_test(it_closes_with_the_servers_client_and_may_be_ended_later),
        cmocka_unit_test(without_memory_none_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
