/* SPDX-License-Identifier: MIT
 * The framework's CSGI_STATE: what save writes, restore reads; what fails says why. */
#include <csgi/web.h>

#include "fake_host.h"

#include "failing_malloc.h"

static const char *how; /* what save and restore do */
static char restored[256];

static csgi_status save(csgi_call *call)
{
    if (!strcmp(how, "bytes") || !strcmp(how, "both")) {
        csgi_save_bytes(call, "a\0b", 3);
        csgi_save_bytes(call, "c", 1);
    }
    if (!strcmp(how, "json") || !strcmp(how, "both")) {
        csgi_json_write(call, "{'a': %d", csgi_alloc(call, 100) ? 1 : 0);
        csgi_json_write(call, "'b': %s}", csgi_format(call, "x%d", 2));
    }
    if (!strcmp(how, "half")) csgi_json_write(call, "{'a': ");
    if (!strcmp(how, "fail")) return csgi_fail(call, 500, "no more ink");
    if (!strcmp(how, "code")) return CSGI_ELIMIT;
    if (!strcmp(how, "reply")) return csgi_reply_text(call, 200, "to whom?");
    if (!strcmp(how, "wrong")) csgi_saved_version(call);
    return CSGI_OK;
}

static csgi_status restore(csgi_call *call)
{
    const char *bytes;
    csgi_json saved;
    size_t size;

    if (!strcmp(how, "bytes")) {
        bytes = csgi_saved_bytes(call, &size);
        snprintf(restored, sizeof(restored), "%zu %c%c", size, bytes[0], bytes[3]);
        return CSGI_OK;
    }
    if (!strcmp(how, "wrong")) csgi_save_bytes(call, "", 0);
    if (!strcmp(how, "fail")) return csgi_fail(call, 500, "no room");
    if (!strcmp(how, "unknown")) return CSGI_ENOTSUP;
    saved = csgi_saved_json(call);
    snprintf(restored, sizeof(restored), "v%u a=%d b=%s", csgi_saved_version(call),
             (int)csgi_json_int(saved, "a"), csgi_json_str(saved, "b"));
    return CSGI_OK;
}

CSGI_GET(show, "/show");

static csgi_status show(csgi_call *call)
{
    size_t size;

    csgi_saved_bytes(call, &size);
    assert_int_equal(size, 0);
    return CSGI_OK;
}

CSGI_WEB_PLUGIN("test_state", "1.0.0", "", CSGI_ROUTES(show),
                CSGI_STATE(3, save, restore, .oldest = 2));

/* ---- a sink, and an instance whose lifespan runs ---- */

typedef struct memory_sink {
    csgi_sink sink;
    char bytes[256];
    size_t length;
    csgi_status fails_with;
} memory_sink;

static csgi_status on_write(csgi_sink *sink, csgi_str bytes)
{
    memory_sink *self = (memory_sink *)(void *)sink;

    if (self->fails_with != CSGI_OK) return self->fails_with;
    assert_true(self->length + bytes.len <= sizeof(self->bytes));
    if (bytes.len) memcpy(self->bytes + self->length, bytes.ptr, bytes.len);
    self->length += bytes.len;
    return CSGI_OK;
}

/* What is done while the lifespan function waits for shutdown, as a swap is. */
static void (*at_swap)(void *instance);
static void *swapped;

static csgi_status on_receive(csgi_receive *closure, const csgi_event **event)
{
    static csgi_lifespan given;
    fake_call *self = (fake_call *)(void *)((char *)closure - offsetof(fake_call, receive));

    if (*self->events == CSGI_LIFESPAN_SHUTDOWN) at_swap(swapped);
    given = (csgi_lifespan){ .event = { sizeof(given), *self->events++ } };
    *event = &given.event;
    return CSGI_OK;
}

static void at_the_swap(const char *doing, void (*fn)(void *instance))
{
    static const uint32_t events[] = { CSGI_LIFESPAN_STARTUP, CSGI_LIFESPAN_SHUTDOWN, 0 };
    const csgi_plugin *plugin = csgi_plugin_query(CSGI_ABI_MAJOR);
    fake_call call;

    how = doing;
    at_swap = fn;
    restored[0] = '\0';
    assert_int_equal(fake_create("{}", &swapped), CSGI_OK);
    fake_call_init(&call, CSGI_LIFESPAN);
    call.receive.call = on_receive;
    call.events = events;
    assert_int_equal(plugin->lifespan(swapped, &call.scope, &call.receive, &call.send), CSGI_OK);
    assert_int_equal(call.lifespan_answer, CSGI_LIFESPAN_COMPLETE);
    fake_call_fini(&call);
    fake_destroy(swapped);
}

static csgi_status save_to(void *instance, memory_sink *to)
{
    uint32_t version = 0;
    csgi_status status;

    *to = (memory_sink){ .sink = { on_write }, .fails_with = to->fails_with };
    fake_error[0] = '\0';
    status = csgi_plugin_query(CSGI_ABI_MAJOR)->save(instance, &to->sink, &version);
    assert_int_equal(version, 3);
    return status;
}

static csgi_status restore_from(void *instance, uint32_t version, const char *text)
{
    fake_error[0] = '\0';
    return csgi_plugin_query(CSGI_ABI_MAJOR)
        ->restore(instance, version, (csgi_str){ text, strlen(text) });
}

/* ---- tests ---- */

static void hand_over_json(void *instance)
{
    memory_sink kept = { .fails_with = CSGI_OK };

    assert_int_equal(save_to(instance, &kept), CSGI_OK);
    assert_string_equal(kept.bytes, "{\"a\":1,\"b\":\"x2\"}");
    assert_int_equal(restore_from(instance, 3, kept.bytes), CSGI_OK);
    assert_string_equal(restored, "v3 a=1 b=x2");
}

static void json_that_save_writes_is_read_by_restore(void **state)
{
    (void)state;
    at_the_swap("json", hand_over_json);
}

static void hand_over_bytes(void *instance)
{
    memory_sink kept = { .fails_with = CSGI_OK };

    assert_int_equal(save_to(instance, &kept), CSGI_OK);
    assert_int_equal(kept.length, 4);
    assert_memory_equal(kept.bytes, "a\0bc", 4);
    assert_int_equal(csgi_plugin_query(CSGI_ABI_MAJOR)
                         ->restore(instance, 3, (csgi_str){ kept.bytes, kept.length }),
                     CSGI_OK);
    assert_string_equal(restored, "4 ac");
}

static void bytes_that_save_writes_are_what_restore_gets(void **state)
{
    (void)state;
    at_the_swap("bytes", hand_over_bytes);
}

static void hand_over_nothing(void *instance)
{
    memory_sink kept = { .fails_with = CSGI_OK };

    assert_int_equal(save_to(instance, &kept), CSGI_OK);
    assert_int_equal(kept.length, 0);
    assert_int_equal(restore_from(instance, 3, ""), CSGI_EFAIL);
    assert_non_null(strstr(fake_error, "the saved state is not JSON"));
}

static void a_save_that_writes_nothing_saves_no_bytes(void **state)
{
    (void)state;
    at_the_swap("", hand_over_nothing);
}

static void restore_versions(void *instance)
{
    static const char text[] = "{\"a\":1,\"b\":\"\"}";

    assert_int_equal(restore_from(instance, 4, text), CSGI_ENOTSUP);
    assert_int_equal(restore_from(instance, 1, text), CSGI_ENOTSUP);
    assert_int_equal(restore_from(instance, 0, text), CSGI_ENOTSUP);
    assert_string_equal(restored, "");
    assert_int_equal(restore_from(instance, 2, text), CSGI_OK);
    assert_string_equal(restored, "v2 a=1 b=");
    how = "unknown";
    assert_int_equal(restore_from(instance, 3, text), CSGI_ENOTSUP);
}

static void versions_from_the_oldest_to_its_own_are_restored(void **state)
{
    (void)state;
    at_the_swap("json", restore_versions);
}

static void fail_restores(void *instance)
{
    assert_int_equal(restore_from(instance, 3, "{\"a\":1}"), CSGI_EFAIL);
    assert_string_equal(fake_error, "the saved state has no string \"b\"");
    assert_int_equal(restore_from(instance, 3, "{\"a\":1"), CSGI_EFAIL);
    assert_non_null(strstr(fake_error, "the saved state is not JSON"));
    how = "fail";
    assert_int_equal(restore_from(instance, 3, "{}"), CSGI_EFAIL);
    assert_string_equal(fake_error, "no room");
    how = "wrong";
    assert_int_equal(restore_from(instance, 3, "{}"), CSGI_EFAIL);
    assert_non_null(strstr(fake_log_text, "csgi_save_bytes is for the save function"));
}

static void a_restore_that_fails_says_why(void **state)
{
    (void)state;
    at_the_swap("json", fail_restores);
}

static void fail_saves(void *instance)
{
    static const struct {
        const char *how;
        csgi_status status;
        const char *error, *log;
    } faults[] = {
        { "fail", CSGI_EFAIL, "no more ink", "" },
        { "code", CSGI_ELIMIT, "", "" },
        { "half", CSGI_EFAIL, "", "the state of save is not JSON" },
        { "both", CSGI_EFAIL, "", "save has written both JSON and bytes" },
        { "reply", CSGI_EFAIL, "", "save: there is nobody to reply to" },
        { "wrong", CSGI_EFAIL, "", "csgi_saved_version is for the restore function" },
    };
    memory_sink kept = { .fails_with = CSGI_OK };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        how = faults[i].how;
        fake_log_text[0] = '\0';
        assert_int_equal(save_to(instance, &kept), faults[i].status);
        assert_non_null(strstr(fake_error, faults[i].error));
        assert_non_null(strstr(fake_log_text, faults[i].log));
    }
    kept.fails_with = CSGI_ENOMEM;
    how = "json";
    assert_int_equal(save_to(instance, &kept), CSGI_ENOMEM);
    how = "bytes";
    assert_int_equal(save_to(instance, &kept), CSGI_ENOMEM);
}

static void a_save_that_fails_says_why(void **state)
{
    (void)state;
    at_the_swap("", fail_saves);
}

static void save_without_memory(void *instance)
{
    memory_sink kept = { .fails_with = CSGI_OK };
    csgi_status status;
    uint32_t version;
    size_t n;

    for (n = 0;; n++) {
        kept.length = 0;
        kept.sink.write = on_write;
        failing_malloc_after(n);
        status = csgi_plugin_query(CSGI_ABI_MAJOR)->save(instance, &kept.sink, &version);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
        assert_int_equal(kept.length, 0);
    }
    assert_int_equal(status, CSGI_OK);
    assert_true(n > 2);
    for (n = 0;; n++) {
        restored[0] = '\0';
        failing_malloc_after(n);
        status = restore_from(instance, 3, "{\"a\":1,\"b\":\"x\"}");
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
    }
    assert_int_equal(status, CSGI_OK);
    assert_true(n > 0);
}

static void every_allocation_that_fails_is_an_error_and_no_crash(void **state)
{
    (void)state;
    at_the_swap("json", save_without_memory);
}

static void an_app_that_has_not_started_hands_nothing_over(void **state)
{
    memory_sink kept = { .sink = { on_write } };
    uint32_t version;
    void *instance;

    (void)state;
    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    assert_int_equal(csgi_plugin_query(CSGI_ABI_MAJOR)->save(instance, &kept.sink, &version),
                     CSGI_ESTATE);
    assert_int_equal(restore_from(instance, 3, "{}"), CSGI_ESTATE);
    assert_string_equal(fake_error, "its lifespan function is not running");
    fake_destroy(instance);
}

static void a_handler_has_no_saved_state(void **state)
{
    fake_call call;

    (void)state;
    assert_int_equal(fake_get_once(&call, "show", "", NULL), CSGI_OK);
    assert_int_equal(call.status, 500);
    assert_non_null(strstr(fake_log_text, "show: csgi_saved_bytes is for the restore function"));
    fake_call_fini(&call);
}

static const csgi_route *const no_routes[] = { NULL };

static void assert_refused(const csgi_declaration *declared, const char *why)
{
    const csgi_web_plugin plugin = { no_routes, declared };
    void *instance;

    fake_error[0] = '\0';
    assert_int_equal(csgi_web_create(&plugin, &fake_host, (csgi_str)CSGI_STR("{}"), &instance),
                     CSGI_EFAIL);
    assert_non_null(strstr(fake_error, why));
}

static void a_declaration_that_is_wrong_is_refused(void **state)
{
    static const csgi_declaration twice[] = { CSGI_STATE(1, save, restore),
                                              CSGI_STATE(1, save, restore),
                                              { .in = CSGI_IN_END } };
    static const csgi_declaration zero[] = { CSGI_STATE(0, save, restore), { .in = CSGI_IN_END } };
    static const csgi_declaration oldest[] = { CSGI_STATE(2, save, restore, .oldest = 3),
                                               { .in = CSGI_IN_END } };
    static const csgi_declaration half[] = { CSGI_STATE(1, save, NULL), { .in = CSGI_IN_END } };

    (void)state;
    assert_refused(twice, "CSGI_STATE twice");
    assert_refused(zero, "versions are 1 or more");
    assert_refused(oldest, ".oldest = 3");
    assert_refused(half, "one of them is NULL");
}

static void a_plugin_without_state_has_neither_function(void **state)
{
    static const csgi_declaration none[] = { { .in = CSGI_IN_END } };
    const csgi_web_plugin plugin = { no_routes, none };

    (void)state;
    assert_false(csgi_web_has_state(&plugin));
    assert_null(csgi_web_stateless.save);
    assert_null(csgi_web_stateless.restore);
    assert_ptr_equal(csgi_plugin_query(CSGI_ABI_MAJOR)->save, csgi_web_save);
    assert_ptr_equal(csgi_plugin_query(CSGI_ABI_MAJOR)->restore, csgi_web_restore);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_that_save_writes_is_read_by_restore),
        cmocka_unit_test(bytes_that_save_writes_are_what_restore_gets),
        cmocka_unit_test(a_save_that_writes_nothing_saves_no_bytes),
        cmocka_unit_test(versions_from_the_oldest_to_its_own_are_restored),
        cmocka_unit_test(a_restore_that_fails_says_why),
        cmocka_unit_test(a_save_that_fails_says_why),
        cmocka_unit_test(every_allocation_that_fails_is_an_error_and_no_crash),
        cmocka_unit_test(an_app_that_has_not_started_hands_nothing_over),
        cmocka_unit_test(a_handler_has_no_saved_state),
        cmocka_unit_test(a_declaration_that_is_wrong_is_refused),
        cmocka_unit_test(a_plugin_without_state_has_neither_function),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
