/* SPDX-License-Identifier: MIT
 * An app's clients: made, used in requests, freed by hand or with the app.
 */
#include "fixture.h"

#include <csgi/ext/draft/client.h>

/* What the endpoint "it" does, on its own host. */
static const csgi_host *host;
static csgi_arena *memory;
static void (*play)(void);
static const csgi_client_extension *outbound;
static csgi_client *kept;

static csgi_status it(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    (void)receive;
    host = self;
    memory = scope->arena;
    outbound = host->extension(host, CSGI_CLIENT_EXTENSION);
    play();
    return reply(send, 200, "played");
}

static csgi_status echo(void *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    char text[1024];
    int at = snprintf(text, sizeof text, "%s %s", scope->method.ptr, scope->path.ptr);

    (void)self, (void)receive;
    for (size_t i = 0; i < scope->headers.count; i++) {
        at += snprintf(text + at, sizeof text - (size_t)at, " %s=%s",
                       scope->headers.items[i].name.ptr, scope->headers.items[i].value.ptr);
    }
    return reply(send, 200, text);
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("it"), CSGI_STR("/it"), CSGI_STR(""), CSGI_HTTP, 0, it, NULL },
    { CSGI_STR("echo"), CSGI_STR("/echo"), CSGI_STR(""), CSGI_HTTP, 0, echo, NULL },
};

/* Runs it in a call of the app "test". */
static void run(void (*fn)(void))
{
    fixture f;

    play = fn;
    kept = NULL;
    fixture_open(&f, NULL);
    fixture_add(&f, fixture_plugin(&f, "test", endpoints, COUNT_OF(endpoints)));
    fixture_route(&f);
    assert_string_equal(get(&f, "/it").body, "played");
    fixture_close(&f);
}

static csgi_client *make(csgi_client_options options)
{
    csgi_client *made = NULL;

    options.size = sizeof options;
    assert_int_equal(outbound->client_new(host, &options, &made), CSGI_OK);
    return made;
}

static csgi_status fetch(csgi_client_request request, const csgi_client_response **response)
{
    request.size = sizeof request;
    return outbound->fetch(host, memory, &request, response);
}

static void assert_last_error(const char *want)
{
    csgi_str said;
    char text[256];

    host->last_error(host, &said);
    snprintf(text, sizeof text, "%.*s", STR_ARG(said));
    assert_string_equal(text, want);
}

/* ---- apps of this server ---- */

static void play_app(void)
{
    static const csgi_field field = { CSGI_STR("x-key"), CSGI_STR("k"), 0, 0 };
    csgi_client *made = make((csgi_client_options){
        .base_url = STR("app:test"), .headers = { &field, 1 }, .bearer = STR("t") });
    const csgi_client_response *response;

    assert_int_equal(fetch((csgi_client_request){ .client = made, .url = STR("/echo") }, &response),
                     CSGI_OK);
    assert_string_equal(response->body.ptr, "GET /echo host=test x-key=k authorization=Bearer t");
    assert_string_equal(response->url.ptr, "app:test/echo");
    outbound->client_free(made);
}

static void settings_count_for_apps_of_this_server_too(void **state)
{
    (void)state;
    run(play_app);
}

static char traced[1024];

static void play_traced(void)
{
    const csgi_client_response *response;

    assert_int_equal(fetch((csgi_client_request){ .url = STR("app:test/echo") }, &response),
                     CSGI_OK);
    snprintf(traced, sizeof traced, "%s", response->body.ptr);
}

static void a_trace_goes_on_to_apps_of_this_server(void **state)
{
    static const csgi_field field = {
        CSGI_STR("TraceParent"),
        CSGI_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), 0, 0
    };
    const memory_request request = { .raw_path = STR("/it"), .headers = { &field, 1 } };
    answer got;
    fixture f;

    (void)state;
    play = play_traced;
    fixture_open(&f, NULL);
    fixture_add(&f, fixture_plugin(&f, "test", endpoints, COUNT_OF(endpoints)));
    fixture_route(&f);
    ask_begin(&f, &got, &request);
    loop_run(f.loop);
    assert_string_equal(got.body, "played");
    assert_non_null(strstr(traced, "traceparent=00-0af7651916cd43dd8448eb211c80319c-"));
    assert_null(strstr(traced, "b7ad6b7169203331"));
    fixture_close(&f);
}

/* ---- mocks ---- */

static csgi_client_response mocked;
static csgi_status mock_status;
static char mock_seen[200];

static csgi_status answer_all(void *arg, csgi_arena *into, const csgi_client_request *request,
                              const csgi_client_response **response)
{
    csgi_client *own = request->client;

    assert_ptr_equal(arg, mock_seen);
    assert_non_null(host->alloc(into, 10, 0));
    snprintf(mock_seen, sizeof mock_seen, "%.*s %.*s", STR_ARG(request->method),
             STR_ARG(request->url));
    if (kept) outbound->client_free(own), kept = NULL; /* in the middle of its own request */
    if (mock_status) return mock_status;
    *response = mocked.size ? &mocked : NULL;
    return CSGI_OK;
}

static csgi_client *make_mock(void)
{
    return make((csgi_client_options){ .transport = answer_all, .transport_arg = mock_seen });
}

static void play_mock(void)
{
    static const csgi_field field = { CSGI_STR("X-Mixed"), CSGI_STR("V"), 0, 0 };
    csgi_client *made = make_mock();
    const csgi_client_request request = { .client = made,
                                          .method = STR("PUT"),
                                          .url = STR("http://nowhere.example/x") };
    const csgi_client_response *response;

    mocked = (csgi_client_response){
        .size = sizeof mocked, .status = 207, .headers = { &field, 1 }, .body = STR("body")
    };
    assert_int_equal(fetch(request, &response), CSGI_OK);
    assert_string_equal(mock_seen, "PUT http://nowhere.example/x");
    assert_int_equal(response->status, 207);
    assert_string_equal(response->headers.items[0].name.ptr, "x-mixed");
    assert_string_equal(response->headers.items[0].value.ptr, "V");
    assert_string_equal(response->body.ptr, "body");
    outbound->client_free(made);
}

static void a_transport_answers_in_the_place_of_the_network(void **state)
{
    (void)state;
    run(play_mock);
}

static void expect_mock(csgi_client_response response, csgi_status status, const char *sentence)
{
    const csgi_client_response *got;
    csgi_client *made = make_mock();

    mocked = response;
    assert_int_equal(fetch((csgi_client_request){ .client = made,
                                                  .url = STR("http://h/"),
                                                  .max_response_size = 4 },
                           &got),
                     status);
    if (status) assert_last_error(sentence);
    outbound->client_free(made);
}

static void play_bad_mocks(void)
{
    const uint32_t size = sizeof(csgi_client_response);

    expect_mock((csgi_client_response){ 0 }, CSGI_EPROTO,
                "the client's transport function gave no response");
    expect_mock((csgi_client_response){ .size = 8, .status = 200 }, CSGI_EPROTO,
                "the client's transport function gave a response with no size set");
    expect_mock((csgi_client_response){ .size = size, .status = 199 }, CSGI_EPROTO,
                "the client's transport function gave a status that is not from 200 to 599");
    expect_mock((csgi_client_response){ .size = size, .status = 600 }, CSGI_EPROTO,
                "the client's transport function gave a status that is not from 200 to 599");
    expect_mock((csgi_client_response){ .size = size, .status = 599 }, CSGI_OK, NULL);
    expect_mock((csgi_client_response){ .size = size, .status = 200, .body = { NULL, 1 } },
                CSGI_EPROTO,
                "the client's transport function gave a response with a null pointer in it");
    expect_mock((csgi_client_response){ .size = size, .status = 200, .headers = { NULL, 1 } },
                CSGI_EPROTO,
                "the client's transport function gave a response with a null pointer in it");
    expect_mock((csgi_client_response){ .size = size, .status = 200, .body = STR("1234") }, CSGI_OK,
                NULL);
    expect_mock((csgi_client_response){ .size = size, .status = 200, .body = STR("12345") },
                CSGI_ELIMIT,
                "the client's transport function gave a larger body than max_response_size");
    mock_status = CSGI_EUNREACH;
    expect_mock((csgi_client_response){ 0 }, CSGI_EUNREACH,
                "the client's transport function failed with -12");
    mock_status = CSGI_OK;
}

static void a_transport_that_answers_wrongly_is_told_so(void **state)
{
    (void)state;
    run(play_bad_mocks);
}

static void play_free_in_request(void)
{
    csgi_client *made = make_mock();
    const csgi_client_response *response;

    kept = made;
    mocked = (csgi_client_response){ .size = sizeof mocked, .status = 204 };
    assert_int_equal(fetch((csgi_client_request){ .client = made, .url = STR("http://h/") },
                           &response),
                     CSGI_OK);
    assert_int_equal(response->status, 204);
    assert_int_equal(fetch((csgi_client_request){ .client = made, .url = STR("http://h/") },
                           &response),
                     CSGI_EINVAL);
    assert_last_error("fetch: the request's client is none of this app's, or was freed");
}

static void a_client_may_be_freed_while_its_request_is_under_way(void **state)
{
    (void)state;
    run(play_free_in_request);
}

/* ---- mistakes ---- */

static void play_mistakes(void)
{
    csgi_client_options options = { .size = sizeof options, .bearer = STR("a b") };
    csgi_client *made = NULL;
    const csgi_client_response *response;

    assert_int_equal(outbound->client_new(host, &options, &made), CSGI_EINVAL);
    assert_last_error("client_new: bearer has spaces, control bytes or bytes beyond ASCII");
    assert_int_equal(outbound->client_new(host, NULL, &made), CSGI_EINVAL);
    assert_int_equal(outbound->client_new(host, &options, NULL), CSGI_EINVAL);
    assert_null(made);
    outbound->client_free(NULL);
    assert_int_equal(fetch((csgi_client_request){ .url = { NULL, 0 } }, &response), CSGI_EINVAL);
    assert_last_error("fetch: the request has no url");
    assert_int_equal(fetch((csgi_client_request){ .url = STR("app:test/echo"), .flags = 1u << 30 },
                           &response),
                     CSGI_EINVAL);
    assert_last_error("fetch: the request's flags 0x40000000 are not known to this server");
}

static void mistakes_are_told(void **state)
{
    (void)state;
    run(play_mistakes);
}

static void play_older_header(void)
{
    csgi_client_request request = { .size = offsetof(csgi_client_request, client),
                                    .url = STR("app:test/echo") };
    const csgi_client_response *response;

    request.client = (csgi_client *)&request; /* lies beyond, and is not looked at */
    assert_int_equal(outbound->fetch(host, memory, &request, &response), CSGI_OK);
    assert_int_equal(response->status, 200);
    assert_ptr_equal(response->url.ptr, request.url.ptr);
}

static void a_request_of_an_older_header_is_taken(void **state)
{
    (void)state;
    run(play_older_header);
}

static void play_leave(void)
{
    make_mock();
    make((csgi_client_options){ .base_url = STR("http://h") });
}

static void clients_that_are_left_go_with_their_app(void **state)
{
    (void)state;
    run(play_leave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_count_for_apps_of_this_server_too),
        cmocka_unit_test(a_trace_goes_on_to_apps_of_this_server),
        cmocka_unit_test(a_transport_answers_in_the_place_of_the_network),
        cmocka_unit_test(a_transport_that_answers_wrongly_is_told_so),
        cmocka_unit_test(a_client_may_be_freed_while_its_request_is_under_way),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(a_request_of_an_older_header_is_taken),
        cmocka_unit_test(clients_that_are_left_go_with_their_app),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
