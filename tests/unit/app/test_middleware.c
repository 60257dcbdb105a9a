/* SPDX-License-Identifier: MIT
 * Middleware: which routes it wraps, in what order, and what it may do with inner, scope and send.
 */
#include "fixture.h"

#include "app/app_set.h"

#define AROUND(name)                                                              \
    static csgi_status name(void *self, csgi_app *inner, const csgi_scope *scope, \
                            csgi_receive *receive, csgi_send *send)
#define CALL(name)                                                                      \
    static csgi_status name(void *self, const csgi_scope *scope, csgi_receive *receive, \
                            csgi_send *send)

static char trace[256];
static csgi_status seen[4];

static void note(const char *text)
{
    size_t len = strlen(trace);

    snprintf(trace + len, sizeof trace - len, "%s ", text);
}

CALL(answer_ok)
{
    (void)self;
    (void)receive;
    note(scope->endpoint.ptr);
    return reply(send, 200, "ok");
}

/* Without create, an instance is its host. */
AROUND(trace_it)
{
    const csgi_host *host = self;
    csgi_status status;

    note(host->app.ptr);
    status = inner->call(inner, scope, receive, send);
    note("/");
    return status;
}

static const csgi_endpoint leaf[] = {
    { CSGI_STR("top"), CSGI_STR("/"), CSGI_STR(""), CSGI_HTTP, 0, answer_ok, NULL },
    { CSGI_STR("api"), CSGI_STR("/api"), CSGI_STR(""), CSGI_HTTP, 0, answer_ok, NULL },
    { CSGI_STR("deep"), CSGI_STR("/api/deep"), CSGI_STR(""), CSGI_HTTP, 0, answer_ok, NULL },
    { CSGI_STR("apix"), CSGI_STR("/apix"), CSGI_STR(""), CSGI_HTTP, 0, answer_ok, NULL },
};

static csgi_endpoint make_around(const char *path,
                                 csgi_status (*around)(void *, csgi_app *, const csgi_scope *,
                                                       csgi_receive *, csgi_send *))
{
    return (csgi_endpoint){
        .name = CSGI_STR("wrap"), .path = str_from(path), .accepts = CSGI_HTTP, .around = around
    };
}

static const char *trace_of(fixture *f, const char *target)
{
    trace[0] = '\0';
    assert_int_equal(get(f, target).status, 200);
    return trace;
}

static void it_wraps_what_is_at_or_below_its_prefix_in_the_order_of_names(void **state)
{
    csgi_endpoint all = make_around("/", trace_it), api = make_around("/api", trace_it),
                  slash = make_around("/api/", trace_it), none = make_around("", trace_it),
                  sockets = make_around("/", trace_it);
    fixture f;

    (void)state;
    sockets.accepts = CSGI_WEBSOCKET;
    fixture_open(&f, NULL);
    fixture_add(&f, fixture_plugin(&f, "leaf", leaf, COUNT_OF(leaf)));
    fixture_add(&f, fixture_plugin(&f, "c", &slash, 1));
    fixture_add(&f, fixture_plugin(&f, "b", &all, 1));
    fixture_add(&f, fixture_plugin(&f, "a", &api, 1));
    fixture_add(&f, fixture_plugin(&f, "aa", &none, 1));
    fixture_add(&f, fixture_plugin(&f, "ab", &sockets, 1));
    fixture_route(&f);
    assert_string_equal(trace_of(&f, "/"), "b top / ");
    assert_string_equal(trace_of(&f, "/api"), "a b c api / / / ");
    assert_string_equal(trace_of(&f, "/api/deep"), "a b c deep / / / ");
    assert_string_equal(trace_of(&f, "/apix"), "b apix / ");
    fixture_close(&f);
}

/* Opens "leaf" with one middleware "wrapper" around it. */
static csgi_endpoint wrap;
static void open_wrapped(fixture *f,
                         csgi_status (*around)(void *, csgi_app *, const csgi_scope *,
                                               csgi_receive *, csgi_send *),
                         csgi_status (*call)(void *, const csgi_scope *, csgi_receive *,
                                             csgi_send *))
{
    static csgi_endpoint it;

    trace[0] = '\0';
    memset(seen, 0x7f, sizeof seen);
    it = (csgi_endpoint){
        .name = CSGI_STR("it"), .path = CSGI_STR("/it"), .accepts = CSGI_HTTP, .call = call
    };
    wrap = make_around("/", around);
    fixture_open(f, NULL);
    fixture_add(f, fixture_plugin(f, "leaf", &it, 1));
    fixture_add(f, fixture_plugin(f, "wrapper", &wrap, 1));
    fixture_route(f);
}

/* ---- send of its own ---- */

typedef struct upper_send {
    csgi_send send;
    csgi_send *outer;
    const csgi_host *host;
    csgi_arena *arena;
} upper_send;

static csgi_status send_upper(csgi_send *self, const csgi_event *event)
{
    upper_send *of = (upper_send *)self;
    csgi_event *copy;
    csgi_http_body *body;
    char *text;

    if (event->type != CSGI_HTTP_RESPONSE_BODY) return of->outer->call(of->outer, event);
    if (of->host->copy_event(of->arena, event, &copy)) return CSGI_ENOMEM;
    body = (csgi_http_body *)copy;
    text = of->host->alloc(of->arena, body->body.len + 1, 1);
    for (size_t i = 0; i < body->body.len; i++)
        text[i] = (char)(body->body.ptr[i] - 'a' + 'A');
    body->body.ptr = text;
    return of->outer->call(of->outer, copy);
}

AROUND(make_upper)
{
    upper_send upper = { { send_upper }, send, self, scope->arena };

    return inner->call(inner, scope, receive, &upper.send);
}

static void it_may_pass_a_send_of_its_own(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, make_upper, answer_ok);
    assert_string_equal(get(&f, "/it").body, "OK");
    fixture_close(&f);
}

/* ---- a scope of its own ---- */

AROUND(derive_scope)
{
    static const csgi_field user = { CSGI_STR("user"), CSGI_STR("ada"), 0, 0 };
    const csgi_host *host = self;
    csgi_scope *derived;

    assert_int_equal(host->derive(scope, &derived), CSGI_OK);
    assert_int_equal(derived->size, sizeof *derived);
    derived->locals = (csgi_fields){ &user, 1 };
    derived->path = STR("/other");
    return inner->call(inner, derived, receive, send);
}

CALL(show_user)
{
    const csgi_host *host = self;
    csgi_scope *again;

    (void)receive;
    assert_int_equal(scope->locals.count, 1);
    assert_string_equal(scope->path.ptr, "/other");
    assert_string_equal(scope->raw_path.ptr, "/it");
    assert_int_equal(host->derive(scope, &again), CSGI_OK); /* of a derived one too */
    assert_int_equal(again->locals.count, 1);
    return reply(send, 200, scope->locals.items[0].value.ptr);
}

static void it_may_derive_a_scope(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, derive_scope, show_user);
    assert_string_equal(get(&f, "/it").body, "ada");
    fixture_close(&f);
}

/* ---- fewer features ---- */

/* A send of its own, which must see the bytes. */
static csgi_status send_seen(csgi_send *self, const csgi_event *event)
{
    upper_send *of = (upper_send *)self;

    note(event->type == CSGI_HTTP_RESPONSE_START  ? "start"
         : event->type == CSGI_HTTP_RESPONSE_BODY ? "body"
                                                  : "file");
    return of->outer->call(of->outer, event);
}

static csgi_status call_with_fewer(const csgi_host *host, csgi_app *inner, const csgi_scope *scope,
                                   csgi_receive *receive, csgi_send *send)
{
    csgi_scope *derived;

    assert_true(scope->features & CSGI_CAN_PATHSEND);
    assert_int_equal(host->derive(scope, &derived), CSGI_OK);
    derived->features &= ~(uint64_t)(CSGI_CAN_PATHSEND | CSGI_CAN_ZEROCOPYSEND);
    return inner->call(inner, derived, receive, send);
}

AROUND(clear_features)
{
    return call_with_fewer(self, inner, scope, receive, send);
}

AROUND(clear_features_and_see)
{
    upper_send seeing = { { send_seen }, send, self, scope->arena };

    return call_with_fewer(self, inner, scope, receive, &seeing.send);
}

CALL(send_file_anyway)
{
    csgi_http_file file = { .event = CSGI_EVENT(csgi_http_file, CSGI_HTTP_RESPONSE_PATHSEND),
                            .path = CSGI_STR("/etc/passwd") };

    (void)self;
    (void)receive;
    seen[2] = scope->features & CSGI_CAN_PATHSEND;
    seen[0] = send_start(send, 200);
    seen[1] = send->call(send, &file.event);
    return send_body(send, "bytes", false);
}

static void what_it_takes_from_the_features_is_refused_further_in(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, clear_features, send_file_anyway);
    assert_string_equal(get(&f, "/it").body, "bytes");
    assert_int_equal(seen[2], 0);
    assert_int_equal(seen[1], CSGI_ENOTSUP);
    assert_logged(&f, "plugin leaf, endpoint it: send of http.response.pathsend was refused with "
                      "CSGI_ENOTSUP: the scope's features do not offer it");
    fixture_close(&f);
}

static void so_it_is_before_a_send_of_its_own(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, clear_features_and_see, send_file_anyway);
    assert_string_equal(get(&f, "/it").body, "bytes");
    assert_int_equal(seen[1], CSGI_ENOTSUP);
    assert_string_equal(trace, "start body ");
    assert_logged(&f, "plugin leaf, endpoint it: send of http.response.pathsend was refused with "
                      "CSGI_ENOTSUP");
    fixture_close(&f);
}

/* ---- inner misused ---- */

AROUND(call_inner_badly)
{
    const csgi_host *host = self;
    csgi_scope stranger = *scope;

    seen[0] = inner->call(inner, NULL, receive, send);
    stranger.server = (void *)(uintptr_t)host;
    seen[1] = inner->call(inner, &stranger, receive, send);
    seen[2] = inner->call(inner, scope, receive, send);
    seen[3] = inner->call(inner, scope, receive, send);
    return CSGI_OK;
}

static void inner_is_called_once_and_with_whole_arguments(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, call_inner_badly, answer_ok);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_int_equal(seen[0], CSGI_EINVAL);
    assert_int_equal(seen[1], CSGI_EINVAL);
    assert_int_equal(seen[2], CSGI_OK);
    assert_int_equal(seen[3], CSGI_ESTATE);
    assert_string_equal(trace, "it ");
    assert_logged(&f, "plugin wrapper, endpoint wrap: its call of inner was refused with "
                      "CSGI_ESTATE: it was called already");
    fixture_close(&f);
}

/* A call of inner by somebody else. */
typedef struct inner_call {
    csgi_app *inner;
    const csgi_scope *scope;
    csgi_receive *receive;
    csgi_send *send;
} inner_call;

static csgi_status call_inner(void *arg)
{
    const inner_call *of = arg;

    return of->inner->call(of->inner, of->scope, of->receive, of->send);
}

static void call_posted(void *arg)
{
    seen[0] = call_inner(arg);
}

AROUND(post_inner)
{
    const csgi_host *host = self;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);
    inner_call of = { inner, scope, receive, send };

    assert_int_equal(host->post(host, call_posted, &of), CSGI_OK);
    tasks->sleep_ms(host, 20);
    return inner->call(inner, scope, receive, send);
}

static void inner_is_called_in_a_task_of_the_call(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, post_inner, answer_ok);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_int_equal(seen[0], CSGI_ESTATE);
    assert_string_equal(trace, "it ");
    assert_logged(&f, "CSGI_ESTATE: it was called from outside of the call's tasks");
    fixture_close(&f);
}

/* ---- who is to blame ---- */

CALL(fail_inside)
{
    (void)scope;
    (void)receive;
    (void)send;
    return (((const csgi_host *)self)->fail)(self, CSGI_EFAIL, STR("inside"));
}

static int lines(const char *text)
{
    int count = 0;

    while ((text = strchr(text, '\n'))) {
        count++;
        text++;
    }
    return count;
}

static void a_failure_passed_on_is_logged_once_of_the_one_who_failed(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, trace_it, fail_inside);
    assert_int_equal(get(&f, "/it").status, 500);
    assert_logged(&f, "plugin leaf, endpoint it failed on GET /it with CSGI_EFAIL: inside");
    assert_int_equal(lines(fixture_log(&f)), 1);
    fixture_close(&f);
}

AROUND(fail_outside)
{
    (void)scope;
    (void)receive;
    (void)send;
    (void)inner;
    return (((const csgi_host *)self)->fail)(self, CSGI_ELIMIT, STR("outside"));
}

static void a_middlewares_failure_is_its_own(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, fail_outside, answer_ok);
    assert_int_equal(get(&f, "/it").status, 500);
    assert_string_equal(trace, "");
    assert_logged(&f, "plugin wrapper, endpoint wrap failed on GET /it with CSGI_ELIMIT: outside");
    fixture_close(&f);
}

static csgi_status run_inside(const csgi_host *host, inner_call *of, uint64_t limit_ms)
{
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);
    csgi_task *child;
    csgi_status status;

    assert_int_equal(tasks->spawn(of->scope, call_inner, of, &child), CSGI_OK);
    if (limit_ms) {
        tasks->sleep_ms(host, limit_ms);
        tasks->cancel(child);
    }
    assert_int_equal(tasks->join(child, &status), CSGI_OK);
    return status;
}

AROUND(call_in_a_task)
{
    inner_call of = { inner, scope, receive, send };

    return run_inside(self, &of, 0);
}

static void a_failure_in_a_further_task_is_logged_with_its_reason(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, call_in_a_task, fail_inside);
    assert_int_equal(get(&f, "/it").status, 500);
    assert_logged(&f, "plugin leaf, endpoint it failed on GET /it with CSGI_EFAIL: inside");
    fixture_close(&f);
}

AROUND(call_for_20_ms)
{
    inner_call of = { inner, scope, receive, send };

    seen[0] = run_inside(self, &of, 20);
    return reply(send, 504, "too slow");
}

CALL(sleep_long)
{
    const csgi_host *host = self;
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

    (void)scope;
    (void)receive;
    (void)send;
    return tasks->sleep_ms(host, 60000);
}

static void who_obeys_a_cancelling_middleware_has_not_failed(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, call_for_20_ms, sleep_long);
    assert_int_equal(get(&f, "/it").status, 504);
    assert_int_equal(seen[0], CSGI_ECANCELED);
    assert_string_equal(fixture_log(&f), "");
    fixture_close(&f);
}

AROUND(answer_itself)
{
    csgi_status status = inner->call(inner, scope, receive, send);

    (void)self;
    return status ? reply(send, 503, "sorry") : CSGI_OK;
}

static void it_may_answer_for_what_failed_further_in(void **state)
{
    fixture f;
    answer got;

    (void)state;
    open_wrapped(&f, answer_itself, fail_inside);
    got = get(&f, "/it");
    assert_int_equal(got.status, 503);
    assert_string_equal(got.body, "sorry");
    assert_logged(&f, "plugin leaf, endpoint it failed");
    fixture_close(&f);
}

AROUND(forget)
{
    (void)self;
    (void)scope;
    (void)receive;
    (void)send;
    (void)inner;
    return CSGI_OK;
}

static void who_forgets_to_answer_is_named(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, forget, answer_ok);
    assert_int_equal(get(&f, "/it").status, 500);
    assert_logged(&f, "plugin wrapper, endpoint wrap returned without answering");
    fixture_close(&f);
}

CALL(send_nonsense)
{
    const csgi_event nonsense = CSGI_EVENT(csgi_event, 0x1ff);

    (void)self;
    (void)scope;
    (void)receive;
    seen[0] = send->call(send, &nonsense);
    return reply(send, 200, "");
}

AROUND(send_nonsense_around)
{
    const csgi_event nonsense = CSGI_EVENT(csgi_event, 0x1fe);
    csgi_status status = inner->call(inner, scope, receive, send);

    (void)self;
    seen[1] = send->call(send, &nonsense);
    return status;
}

static void a_refused_event_names_its_sender(void **state)
{
    fixture f;

    (void)state;
    open_wrapped(&f, send_nonsense_around, send_nonsense);
    assert_int_equal(get(&f, "/it").status, 200);
    assert_int_equal(seen[0], CSGI_ENOTSUP);
    assert_int_equal(seen[1], CSGI_ENOTSUP);
    assert_logged(&f, "plugin leaf, endpoint it: send of event 0x1ff");
    assert_logged(&f, "plugin wrapper, endpoint wrap: send of event 0x1fe");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_wraps_what_is_at_or_below_its_prefix_in_the_order_of_names),
        cmocka_unit_test(it_may_pass_a_send_of_its_own),
        cmocka_unit_test(it_may_derive_a_scope),
        cmocka_unit_test(what_it_takes_from_the_features_is_refused_further_in),
        cmocka_unit_test(so_it_is_before_a_send_of_its_own),
        cmocka_unit_test(inner_is_called_once_and_with_whole_arguments),
        cmocka_unit_test(inner_is_called_in_a_task_of_the_call),
        cmocka_unit_test(a_failure_passed_on_is_logged_once_of_the_one_who_failed),
        cmocka_unit_test(a_failure_in_a_further_task_is_logged_with_its_reason),
        cmocka_unit_test(who_obeys_a_cancelling_middleware_has_not_failed),
        cmocka_unit_test(a_middlewares_failure_is_its_own),
        cmocka_unit_test(it_may_answer_for_what_failed_further_in),
        cmocka_unit_test(who_forgets_to_answer_is_named),
        cmocka_unit_test(a_refused_event_names_its_sender),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
