/* SPDX-License-Identifier: MIT
 * The frames of an HTTP call: each endpoint runs in one, and a middleware's inner app is the next.
 */
#include "app/http_call.h"

#include "app/blocking.h"
#include "app/instance.h"
#include "base/str.h"
#include "log/log.h"

/* The call's own task, or one that a middleware spawned to call inner. */
static task *running_task(const http_call *of)
{
    return task_current(of->base.set->loop);
}

/* Was the client's leaving, or somebody's cancelling, the reason of this end? */
static bool is_excused(const http_call *of, csgi_status status)
{
    if (status == CSGI_EDISCONNECTED) return true;
    if (status == CSGI_ETIMEDOUT) return of->is_late; /* said already */
    if (status != CSGI_ECANCELED) return false;
    return exchange_is_gone(of->request) || of->base.is_cancelled ||
           task_is_cancelled(running_task(of));
}

/* Logs a failure where it begins: a middleware that passes its inner app's status on is not named
 * again. */
static void note_failure(frame *self, csgi_status status)
{
    http_call *of = self->call;
    char reason[STATUS_REASON_SIZE];

    if (status == CSGI_OK || is_excused(of, status) || status == of->failure) return;
    of->failure = status;
    status_reason(status, task_error(running_task(of)), reason);
    log_error("plugin %.*s, endpoint %.*s failed on %.*s %.*s with %s",
              STR_ARG(self->endpoint->label.plugin), STR_ARG(self->endpoint->label.endpoint),
              STR_ARG(of->request->method), STR_ARG(of->request->raw_path), reason);
}

csgi_status frame_run(frame *self, const csgi_scope *scope, csgi_receive *receive, csgi_send *send)
{
    const csgi_endpoint *endpoint = self->endpoint->endpoint;
    void *state = self->endpoint->instance->state;
    csgi_status status;

    if (endpoint->flags & CSGI_BLOCKING) {
        status = blocking_run(self, scope, receive, send);
    } else if (endpoint->call) {
        status = endpoint->call(state, scope, receive, send);
    } else {
        status = endpoint->around(state, &self->inner, scope, receive, send);
    }
    note_failure(self, status);
    return status;
}

/* The features that a plugin of that minor version can pass through a send of its own. */
static uint64_t features_of_minor(uint32_t abi_minor)
{
    (void)abi_minor; /* 1.0 is the first */
    return CSGI_CAN_TRAILERS | CSGI_CAN_EARLY_HINT | CSGI_CAN_PATHSEND | CSGI_CAN_ZEROCOPYSEND |
           CSGI_CAN_DENY;
}

/* What is further in may only do what the middleware's own send understands. */
static csgi_status mask_features(const frame *self, const csgi_scope **scope)
{
    uint64_t known = features_of_minor(self->endpoint->instance->plugin->descriptor.abi_minor);
    csgi_scope *masked;

    if (!((*scope)->features & ~known)) return CSGI_OK;
    masked = arena_alloc(self->call->base.arena, sizeof *masked, _Alignof(csgi_scope));
    if (!masked) return CSGI_ENOMEM;
    *masked = **scope;
    masked->features &= known;
    *scope = masked;
    return CSGI_OK;
}

static csgi_status misused(const frame *self, csgi_status status, const char *why)
{
    task *current = running_task(self->call);

    log_error("plugin %.*s, endpoint %.*s: its call of inner was refused with %s: %s",
              STR_ARG(self->endpoint->label.plugin), STR_ARG(self->endpoint->label.endpoint),
              status_name(status), why);
    if (current) task_set_error(current, str_from(why));
    return status;
}

static csgi_status inner_run(csgi_app *inner, const csgi_scope *scope, csgi_receive *receive,
                             csgi_send *send)
{
    frame *self = CONTAINER_OF(inner, frame, inner);
    frame *next = self + 1;
    csgi_status status;

    if (call_current(self->call->base.set->loop) != &self->call->base)
        return misused(self, CSGI_ESTATE, "it was called from outside of the call's tasks");
    if (!scope || !receive || !send)
        return misused(self, CSGI_EINVAL, "the scope, receive or send is NULL");
    if (scope->size < sizeof *scope || scope->server != &self->call->base)
        return misused(self, CSGI_EINVAL, "its scope was not made by the host (use derive)");
    if (self->is_inner_called) return misused(self, CSGI_ESTATE, "it was called already");
    if (self->call->base.is_returned) return misused(self, CSGI_ESTATE, "the call is over");
    self->is_inner_called = true;
    if (send != &self->send && (status = mask_features(self, &scope))) return status;
    next->features = scope->features;
    if (send != &self->send) {
        if (!(self->features & ~scope->features)) return frame_run(next, scope, receive, send);
        next->onward = send;
        next->send.call = http_call_send_onward;
    }
    return frame_run(next, scope, receive, &next->send);
}

void frame_init(frame *self, http_call *owner, const app_endpoint *endpoint)
{
    *self = (frame){
        .send = { http_call_send },
        .inner = { inner_run },
        .call = owner,
        .endpoint = endpoint,
    };
}

const frame *frame_innermost_called(const http_call *self)
{
    const frame *at = self->frames;

    while (at->is_inner_called)
        at++;
    return at;
}
