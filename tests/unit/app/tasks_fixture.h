/* SPDX-License-Identifier: MIT
 * What the tests of csgi.draft.task/1 share: one endpoint, called once, that says "ok". */
#ifndef CAPRICORN_TESTS_UNIT_APP_TASKS_FIXTURE_H
#define CAPRICORN_TESTS_UNIT_APP_TASKS_FIXTURE_H

#include "fixture.h"

#include "failing_malloc.h"

/* What the endpoint and its tasks call, and what they were answered. */
static const csgi_host *host;
static const csgi_task_extension *tasks;
static csgi_status seen[8];

/* First in each endpoint, whose self is the host. */
static inline void learn(void *self)
{
    host = self;
    tasks = host->extension(host, CSGI_TASK_EXTENSION);
}

/* The endpoint does all of its asserting itself; no task is left behind. */
static inline void run(csgi_status (*call)(void *, const csgi_scope *, csgi_receive *, csgi_send *))
{
    fixture f;

    memset(seen, 0x7f, sizeof seen);
    fixture_open(&f, NULL);
    fixture_serve(&f, call);
    assert_string_equal(get(&f, "/it").body, "ok");
    assert_int_equal(task_count(f.loop), 0);
    fixture_close(&f);
}

#endif
