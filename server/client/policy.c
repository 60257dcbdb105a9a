/* SPDX-License-Identifier: MIT
 * A request from its settings to the response that is shown, however often it has to be asked. */
#include "client/policy.h"

#include <inttypes.h>

#include "base/str.h"
#include "client/chance.h"
#include "client/outgoing.h"
#include "client/pending.h"
#include "client/request.h"
#include "client/retry.h"

/* One fetch, on its task's stack. */
typedef struct policy {
    const policy_request *asked;
    carrier *by;
    outgoing out;
    arena *into;
    arena *hop; /* of the last response: into, or a child of it */
    buffer *why;
    uint64_t total_ms, due_ms; /* of the request; when all must be over, on loop_now_ms */
    uint32_t redirects, retries;
    bool may_repeat; /* the last try */
    const csgi_client_response *response;
} policy;

bool policy_is_needed(const policy_request *asked)
{
    const csgi_client_request *request = asked->request;

    return asked->with || request->flags || request->user.len || request->password.len ||
           request->bearer.len || outgoing_has_trace(asked->inbound);
}

static csgi_status explain_late(policy *self)
{
    self->why->len = 0;
    buffer_printf(self->why, "%.*s: ", STR_ARG(outgoing_origin(&self->out)));
    if (self->asked->deadline_ms <= self->due_ms)
        buffer_printf(self->why, "not done before the call's deadline");
    else
        buffer_printf(self->why, "not done within %" PRIu64 " ms (total timeout)", self->total_ms);
    if (self->retries) buffer_printf(self->why, ", tried %u times", self->retries + 1);
    if (self->redirects) buffer_printf(self->why, ", redirected %u times", self->redirects);
    return CSGI_ETIMEDOUT;
}

static csgi_status fail_without_memory(policy *self)
{
    self->why->len = 0;
    buffer_printf(self->why, "no memory");
    return CSGI_ENOMEM;
}

/* Asks once, within what is left of the time. [suspends] */
static csgi_status carry(policy *self)
{
    uint64_t now_ms = loop_now_ms(self->asked->loop);
    csgi_status status;

    if (now_ms >= self->due_ms) return explain_late(self);
    self->hop = self->hop ? arena_open(self->into) : self->into;
    if (!self->hop || outgoing_prepare(&self->out)) return fail_without_memory(self);
    if (self->due_ms < UINT64_MAX) self->out.request.total_timeout_ms = self->due_ms - now_ms;
    self->may_repeat = false;
    self->why->len = 0;
    status = self->by->carry(self->by, self->hop, &self->out.request, self->asked->deadline_ms,
                             &self->may_repeat, &self->response, self->why);
    if (status == CSGI_OK) outgoing_keep_cookies(&self->out, self->response);
    if (status == CSGI_ETIMEDOUT && loop_now_ms(self->asked->loop) >= self->due_ms)
        return explain_late(self);
    return status;
}

/* ---- once more ---- */

/* May it be tried again, and after what pause? */
static bool may_retry(const policy *self, csgi_status status, uint64_t *pause_ms)
{
    const csgi_client_request *request = &self->out.request;
    uint64_t now_ms = loop_now_ms(self->asked->loop);
    uint32_t most = request->max_retries ? request->max_retries : RETRY_MAX;

    if (!(request->flags & CSGI_CLIENT_RETRY) || self->retries >= most) return false;
    if (status == CSGI_ECANCELED) return false;
    if (status ? !self->may_repeat : !retry_is_worth(request, self->response)) return false;
    *pause_ms = retry_pause_ms(self->retries, status ? NULL : self->response, chance());
    return now_ms < self->due_ms && *pause_ms < self->due_ms - now_ms;
}

static void drop(policy *self)
{
    if (self->response && self->by->drop) self->by->drop(self->by);
    self->response = NULL;
    if (self->hop && self->hop != self->into) arena_close(self->hop);
    self->hop = self->into;
}

/* [suspends] */
static csgi_status wait_to_retry(policy *self, uint64_t pause_ms)
{
    csgi_status status = task_sleep(self->asked->loop, pause_ms);

    self->retries++;
    if (status == CSGI_OK) return CSGI_OK;
    if (status == CSGI_ETIMEDOUT) return explain_late(self);
    self->why->len = 0;
    buffer_printf(self->why, "%.*s: given up before trying again: the task is cancelled",
                  STR_ARG(outgoing_origin(&self->out)));
    return status;
}

/* ---- elsewhere ---- */

static bool leads_on(const policy *self, csgi_str *location)
{
    return (self->out.request.flags & CSGI_CLIENT_FOLLOW_REDIRECTS) &&
           outgoing_is_redirect(self->response, location);
}

static csgi_status follow(policy *self, csgi_str location)
{
    uint32_t most = self->out.request.max_redirects;
    csgi_status status = CSGI_ELIMIT;

    if (!most) most = POLICY_REDIRECTS_MAX;
    if (self->redirects < most)
        status = outgoing_follow(&self->out, self->response->status, location);
    else
        buffer_printf(self->why, "%.*s: more than %u redirects",
                      STR_ARG(outgoing_origin(&self->out)), most);
    drop(self);
    self->redirects++;
    return status;
}

/* ---- all of it ---- */

/* [suspends] */
static csgi_status ask_until_settled(policy *self)
{
    for (;;) {
        csgi_status status = carry(self);
        csgi_str location;
        uint64_t pause_ms;

        if (may_retry(self, status, &pause_ms)) {
            drop(self);
            status = wait_to_retry(self, pause_ms);
        } else if (status == CSGI_OK && leads_on(self, &location)) {
            status = follow(self, location);
        } else {
            return status;
        }
        if (status) return status;
    }
}

/* The response, with what is to be said of how it came about. */
static csgi_status show(policy *self, const csgi_client_response **response)
{
    csgi_client_response *shown =
        arena_alloc(self->into, sizeof *shown, _Alignof(csgi_client_response));

    if (!shown) return fail_without_memory(self);
    *shown = *self->response;
    shown->url = self->out.request.url;
    shown->redirects = self->redirects;
    shown->retries = self->retries;
    *response = shown;
    return CSGI_OK;
}

csgi_status policy_fetch(const policy_request *asked, carrier *by, arena *into,
                         const csgi_client_response **response, buffer *why)
{
    policy self = { .asked = asked, .by = by, .into = into, .why = why };
    csgi_status status =
        outgoing_init(&self.out, asked->request, asked->with, asked->inbound, into, why);

    if (status) return status;
    self.total_ms = self.out.request.total_timeout_ms;
    if (!self.total_ms) self.total_ms = REQUEST_TOTAL_TIMEOUT_MS;
    self.due_ms = pending_earlier(pending_due_ms(loop_now_ms(asked->loop), self.total_ms),
                                  asked->deadline_ms);
    status = ask_until_settled(&self);
    if (status == CSGI_OK) status = show(&self, response);
    return status;
}
