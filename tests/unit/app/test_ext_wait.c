/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.wait/1: bad arguments, being outside of a task, and names.
 */
#include "fixture.h"

#include <csgi/ext/draft/wait.h>

#include "failing_malloc.h"

static const csgi_host *host;
static const csgi_wait_extension *waiting;
static csgi_str name;
static csgi_status status;
static csgi_addresses found;
static char said[256];
static size_t allocations = SIZE_MAX;

static csgi_status resolve_it(void *self, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    csgi_str detail;

    (void)receive;
    host = self;
    waiting = host->extension(host, CSGI_WAIT_EXTENSION);
    found = (csgi_addresses){ NULL, 0 };
    if (allocations < SIZE_MAX) failing_malloc_after(allocations);
    status = waiting->resolve(host, scope->arena, name, &found);
    if (failing_malloc_off()) return reply(send, 200, "");
    host->last_error(host, &detail);
    snprintf(said, sizeof said, "%.*s", STR_ARG(detail));
    return reply(send, 200, found.count ? found.items[0].ptr : "");
}

static answer resolve(fixture *f, csgi_str of)
{
    name = of;
    return get(f, "/it");
}

static void names_are_looked_up(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, NULL);
    fixture_serve(&f, resolve_it);
    assert_string_equal(resolve(&f, STR("localhost")).body, "127.0.0.1");
    assert_int_equal(found.count, 2);
    assert_string_equal(resolve(&f, STR("::1")).body, "::1");
    assert_string_equal(resolve(&f, STR("10.1.2.3")).body, "10.1.2.3");
    /* Not an address as inet_pton reads it, so the system is asked, which needs no name server. */
    assert_string_equal(resolve(&f, STR("127.1")).body, "127.0.0.1");
    assert_int_equal(status, CSGI_OK);
    resolve(&f, STR("no such name"));
    assert_int_equal(status, CSGI_EUNREACH);
    assert_true(said[0]);
    fixture_close(&f);
}

static void what_is_no_name_is_refused(void **state)
{
    static char letters[254];
    fixture f;

    (void)state;
    memset(letters, 'a', sizeof letters);
    fixture_open(&f, NULL);
    fixture_serve(&f, resolve_it);
    resolve(&f, (csgi_str){ letters, sizeof letters });
    assert_int_equal(status, CSGI_EINVAL);
    resolve(&f, STR(""));
    assert_int_equal(status, CSGI_EINVAL);
    resolve(&f, (csgi_str){ "local\0host", 10 });
    assert_int_equal(status, CSGI_EINVAL);
    fixture_close(&f);
}

static void without_memory_there_are_no_addresses(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, NULL);
    fixture_serve(&f, resolve_it);
    resolve(&f, STR("127.1"));
    for (allocations = 0; allocations < 20; allocations++) {
        resolve(&f, STR("127.1"));
        if (status == CSGI_OK) break;
        assert_true(status == CSGI_ENOMEM || status == CSGI_EUNREACH);
        assert_int_equal(found.count, 0);
    }
    assert_true(allocations > 0 && allocations < 20);
    allocations = SIZE_MAX;
    fixture_close(&f);
}

static csgi_status return_ok(void *arg)
{
    (void)arg;
    return CSGI_OK;
}

static void outside_of_a_task_nothing_waits(void **state)
{
    csgi_status result;
    csgi_str content;
    arena memory;
    fixture f;

    (void)state;
    fixture_open(&f, NULL);
    fixture_serve(&f, resolve_it);
    resolve(&f, STR("::1"));
    arena_init(&memory, NULL, 0);
    assert_int_equal(waiting->fd(host, 0, CSGI_READABLE, 0, NULL), CSGI_ESTATE);
    assert_int_equal(waiting->offload(host, return_ok, NULL, &result), CSGI_ESTATE);
    assert_int_equal(waiting->offload(host, NULL, NULL, &result), CSGI_EINVAL);
    assert_int_equal(waiting->offload(host, return_ok, NULL, NULL), CSGI_EINVAL);
    assert_int_equal(waiting->read_file(host, &memory, STR("/"), 1, &content), CSGI_ESTATE);
    assert_int_equal(waiting->read_file(host, NULL, STR("/"), 1, &content), CSGI_EINVAL);
    assert_int_equal(waiting->resolve(host, &memory, STR("::1"), &found), CSGI_ESTATE);
    assert_int_equal(waiting->resolve(host, NULL, STR("::1"), &found), CSGI_EINVAL);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_looked_up),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(without_memory_there_are_no_addresses),
        cmocka_unit_test(outside_of_a_task_nothing_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
