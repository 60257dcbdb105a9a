/* SPDX-License-Identifier: MIT
 * Following redirects (RFC 9110 section 15.4), and what is left behind on the way. */
#include "policy_rig.h"

/* What a mock answers: a redirect of that status to the location so many times, then 200; and what
 * it was asked last. */
typedef struct guide {
    uint32_t status;
    const char *location;
    size_t times, asked;
    char seen[1000];
} guide;

static csgi_status play(void *arg, csgi_arena *memory, const csgi_client_request *request,
                        const csgi_client_response **response)
{
    static csgi_client_response answer;
    static csgi_field field = { CSGI_STR("Location"), { NULL, 0 }, 0, 0 };
    guide *self = arg;
    bool leads_on = self->asked++ < self->times && self->location;
    int at = snprintf(self->seen, sizeof self->seen, "%.*s %.*s %.*s\n", STR_ARG(request->method),
                      STR_ARG(request->url), STR_ARG(request->body));

    (void)memory;
    for (size_t i = 0; i < request->headers.count; i++)
        at += snprintf(self->seen + at, sizeof self->seen - (size_t)at, "%.*s: %.*s\n",
                       STR_ARG(request->headers.items[i].name),
                       STR_ARG(request->headers.items[i].value));
    field.value = str_from(self->location);
    answer = (csgi_client_response){ .size = sizeof answer,
                                     .status = self->asked <= self->times ? self->status : 200,
                                     .headers = { &field, leads_on ? 1 : 0 },
                                     .body = STR("played") };
    *response = &answer;
    return CSGI_OK;
}

static rig bench;
static governed now;

static void prepare_guided(guide *by, const char *at, csgi_client_options options)
{
    begin(&bench, NULL, NULL);
    govern(&bench, &now, at);
    options.transport = play;
    options.transport_arg = by;
    options.flags |= CSGI_CLIENT_FOLLOW_REDIRECTS;
    now.with = settle(options);
}

static void finish_guided(void)
{
    end_governed(&now);
    finish(&bench);
}

/* One redirect of that status; what the second request is. */
static void expect_second(uint32_t status, const char *method, const char *want)
{
    static const csgi_field fields[] = { { CSGI_STR("Content-Type"), CSGI_STR("a/b"), 0, 0 },
                                         { CSGI_STR("X-A"), CSGI_STR("1"), 0, 0 } };
    guide by = { .status = status, .location = "/next", .times = 1 };

    prepare_guided(&by, "http://h/x", (csgi_client_options){ 0 });
    now.plain.request.method = str_from(method);
    now.plain.request.body = STR("data");
    now.plain.request.headers = (csgi_fields){ fields, 2 };
    run_governed(&now);
    assert_int_equal(now.plain.status, CSGI_OK);
    assert_string_equal(by.seen, want);
    assert_int_equal(now.plain.response->redirects, 1);
    assert_string_equal(now.plain.response->url.ptr, "http://h/next");
    assert_int_equal(now.dropped, 1);
    finish_guided();
}

static void methods_change_as_rfc_9110_says(void **state)
{
    static const char got[] = "GET http://h/next \nX-A: 1\n";
    static const char posted[] = "POST http://h/next data\nContent-Type: a/b\nX-A: 1\n";
    static const char put[] = "PUT http://h/next data\nContent-Type: a/b\nX-A: 1\n";
    static const char head[] = "HEAD http://h/next data\nContent-Type: a/b\nX-A: 1\n";

    (void)state;
    expect_second(301, "POST", got);
    expect_second(302, "POST", got);
    expect_second(303, "POST", got);
    expect_second(307, "POST", posted);
    expect_second(308, "POST", posted);
    expect_second(301, "PUT", put);
    expect_second(302, "PUT", put);
    expect_second(303, "PUT", got);
    expect_second(307, "PUT", put);
    expect_second(303, "HEAD", head);
}

static void expect_kept(guide by, uint32_t flags)
{
    prepare_guided(&by, "http://h/x", (csgi_client_options){ 0 });
    if (!flags) now.with->options.flags = 0;
    run_governed(&now);
    assert_int_equal(now.plain.status, CSGI_OK);
    assert_int_equal(now.plain.response->status, by.status);
    assert_int_equal(now.plain.response->redirects, 0);
    assert_string_equal(now.plain.response->url.ptr, "http://h/x");
    finish_guided();
}

static void what_leads_nowhere_is_the_response(void **state)
{
    (void)state;
    expect_kept((guide){ .status = 300, .location = "/y", .times = 1 }, 1);
    expect_kept((guide){ .status = 304, .location = "/y", .times = 1 }, 1);
    expect_kept((guide){ .status = 305, .location = "/y", .times = 1 }, 1);
    expect_kept((guide){ .status = 201, .location = "/y", .times = 1 }, 1);
    expect_kept((guide){ .status = 302, .times = 1 }, 1);
    expect_kept((guide){ .status = 302, .location = "/y", .times = 1 }, 0);
}

static void run_times(size_t times, uint32_t most)
{
    static guide by;

    by = (guide){ .status = 302, .location = "/x", .times = times };
    prepare_guided(&by, "http://h/x", (csgi_client_options){ .max_redirects = most });
    run_governed(&now);
}

static void as_many_redirects_as_allowed_are_followed_and_no_more(void **state)
{
    (void)state;
    run_times(20, 0);
    assert_int_equal(now.plain.status, CSGI_OK);
    assert_int_equal(now.plain.response->redirects, 20);
    finish_guided();
    run_times(21, 0);
    settings_release(now.with);
    assert_int_equal(now.carried, 21);
    assert_failed(&now.plain, CSGI_ELIMIT, "http://h: more than 20 redirects");
    finish(&bench);
    run_times(1, 1);
    assert_int_equal(now.plain.status, CSGI_OK);
    finish_guided();
    run_times(2, 1);
    settings_release(now.with);
    assert_failed(&now.plain, CSGI_ELIMIT, "more than 1 redirects");
    finish(&bench);
}

/* Where a redirect from that URL leads; and what of credentials arrives. */
static void expect_way(const char *from, const char *location, const char *to, bool keeps)
{
    static const csgi_field fields[] = { { CSGI_STR("COOKIE"), CSGI_STR("c=1"), 0, 0 },
                                         { CSGI_STR("X-A"), CSGI_STR("1"), 0, 0 },
                                         { CSGI_STR("Proxy-Authorization"), CSGI_STR("p"), 0, 0 } };
    guide by = { .status = 307, .location = location, .times = 1 };
    char want[400];

    prepare_guided(&by, from, (csgi_client_options){ .bearer = STR("secret") });
    now.plain.request.headers = (csgi_fields){ fields, 3 };
    run_governed(&now);
    assert_int_equal(now.plain.status, CSGI_OK);
    snprintf(want, sizeof want,
             keeps ? " %s \nCOOKIE: c=1\nX-A: 1\nProxy-Authorization: p\n"
                     "Authorization: Bearer secret\n"
                   : " %s \nX-A: 1\n",
             to);
    assert_string_equal(by.seen, want);
    finish_guided();
}

static void another_origin_is_not_told_credentials(void **state)
{
    (void)state;
    expect_way("http://h/a/b", "c?d#e", "http://h/a/c?d", true);
    expect_way("http://h/a", "http://h:80/b", "http://h:80/b", true);
    expect_way("http://h/a", "http://h:81/b", "http://h:81/b", false);
    expect_way("http://h/a", "//i/b", "http://i/b", false);
    expect_way("http://h/a", "https://h/a", "https://h/a", false);
    expect_way("https://h/a", "http://h/a", "http://h/a", false);
    expect_way("http://h/a", "http://sub.h/", "http://sub.h/", false);
    expect_way("http+unix://%2Fs/a", "/b", "http+unix://%2Fs/b", true);
    expect_way("http+unix://%2Fs/a", "http://localhost/b", "http://localhost/b", false);
    expect_way("app:it/a?b", "/c?d#e", "app:it/c?d", true);
    expect_way("app:it/a", "http://h/", "http://h/", false);
}

/* Away, and back. */
static csgi_status play_away(void *arg, csgi_arena *memory, const csgi_client_request *request,
                             const csgi_client_response **response)
{
    guide *self = arg;

    self->location = self->asked == 0 ? "http://other/" : "http://h/back";
    return play(arg, memory, request, response);
}

static void credentials_do_not_come_back(void **state)
{
    guide by = { .status = 307, .times = 2 };

    (void)state;
    prepare_guided(&by, "http://h/x", (csgi_client_options){ .bearer = STR("secret") });
    now.with->options.transport = play_away;
    run_governed(&now);
    assert_string_equal(by.seen, " http://h/back \n");
    finish_guided();
}

static void expect_refusal(const char *from, const char *location, const char *reason)
{
    guide by = { .status = 302, .location = location, .times = 1 };

    prepare_guided(&by, from, (csgi_client_options){ 0 });
    run_governed(&now);
    settings_release(now.with);
    assert_int_equal(by.asked, 1);
    assert_int_equal(buffer_append(&now.plain.why, "", 1), CSGI_OK);
    assert_null(strstr(now.plain.why.bytes, "secret"));
    now.plain.why.len--;
    assert_failed(&now.plain, CSGI_EPROTO, reason);
    finish(&bench);
}

static void a_redirect_to_what_cannot_be_asked_is_refused(void **state)
{
    static const char neither[] =
        "its redirect (302) cannot be followed: it leads to a URL that is "
        "neither http nor https";

    (void)state;
    expect_refusal("http://h/", "ftp://h/secret", neither);
    expect_refusal("http://h/", "javascript:secret", neither);
    expect_refusal("http://h/", "app:secret/x", neither);
    expect_refusal("http://h/", "file:///etc/secret", neither);
    expect_refusal("http://h/", "http+unix://%2Fsecret/x", "it leads to a Unix socket");
    expect_refusal("http+unix://%2Fs/", "http+unix://%2Fsecret/x", "it leads to a Unix socket");
    expect_refusal("http://h/", "http://u:secret@h/", "user information is not supported");
    expect_refusal("http://h/", "http://h:0/?secret", "its port is not a number");
    expect_refusal("http://h/", "http://", "it has no host");
}

/* ---- with a real server ---- */

static void say_elsewhere(int fd, int number)
{
    char text[2000], head[200];

    (void)number;
    while (read_request(fd, text, sizeof text)) {
        if (strncmp(text, "GET /from", 9) == 0) {
            say(fd, "HTTP/1.1 302 Found\r\nLocation: to?x\r\nContent-Length: 4\r\n\r\nmove");
            continue;
        }
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(text));
        say(fd, head);
        say(fd, text);
    }
}

static void the_connection_is_used_for_the_next_hop(void **state)
{
    (void)state;
    begin(&bench, say_elsewhere, NULL);
    govern(&bench, &now, "/from");
    now.plain.request.flags = CSGI_CLIENT_FOLLOW_REDIRECTS;
    run_governed(&now);
    assert_seen(&now, "GET /to?x HTTP/1.1\r\n");
    assert_int_equal(bench.server.accepted, 1);
    done(&now.plain);
    finish(&bench);
}

static void redirect_forever(int fd, int number)
{
    (void)number;
    while (skip_request(fd)) {
        usleep(5000);
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    }
}

static void all_hops_together_have_the_total_timeout(void **state)
{
    (void)state;
    begin(&bench, redirect_forever, NULL);
    govern(&bench, &now, "/");
    now.plain.request.flags = CSGI_CLIENT_FOLLOW_REDIRECTS;
    now.plain.request.max_redirects = 1000;
    now.plain.request.total_timeout_ms = 50;
    run_governed(&now);
    assert_failed(&now.plain, CSGI_ETIMEDOUT, "not done within 50 ms (total timeout), redirected ");
    finish(&bench);
}

/* ---- cookies ---- */

static void say_cookies(int fd, int number)
{
    char text[2000], head[200];

    (void)number;
    while (read_request(fd, text, sizeof text)) {
        if (strncmp(text, "GET /login", 10) == 0) {
            say(fd, "HTTP/1.1 302 Found\r\nLocation: /in\r\nSet-Cookie: s=1; Path=/\r\n"
                    "Content-Length: 0\r\n\r\n");
            continue;
        }
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nSet-Cookie: t=2; Path=/\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 strlen(text));
        say(fd, head);
        say(fd, text);
    }
}

static void ask_for_cookies(settings *with, const char *path, const char *own)
{
    static csgi_field field = { CSGI_STR("cookie"), { NULL, 0 }, 0, 0 };

    govern(&bench, &now, path);
    now.with = with;
    field.value = str_from(own);
    if (own) now.plain.request.headers = (csgi_fields){ &field, 1 };
    run_governed(&now);
}

static void cookies_are_kept_of_each_hop_and_sent(void **state)
{
    settings *with = settle(
        (csgi_client_options){ .flags = CSGI_CLIENT_COOKIES | CSGI_CLIENT_FOLLOW_REDIRECTS });

    (void)state;
    begin(&bench, say_cookies, NULL);
    ask_for_cookies(with, "/login", NULL);
    assert_seen(&now, "GET /in HTTP/1.1\r\n");
    assert_seen(&now, "\r\nCookie: s=1\r\n");
    done(&now.plain);
    ask_for_cookies(with, "/", NULL);
    assert_seen(&now, "\r\nCookie: s=1; t=2\r\n");
    done(&now.plain);
    ask_for_cookies(with, "/", "own=1");
    assert_seen(&now, "\r\ncookie: own=1\r\n");
    assert_not_seen(&now, "s=1");
    end_governed(&now);
    finish(&bench);
}

static void a_client_without_the_flag_keeps_no_cookies(void **state)
{
    settings *with = settle((csgi_client_options){ .flags = CSGI_CLIENT_FOLLOW_REDIRECTS });

    (void)state;
    begin(&bench, say_cookies, NULL);
    ask_for_cookies(with, "/login", NULL);
    assert_seen(&now, "GET /in HTTP/1.1\r\n");
    assert_not_seen(&now, "ookie");
    end_governed(&now);
    finish(&bench);
}

/* ---- the trace ---- */

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void ask_traced(const char *own_name, uint32_t flags)
{
    static const csgi_field inbound[] = { { CSGI_STR("traceparent"), CSGI_STR(TRACEPARENT), 0, 0 },
                                          { CSGI_STR("tracestate"), CSGI_STR("congo=t61rcWkgMzE"),
                                            0, 0 } };
    static csgi_field own = { { NULL, 0 }, CSGI_STR("mine"), 0, 0 };

    begin(&bench, echo, NULL);
    govern(&bench, &now, "/");
    now.inbound = (csgi_fields){ inbound, 2 };
    own.name = str_from(own_name);
    if (own_name) now.plain.request.headers = (csgi_fields){ &own, 1 };
    now.plain.request.flags = flags;
    run_governed(&now);
}

static void a_trace_is_passed_on_with_a_fresh_parent(void **state)
{
    (void)state;
    ask_traced(NULL, 0);
    assert_seen(&now, "\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-");
    assert_seen(&now, "\r\ntracestate: congo=t61rcWkgMzE\r\n");
    assert_not_seen(&now, "b7ad6b7169203331");
    done(&now.plain);
    finish(&bench);
}

static void a_trace_is_not_passed_on_when_the_caller_has_one_or_wants_none(void **state)
{
    (void)state;
    ask_traced("Traceparent", 0);
    assert_seen(&now, "\r\nTraceparent: mine\r\n");
    assert_not_seen(&now, "0af7651916cd43dd");
    assert_not_seen(&now, "tracestate");
    done(&now.plain);
    finish(&bench);
    ask_traced(NULL, CSGI_CLIENT_NO_TRACE);
    assert_not_seen(&now, "trace");
    done(&now.plain);
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_change_as_rfc_9110_says),
        cmocka_unit_test(what_leads_nowhere_is_the_response),
        cmocka_unit_test(as_many_redirects_as_allowed_are_followed_and_no_more),
        cmocka_unit_test(another_origin_is_not_told_credentials),
        cmocka_unit_test(credentials_do_not_come_back),
        cmocka_unit_test(a_redirect_to_what_cannot_be_asked_is_refused),
        cmocka_unit_test(the_connection_is_used_for_the_next_hop),
        cmocka_unit_test(all_hops_together_have_the_total_timeout),
        cmocka_unit_test(cookies_are_kept_of_each_hop_and_sent),
        cmocka_unit_test(a_client_without_the_flag_keeps_no_cookies),
        cmocka_unit_test(a_trace_is_passed_on_with_a_fresh_parent),
        cmocka_unit_test(a_trace_is_not_passed_on_when_the_caller_has_one_or_wants_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
