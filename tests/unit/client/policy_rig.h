/* SPDX-License-Identifier: MIT
 * For the tests of what is done above single requests: fetching under a policy, from a scripted
 * server. */
#ifndef CAPRICORN_TEST_POLICY_RIG_H
#define CAPRICORN_TEST_POLICY_RIG_H

#include "client/mock.h"
#include "client/policy.h"
#include "rig.h"

/* One fetch under a policy; the plain one is in it. */
typedef struct governed {
    asked plain;
    carrier by;
    settings *with;
    csgi_fields inbound;
    size_t carried, dropped;
} governed;

static inline csgi_status carry_on(carrier *by, arena *into, const csgi_client_request *request,
                                   uint64_t deadline_ms, bool *may_repeat,
                                   const csgi_client_response **response, buffer *why)
{
    governed *self = CONTAINER_OF(by, governed, by);
    rig *bench = self->plain.bench;

    self->carried++;
    if (self->with && self->with->options.transport)
        return mock_fetch(self->with, bench->loop, into, request, may_repeat, response, why);
    return client_fetch(bench->client, into, request, deadline_ms, may_repeat, response, why);
}

static inline void drop_one(carrier *by)
{
    CONTAINER_OF(by, governed, by)->dropped++;
}

static inline csgi_status govern_in_task(void *arg)
{
    governed *self = arg;
    const policy_request wanted = { .loop = self->plain.bench->loop,
                                    .request = &self->plain.request,
                                    .with = self->with,
                                    .inbound = self->inbound,
                                    .deadline_ms = self->plain.deadline_ms };

    self->plain.status = policy_fetch(&wanted, &self->by, &self->plain.arena, &self->plain.response,
                                      &self->plain.why);
    return CSGI_OK;
}

static inline void govern(rig *bench, governed *out, const char *path)
{
    memset(out, 0, sizeof *out);
    prepare(bench, &out->plain, path);
    out->by = (carrier){ .carry = carry_on, .drop = drop_one };
}

/* A client with those options. */
static inline settings *settle(csgi_client_options options)
{
    buffer why = { 0 };
    settings *made = NULL;
    csgi_status status;

    options.size = sizeof options;
    status = settings_new(&options, NULL, &made, &why);
    if (status) fail_msg("%d: %.*s", status, (int)why.len, why.bytes);
    buffer_fini(&why);
    return made;
}

static inline void run_governed(governed *self)
{
    size_t running = 1;
    rig *bench = self->plain.bench;

    self->plain.running = &running;
    assert_int_equal(task_spawn(bench->loop, &label, 0, govern_in_task, on_asked, self,
                                &bench->victim),
                     CSGI_OK);
    loop_run(bench->loop);
    assert_int_equal(running, 0);
}

/* Of a request that has succeeded, whose response is the request that was seen. */
static inline void assert_seen(const governed *self, const char *part)
{
    if (self->plain.status)
        fail_msg("%d: %.*s", self->plain.status, (int)self->plain.why.len, self->plain.why.bytes);
    if (!strstr(self->plain.response->body.ptr, part))
        fail_msg("'%s' lacks '%s'", self->plain.response->body.ptr, part);
}

static inline void assert_not_seen(const governed *self, const char *part)
{
    assert_int_equal(self->plain.status, CSGI_OK);
    if (strstr(self->plain.response->body.ptr, part))
        fail_msg("'%s' has '%s'", self->plain.response->body.ptr, part);
}

static inline void end_governed(governed *self)
{
    done(&self->plain);
    if (self->with) settings_release(self->with);
}

#endif
