/* SPDX-License-Identifier: MIT
 * Waiting within limits, and telling why it was in vain. */
#include "client/pending.h"

#include <inttypes.h>

#include "base/list.h"
#include "base/str.h"

static void on_limit(timer *due)
{
    task_wake(&CONTAINER_OF(due, pending, limit)->wait, CSGI_ETIMEDOUT);
}

void pending_init(pending *self, loop *runner, csgi_str origin, buffer *why,
                  uint64_t total_timeout_ms, uint64_t deadline_ms)
{
    uint64_t due_ms = pending_due_ms(loop_now_ms(runner), total_timeout_ms);

    self->loop = runner;
    self->origin = origin;
    self->why = why;
    self->why_start = why->len;
    self->total_timeout_ms = total_timeout_ms;
    self->total_due_ms = pending_earlier(due_ms, deadline_ms);
    self->deadline_ms = deadline_ms;
    self->settled = false;
    timer_init(&self->limit, on_limit);
}

csgi_status pending_explain(pending *self, csgi_status status, const char *format, ...)
{
    va_list args;

    self->why->len = self->why_start;
    buffer_printf(self->why, "%.*s: ", STR_ARG(self->origin));
    va_start(args, format);
    buffer_vprintf(self->why, format, args);
    va_end(args);
    return status;
}

void pending_forgive(pending *self)
{
    self->why->len = self->why_start;
}

bool pending_is_over(const pending *self)
{
    return loop_now_ms(self->loop) >= self->total_due_ms;
}

csgi_status pending_explain_total(pending *self)
{
    if (self->deadline_ms <= self->total_due_ms)
        return pending_explain(self, CSGI_ETIMEDOUT, "not done before the call's deadline");
    return pending_explain(self, CSGI_ETIMEDOUT, "not done within %" PRIu64 " ms (total timeout)",
                           self->total_timeout_ms);
}

void pending_set_limit(pending *self, uint64_t due_ms)
{
    uint64_t now_ms = loop_now_ms(self->loop);

    due_ms = pending_earlier(due_ms, self->total_due_ms);
    timer_start(self->loop, &self->limit, due_ms > now_ms ? due_ms - now_ms : 0);
}

void pending_begin(pending *self, uint64_t due_ms)
{
    self->settled = false;
    task_wait_begin(self->loop, &self->wait);
    pending_set_limit(self, due_ms);
}

void pending_settle(pending *self, csgi_status status)
{
    self->settled = true;
    self->status = status;
    timer_stop(self->loop, &self->limit);
    task_wake(&self->wait, status);
}

csgi_status pending_end(pending *self)
{
    csgi_status status = task_wait_end(&self->wait);

    timer_stop(self->loop, &self->limit);
    if (status == CSGI_ECANCELED)
        return pending_explain(self, status, "given up: the task is cancelled");
    return self->settled ? self->status : CSGI_ETIMEDOUT;
}
