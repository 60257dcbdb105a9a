/* SPDX-License-Identifier: MIT
 * A client's settings: what is refused, and what they add to requests. */
#include "failing_malloc.h"
#include "policy_rig.h"

static void expect_refusal(csgi_client_options options, const char *sentence)
{
    buffer why = { 0 };
    settings *made = NULL;

    options.size = sizeof options;
    assert_int_equal(settings_new(&options, NULL, &made, &why), CSGI_EINVAL);
    assert_null(made);
    assert_int_equal(buffer_append(&why, "", 1), CSGI_OK);
    assert_string_equal(why.bytes, sentence);
    buffer_fini(&why);
}

static csgi_fields one_field(const char *name, const char *value)
{
    static csgi_field field;

    field = (csgi_field){ str_from(name), str_from(value), 0, 0 };
    return (csgi_fields){ &field, 1 };
}

static void a_wrong_option_is_named(void **state)
{
    (void)state;
    expect_refusal((csgi_client_options){ .base_url = STR("ftp://h") },
                   "client_new: base_url: it begins with none of http://, https:// and "
                   "http+unix://");
    expect_refusal((csgi_client_options){ .base_url = STR("http://h/?a") },
                   "client_new: base_url: it has a query or a fragment");
    expect_refusal((csgi_client_options){ .base_url = STR("http://u:secret@h/") },
                   "client_new: base_url: user information is not supported");
    expect_refusal((csgi_client_options){ .base_url = { NULL, 3 } },
                   "client_new: base_url: it is a null pointer with a length");
    expect_refusal((csgi_client_options){ .headers = one_field("a b", "") },
                   "client_new: headers: the header name 'a b' is malformed");
    expect_refusal((csgi_client_options){ .headers = one_field("a", "b\n") },
                   "client_new: headers: the value of header a has control bytes");
    expect_refusal((csgi_client_options){ .headers = one_field("Host", "b") },
                   "client_new: headers: the header Host is set by the client itself; leave it "
                   "out");
    expect_refusal((csgi_client_options){ .flags = 1u << 31 },
                   "client_new: flags: 0x80000000 is not known to this server");
    expect_refusal((csgi_client_options){ .proxy = { NULL, 3 } },
                   "client_new: proxy: it is a null pointer with a length");
}

static void wrong_credentials_are_refused_and_not_shown(void **state)
{
    (void)state;
    expect_refusal((csgi_client_options){ .user = STR("a:b"), .password = STR("secret") },
                   "client_new: user has a \":\", which Basic authentication cannot carry (RFC "
                   "7617)");
    expect_refusal((csgi_client_options){ .user = STR("a\n"), .password = STR("secret") },
                   "client_new: user has control bytes");
    expect_refusal((csgi_client_options){ .user = STR("a"), .password = STR("sec\x7fret") },
                   "client_new: password has control bytes");
    expect_refusal((csgi_client_options){ .bearer = STR("sec ret") },
                   "client_new: bearer has spaces, control bytes or bytes beyond ASCII");
    expect_refusal((csgi_client_options){ .bearer = STR("secret"), .user = STR("a") },
                   "client_new: bearer and user (or password) exclude each other");
    expect_refusal((csgi_client_options){ .bearer = STR("secret"),
                                          .headers = one_field("authorization", "secret") },
                   "client_new: headers: there are Authorization and user or bearer");
    expect_refusal((csgi_client_options){ .bearer = { NULL, 1 } },
                   "client_new: user, password or bearer is a null pointer with a length");
}

static void options_without_their_size_are_refused(void **state)
{
    const csgi_client_options unsized = { .flags = 0 };
    buffer why = { 0 };
    settings *made = NULL;

    (void)state;
    assert_int_equal(settings_new(&unsized, NULL, &made, &why), CSGI_EINVAL);
    buffer_fini(&why);
}

static void options_of_an_older_header_are_taken(void **state)
{
    csgi_client_options older = { .size = offsetof(csgi_client_options, headers),
                                  .base_url = STR("http://h") };
    buffer why = { 0 };
    settings *made;

    (void)state;
    older.headers.count = 7; /* lies beyond, and is not looked at */
    assert_int_equal(settings_new(&older, NULL, &made, &why), CSGI_OK);
    assert_int_equal(made->options.headers.count, 0);
    buffer_fini(&why);
    settings_release(made);
    buffer_fini(&why);
}

/* What the echoing server saw of a request with these. */
static void ask_with(rig *bench, governed *now, const char *at, csgi_client_options options,
                     csgi_fields own)
{
    govern(bench, now, at);
    now->with = settle(options);
    now->plain.request.headers = own;
    run_governed(now);
}

static void default_headers_give_way_to_the_requests_own(void **state)
{
    const csgi_field defaults[] = { { CSGI_STR("X-Key"), CSGI_STR("one"), 0, 0 },
                                    { CSGI_STR("User-Agent"), CSGI_STR("mine"), 0, 0 } };
    rig bench;
    governed now;

    (void)state;
    begin(&bench, echo, NULL);
    ask_with(&bench, &now, "/", (csgi_client_options){ .headers = { defaults, 2 } },
             one_field("x-key", "two"));
    assert_seen(&now, "\r\nx-key: two\r\n");
    assert_seen(&now, "\r\nUser-Agent: mine\r\n");
    assert_not_seen(&now, "one");
    assert_not_seen(&now, "capricorn");
    end_governed(&now);
    finish(&bench);
}

static void credentials_become_a_header(void **state)
{
    rig bench;
    governed now;

    (void)state;
    begin(&bench, echo, NULL);
    ask_with(&bench, &now, "/",
             (csgi_client_options){ .user = STR("Aladdin"), .password = STR("open sesame") },
             (csgi_fields){ NULL, 0 });
    assert_seen(&now, "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
    end_governed(&now);
    ask_with(&bench, &now, "/", (csgi_client_options){ .bearer = STR("abc|1") },
             (csgi_fields){ NULL, 0 });
    assert_seen(&now, "\r\nAuthorization: Bearer abc|1\r\n");
    end_governed(&now);
    finish(&bench);
}

static void the_requests_credentials_beat_the_clients_and_its_header_beats_all(void **state)
{
    const csgi_client_options options = { .bearer = STR("clients") };
    rig bench;
    governed now;

    (void)state;
    begin(&bench, echo, NULL);
    govern(&bench, &now, "/");
    now.with = settle(options);
    now.plain.request.bearer = STR("requests");
    run_governed(&now);
    assert_seen(&now, "\r\nAuthorization: Bearer requests\r\n");
    assert_not_seen(&now, "clients");
    done(&now.plain);

    prepare(&bench, &now.plain, "/");
    now.plain.request.bearer = STR("requests");
    now.plain.request.headers = one_field("AUTHORIZATION", "Own 1");
    run_governed(&now);
    assert_seen(&now, "\r\nAUTHORIZATION: Own 1\r\n");
    assert_not_seen(&now, "Bearer");
    end_governed(&now);
    finish(&bench);
}

static void a_requests_wrong_credentials_are_refused(void **state)
{
    rig bench;
    governed now;

    (void)state;
    begin(&bench, echo, NULL);
    govern(&bench, &now, "/");
    now.plain.request.user = STR("a:b");
    run_governed(&now);
    assert_failed(&now.plain, CSGI_EINVAL, "the request: user has a \":\"");
    assert_int_equal(now.carried, 0);
    finish(&bench);
}

static void expect_joined(rig *bench, const char *path, const char *base_path, const char *target)
{
    char base[100], line[100];
    governed now;

    snprintf(base, sizeof base, "http://127.0.0.1:%u%s", bench->server.port, base_path);
    snprintf(line, sizeof line, "GET %s HTTP/1.1\r\n", target);
    govern(bench, &now, "/");
    now.plain.request.url = str_from(path);
    now.with = settle((csgi_client_options){ .base_url = str_from(base) });
    run_governed(&now);
    assert_seen(&now, line);
    assert_true(str_starts_with(now.plain.response->url, str_from(base)));
    end_governed(&now);
}

static void a_url_without_a_scheme_is_added_to_the_base(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, echo, NULL);
    expect_joined(&bench, "/items?x=1", "", "/items?x=1");
    expect_joined(&bench, "items", "/v1", "/v1/items");
    expect_joined(&bench, "/items", "/v1", "/v1/items");
    expect_joined(&bench, "?a", "/v1", "/v1/?a");
    expect_joined(&bench, "", "/v1", "/v1/");
    expect_joined(&bench, "//other.example/x", "", "/other.example/x");
    expect_joined(&bench, "a/b:c", "", "/a/b:c");
    finish(&bench);
}

static void a_base_may_end_in_slashes(void **state)
{
    settings *with = settle((csgi_client_options){ .base_url = STR("app:weather/v1//") });

    (void)state;
    assert_int_equal(with->options.base_url.len, strlen("app:weather/v1"));
    settings_release(with);
}

static void a_whole_url_is_not_added_to_the_base(void **state)
{
    rig bench;
    governed now;

    (void)state;
    begin(&bench, echo, NULL);
    ask_with(&bench, &now, "/whole", (csgi_client_options){ .base_url = STR("http://127.0.0.1:1") },
             (csgi_fields){ NULL, 0 });
    assert_seen(&now, "GET /whole ");
    end_governed(&now);
    finish(&bench);
}

static void limits_of_the_settings_count_unless_the_request_has_its_own(void **state)
{
    rig bench;
    governed now;

    (void)state;
    begin(&bench, say_hi, NULL);
    govern(&bench, &now, "/");
    now.with = settle((csgi_client_options){ .max_response_size = 1 });
    run_governed(&now);
    assert_failed(&now.plain, CSGI_ELIMIT, "larger");
    prepare(&bench, &now.plain, "/");
    now.plain.request.max_response_size = 2;
    run_governed(&now);
    assert_answered(&now.plain, "hi");
    settings_release(now.with);
    finish(&bench);
}

/* ---- without memory ---- */

static void settings_without_memory_are_refused_and_leak_nothing(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        const csgi_client_options options = { .size = sizeof options,
                                              .base_url = STR("http://h"),
                                              .headers = one_field("a", "b"),
                                              .user = STR("u") };
        buffer why = { 0 };
        settings *made = NULL;
        csgi_status status;

        failing_malloc_after(n);
        status = settings_new(&options, NULL, &made, &why);
        if (!failing_malloc_off()) {
            assert_int_equal(status, CSGI_OK);
            buffer_fini(&why);
            settings_release(made);
            return;
        }
        if (status != CSGI_OK) assert_int_equal(status, CSGI_ENOMEM);
        if (status == CSGI_OK) settings_release(made);
        buffer_fini(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_option_is_named),
        cmocka_unit_test(wrong_credentials_are_refused_and_not_shown),
        cmocka_unit_test(options_without_their_size_are_refused),
        cmocka_unit_test(options_of_an_older_header_are_taken),
        cmocka_unit_test(default_headers_give_way_to_the_requests_own),
        cmocka_unit_test(credentials_become_a_header),
        cmocka_unit_test(the_requests_credentials_beat_the_clients_and_its_header_beats_all),
        cmocka_unit_test(a_requests_wrong_credentials_are_refused),
        cmocka_unit_test(a_url_without_a_scheme_is_added_to_the_base),
        cmocka_unit_test(a_base_may_end_in_slashes),
        cmocka_unit_test(a_whole_url_is_not_added_to_the_base),
        cmocka_unit_test(limits_of_the_settings_count_unless_the_request_has_its_own),
        cmocka_unit_test(settings_without_memory_are_refused_and_leak_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
