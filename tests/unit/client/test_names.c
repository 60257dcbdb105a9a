/* SPDX-License-Identifier: MIT
 * Names and their addresses: what is remembered, for how long, and who waits with whom. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/names.h"
#include "failing_malloc.h"
#include "loop/timer.h"

/* ---- a name server of our own: libuv calls these instead of the C library's ---- */

static atomic_int asked;  /* how often */
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
    asked++;
    while (closed)
        usleep(500);
    if (strncmp(host, "bad", 3) == 0) return EAI_NONAME;
    made = calloc(1, sizeof *made);
    if (!made) return EAI_MEMORY;
    made->at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(0x7f000007) } };
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

/* ---- asking ---- */

typedef struct asker {
    name_wait wait;
    int calls;
    size_t count;
    address first;
    char reason[100];
} asker;

typedef struct rig {
    loop *loop;
    names names;
    timer timer;
} rig;

static void begin(rig *self, uint64_t ttl_ms, uint64_t failed_ttl_ms)
{
    static const loop_options usual;

    asked = closed = 0;
    assert_int_equal(loop_new(&usual, &self->loop), CSGI_OK);
    names_init(&self->names, self->loop, ttl_ms, failed_ttl_ms);
}

static void finish(rig *self)
{
    closed = 0;
    names_fini(&self->names);
    loop_run(self->loop);
    loop_free(self->loop);
}

static void on_found(name_wait *wait, const address *found, size_t count, const char *reason)
{
    asker *self = CONTAINER_OF(wait, asker, wait);

    self->calls++;
    self->count = count;
    if (count) self->first = found[0];
    if (reason) snprintf(self->reason, sizeof self->reason, "%s", reason);
}

static csgi_status ask(rig *self, asker *who, const char *host)
{
    memset(who, 0, sizeof *who);
    who->wait.on_found = on_found;
    return names_ask(&self->names, host, &who->wait);
}

static void look_up(rig *self, const char *host)
{
    asker who;

    assert_int_equal(ask(self, &who, host), CSGI_OK);
    loop_run(self->loop);
    assert_int_equal(who.calls, 1);
}

static void on_due(timer *due)
{
    loop_stop(CONTAINER_OF(due, rig, timer)->loop);
}

static void pass(rig *self, uint64_t ms)
{
    timer_init(&self->timer, on_due);
    timer_start(self->loop, &self->timer, ms);
    loop_run(self->loop);
}

static void an_answer_is_remembered_for_its_time(void **state)
{
    rig bench;
    asker who;
    const name_entry *known;

    (void)state;
    begin(&bench, 40, 0);
    assert_null(names_find(&bench.names, "a.test"));
    assert_int_equal(ask(&bench, &who, "a.test"), CSGI_OK);
    assert_int_equal(who.calls, 0);
    assert_null(names_find(&bench.names, "a.test")); /* not yet */
    loop_run(bench.loop);
    assert_int_equal(who.calls, 1);
    assert_int_equal(who.count, 1);
    assert_string_equal(address_host(&who.first).bytes, "127.0.0.7");
    known = names_find(&bench.names, "A.Test");
    assert_non_null(known);
    assert_int_equal(known->count, 1);
    assert_string_equal(address_host(known->found).bytes, "127.0.0.7");
    pass(&bench, 45);
    assert_null(names_find(&bench.names, "a.test"));
    look_up(&bench, "a.test");
    assert_int_equal(asked, 2);
    assert_int_equal(bench.names.count, 1);
    finish(&bench);
}

static void a_name_that_does_not_resolve_is_remembered_for_less(void **state)
{
    rig bench;
    asker who;

    (void)state;
    begin(&bench, 100000, 30);
    assert_int_equal(ask(&bench, &who, "bad.test"), CSGI_OK);
    loop_run(bench.loop);
    assert_int_equal(who.count, 0);
    assert_string_equal(who.reason, "unknown node or service");
    assert_non_null(names_find(&bench.names, "bad.test"));
    assert_int_equal(names_find(&bench.names, "bad.test")->count, 0);
    assert_string_equal(names_find(&bench.names, "bad.test")->reason, "unknown node or service");
    pass(&bench, 35);
    assert_null(names_find(&bench.names, "bad.test"));
    finish(&bench);
}

static void who_asks_meanwhile_waits_for_the_same_answer(void **state)
{
    rig bench;
    asker who[5];

    (void)state;
    begin(&bench, 1000, 1000);
    closed = 1;
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&bench, &who[i], i % 2 ? "a.test" : "A.TEST"), CSGI_OK);
    names_give_up(&who[0].wait);
    names_give_up(&who[3].wait);
    closed = 0;
    loop_run(bench.loop);
    assert_int_equal(asked, 1);
    assert_int_equal(bench.names.lookups, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(who[i].calls, i != 0 && i != 3);
    finish(&bench);
}

static void the_last_to_give_up_ends_the_lookup(void **state)
{
    rig bench;
    asker who[2];

    (void)state;
    begin(&bench, 1000, 1000);
    closed = 1;
    for (int i = 0; i < 2; i++)
        assert_int_equal(ask(&bench, &who[i], "a.test"), CSGI_OK);
    for (int i = 0; i < 2; i++)
        names_give_up(&who[i].wait);
    closed = 0;
    loop_run(bench.loop);
    assert_int_equal(who[0].calls + who[1].calls, 0);
    assert_null(names_find(&bench.names, "a.test"));
    look_up(&bench, "a.test");
    finish(&bench);
}

static void useless_addresses_are_forgotten(void **state)
{
    rig bench;
    asker who;

    (void)state;
    begin(&bench, 1000, 1000);
    look_up(&bench, "a.test");
    names_forget(&bench.names, "A.test");
    names_forget(&bench.names, "b.test");
    assert_null(names_find(&bench.names, "a.test"));
    assert_int_equal(bench.names.count, 0);
    closed = 1;
    assert_int_equal(ask(&bench, &who, "a.test"), CSGI_OK);
    names_forget(&bench.names, "a.test"); /* who waits, waits */
    closed = 0;
    loop_run(bench.loop);
    assert_int_equal(who.calls, 1);
    finish(&bench);
}

static void when_it_is_full_the_oldest_is_forgotten(void **state)
{
    rig bench;
    char host[32];

    (void)state;
    begin(&bench, 100000, 0);
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        snprintf(host, sizeof host, "n%u.test", i);
        look_up(&bench, host);
    }
    assert_int_equal(bench.names.count, NAMES_MAX);
    assert_non_null(names_find(&bench.names, "n0.test"));
    look_up(&bench, "one-more.test");
    assert_int_equal(bench.names.count, NAMES_MAX);
    assert_null(names_find(&bench.names, "n0.test"));
    assert_non_null(names_find(&bench.names, "n1.test"));
    assert_non_null(names_find(&bench.names, "one-more.test"));
    finish(&bench);
}

static void with_no_time_nothing_is_remembered(void **state)
{
    rig bench;

    (void)state;
    begin(&bench, 0, 0);
    look_up(&bench, "a.test");
    look_up(&bench, "bad.test");
    assert_null(names_find(&bench.names, "a.test"));
    assert_null(names_find(&bench.names, "bad.test"));
    assert_int_equal(bench.names.count, 0);
    finish(&bench);
}

static void what_can_be_no_name_is_refused(void **state)
{
    rig bench;
    asker who;
    char host[300];

    (void)state;
    memset(host, 'a', sizeof host);
    host[sizeof host - 1] = '\0';
    begin(&bench, 1000, 1000);
    assert_int_equal(ask(&bench, &who, host), CSGI_EINVAL);
    finish(&bench);
}

static void want_of_memory_is_told(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        rig bench;
        asker who;
        bool failed;
        csgi_status status;

        begin(&bench, 1000, 1000);
        failing_malloc_after(n);
        status = ask(&bench, &who, "a.test");
        loop_run(bench.loop);
        failed = failing_malloc_off();
        if (status)
            assert_int_equal(status, CSGI_ENOMEM);
        else
            assert_int_equal(who.calls, 1);
        finish(&bench);
        if (!failed) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_remembered_for_its_time),
        cmocka_unit_test(a_name_that_does_not_resolve_is_remembered_for_less),
        cmocka_unit_test(who_asks_meanwhile_waits_for_the_same_answer),
        cmocka_unit_test(the_last_to_give_up_ends_the_lookup),
        cmocka_unit_test(useless_addresses_are_forgotten),
        cmocka_unit_test(when_it_is_full_the_oldest_is_forgotten),
        cmocka_unit_test(with_no_time_nothing_is_remembered),
        cmocka_unit_test(what_can_be_no_name_is_refused),
        cmocka_unit_test(want_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
