/* SPDX-License-Identifier: MIT
 * Frames on a thread. What the endpoint is given there (receive, send, inner) is performed by the
 * task; what a middleware there passes on as its own (its receive, its send) is called by the task
 * and runs on the thread. */
#include "app/blocking.h"

#include <inttypes.h>

#include "app/anywhere.h"
#include "app/extensions.h"
#include "app/instance.h"
#include "base/str.h"
#include "log/log.h"

struct blocking {
    bridge *bridge;
    call *call;
    csgi_arena *arena; /* what runs on the thread has it for its own */
    size_t deferred;   /* functions that keep the thread */
};

/* One frame's. In the call's arena, for the closures are good until the call ends. */
typedef struct blocked_frame {
    csgi_receive receive; /* the endpoint's */
    csgi_send send;
    csgi_app inner;
    frame *frame;
    blocking *thread;
    csgi_scope scope;
    csgi_receive *outer_receive; /* what they stand for */
    csgi_send *outer_send;
    csgi_receive own_receive; /* what is further in has these in place of */
    csgi_send own_send;
    csgi_receive *given_receive; /* the endpoint's own */
    csgi_send *given_send;
} blocked_frame;

/* ---- what a thread asks for ---- */

static csgi_status on_receive(csgi_receive *receive, const csgi_event **event)
{
    csgi_receive *outer = CONTAINER_OF(receive, blocked_frame, receive)->outer_receive;

    return outer->call(outer, event);
}
ANYWHERE_2(csgi_status, on_receive, csgi_receive *, const csgi_event **)

static csgi_status on_send(csgi_send *send, const csgi_event *event)
{
    csgi_send *outer = CONTAINER_OF(send, blocked_frame, send)->outer_send;

    return outer->call(outer, event);
}
ANYWHERE_2(csgi_status, on_send, csgi_send *, const csgi_event *)

/* What is further in allocates on the loop, also while the thread goes on. */
static csgi_status with_arena_of_call(const blocked_frame *self, const csgi_scope **scope)
{
    call *of = self->thread->call;
    csgi_scope *copy;

    if (!*scope || (*scope)->size < sizeof **scope || (*scope)->arena != self->thread->arena)
        return CSGI_OK;
    copy = arena_alloc(of->arena, sizeof *copy, _Alignof(csgi_scope));
    if (!copy) return CSGI_ENOMEM;
    *copy = **scope;
    copy->arena = of->arena;
    *scope = copy;
    return CSGI_OK;
}

static csgi_status on_inner(csgi_app *inner, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    blocked_frame *self = CONTAINER_OF(inner, blocked_frame, inner);
    csgi_app *outer = &self->frame->inner;
    csgi_status status = with_arena_of_call(self, &scope);

    if (status != CSGI_OK) return status;
    if (self->frame->is_inner_called) return outer->call(outer, scope, receive, send); /* refused */
    if (receive == &self->receive) {
        receive = self->outer_receive;
    } else if (receive) {
        self->given_receive = receive;
        receive = &self->own_receive;
    }
    if (send == &self->send) {
        send = self->outer_send;
    } else if (send) {
        self->given_send = send;
        send = &self->own_send;
    }
    return outer->call(outer, scope, receive, send);
}
ANYWHERE_4(csgi_status, on_inner, csgi_app *, const csgi_scope *, csgi_receive *, csgi_send *)

/* ---- what runs on a thread ---- */

static csgi_status run_endpoint(void *arg)
{
    blocked_frame *self = arg;
    const csgi_endpoint *endpoint = self->frame->endpoint->endpoint;
    void *state = self->frame->endpoint->instance->state;

    if (endpoint->call) return endpoint->call(state, &self->scope, &self->receive, &self->send);
    return endpoint->around(state, &self->inner, &self->scope, &self->receive, &self->send);
}

/* Runs a middleware's closure, unless the middleware has returned and its thread gone. */
static csgi_status run_closure(const blocked_frame *self, task_fn fn, void *arg)
{
    csgi_status result = CSGI_ESTATE, status;

    status = bridge_run(self->thread->bridge, &self->frame->endpoint->label, fn, arg, &result);
    return status == CSGI_OK ? result : status;
}

typedef struct own_receiving {
    csgi_receive *receive;
    const csgi_event **event;
} own_receiving;

static csgi_status run_own_receive(void *arg)
{
    own_receiving *self = arg;

    return self->receive->call(self->receive, self->event);
}

static csgi_status on_own_receive(csgi_receive *receive, const csgi_event **event)
{
    blocked_frame *self = CONTAINER_OF(receive, blocked_frame, own_receive);
    own_receiving asked = { self->given_receive, event };

    return run_closure(self, run_own_receive, &asked);
}

typedef struct own_sending {
    csgi_send *send;
    const csgi_event *event;
} own_sending;

static csgi_status run_own_send(void *arg)
{
    own_sending *self = arg;

    return self->send->call(self->send, self->event);
}

static csgi_status on_own_send(csgi_send *send, const csgi_event *event)
{
    blocked_frame *self = CONTAINER_OF(send, blocked_frame, own_send);
    own_sending asked = { self->given_send, event };

    return run_closure(self, run_own_send, &asked);
}

/* ---- getting a thread ---- */

bool blocking_holds_thread(const call *self)
{
    return self->asker_holds_thread || (self->thread && !bridge_has_ended(self->thread->bridge));
}

/* At most once a second; all are counted. */
static void log_refused(const http_call *of, const frame *refused, csgi_status status)
{
    app_set *set = of->base.set;
    uint64_t now_ms = loop_now_ms(set->loop);
    const char *why = "all threads for blocking endpoints are busy, and too many calls wait for "
                      "one (--threads, --thread-queue)";

    set->threads_refused++;
    if (set->threads_refused_logged_ms && now_ms - set->threads_refused_logged_ms < 1000) return;
    set->threads_refused_logged_ms = now_ms ? now_ms : 1;
    if (of->base.asker_holds_thread)
        why = "no thread for blocking endpoints is free (--threads), and since the one that asks "
              "in process holds one, it does not wait";
    if (status == CSGI_ENOMEM) why = "there is no memory";
    log_warning("plugin %.*s, endpoint %.*s: %.*s %.*s was answered 503: %s; %" PRIu64 " so far",
                STR_ARG(refused->endpoint->label.plugin),
                STR_ARG(refused->endpoint->label.endpoint), STR_ARG(of->request->method),
                STR_ARG(of->request->raw_path), why, set->threads_refused);
}

/* The way out leads through the middleware around it. */
static csgi_status refuse(csgi_send *send)
{
    static const csgi_field headers[] = {
        { CSGI_STR("content-type"), CSGI_STR("application/json"), 0, 0 },
        { CSGI_STR("retry-after"), CSGI_STR("1"), 0, 0 },
    };
    static const csgi_http_start start = { CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START),
                                           503,
                                           0,
                                           { headers, COUNT_OF(headers) } };
    static const csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                                         CSGI_STR("{\"detail\":\"Service Unavailable\"}"),
                                         0,
                                         0,
                                         { NULL, 0 } };
    csgi_status status = send->call(send, &start.event);

    return status == CSGI_OK ? send->call(send, &body.event) : status;
}

static blocking *blocking_new(call *of)
{
    blocking *self = arena_alloc(of->arena, sizeof *self, _Alignof(blocking));

    if (!self) return NULL;
    *self = (blocking){ .call = of, .arena = arena_open(of->arena) };
    if (!self->arena) return NULL;
    self->bridge = bridge_new(of->arena, of->set->loop, self);
    return self->bridge ? self : NULL;
}

static void on_gone(void *arg)
{
    const blocking *self = arg;

    bridge_give_up(self->bridge, CSGI_EDISCONNECTED);
}

static blocked_frame *blocked_frame_new(frame *of, blocking *thread, const csgi_scope *scope,
                                        csgi_receive *receive, csgi_send *send)
{
    blocked_frame *self = arena_alloc(of->call->base.arena, sizeof *self, _Alignof(blocked_frame));

    if (!self) return NULL;
    *self = (blocked_frame){
        .receive = { on_receive_anywhere },
        .send = { on_send_anywhere },
        .inner = { on_inner_anywhere },
        .frame = of,
        .thread = thread,
        .scope = *scope,
        .outer_receive = receive,
        .outer_send = send,
        .own_receive = { on_own_receive },
        .own_send = { on_own_send },
    };
    self->scope.arena = thread->arena;
    return self;
}

/* Waits for a thread if it must and may; a client that goes meanwhile loses its place in the queue.
 */
static csgi_status run_on_new_thread(blocked_frame *self, csgi_status *result)
{
    call *of = &self->frame->call->base;
    blocking *thread = self->thread;
    csgi_notice *notice = NULL;
    csgi_status status = CSGI_OK;

    if (!bridge_finds_thread(of->set->loop) && !of->asker_holds_thread && !of->is_returned)
        status = ext_notice.on_disconnect(&self->frame->call->scope, on_gone, thread, &notice);
    if (status != CSGI_OK) return status;
    of->thread = thread;
    status = bridge_begin(thread->bridge, !of->asker_holds_thread, &self->frame->endpoint->label,
                          run_endpoint, self, result);
    if (notice && of->notices) ext_notice.forget(notice);
    return status;
}

/* CSGI_ESTATE: the call has none, or it is just leaving. */
static csgi_status run_on_held_thread(blocked_frame *self, csgi_status *result)
{
    return bridge_run(self->thread->bridge, &self->frame->endpoint->label, run_endpoint, self,
                      result);
}

csgi_status blocking_run(frame *self, const csgi_scope *scope, csgi_receive *receive,
                         csgi_send *send)
{
    call *of = &self->call->base;
    csgi_status result = CSGI_OK, status = CSGI_ESTATE;
    blocked_frame *made;

    if (of->thread) {
        made = blocked_frame_new(self, of->thread, scope, receive, send);
        status = made ? run_on_held_thread(made, &result) : CSGI_ENOMEM;
    }
    if (status == CSGI_ESTATE) {
        blocking *thread = blocking_new(of);

        made = thread ? blocked_frame_new(self, thread, scope, receive, send) : NULL;
        status = made ? run_on_new_thread(made, &result) : CSGI_ENOMEM;
    }
    if (status == CSGI_OK) return result;
    if (status == CSGI_ELIMIT || status == CSGI_ENOMEM)
        log_refused(self->call, self, status);
    else if (status != CSGI_EDISCONNECTED || exchange_is_gone(self->call->request))
        return status;
    return refuse(send); /* a client that sends no more may be there still */
}

/* ---- the host's functions on a thread ---- */

csgi_arena *blocking_arena(void)
{
    const blocking *here = bridge_owner();

    return here ? here->arena : NULL;
}

bool blocking_owns(const csgi_arena *wanted)
{
    const csgi_arena *own = blocking_arena();

    if (!own || wanted == own) return own != NULL;
    LIST_EACH (node, &own->children) {
        if (CONTAINER_OF(node, csgi_arena, in_parent) == wanted) return true;
    }
    return false;
}

static csgi_status add_deferred(call *of, csgi_fn fn, void *arg, blocking *on,
                                const task_label *label)
{
    csgi_status status = call_defer(of, fn, arg, on, label);

    if (status == CSGI_OK) on->deferred++;
    return status;
}
ANYWHERE_5(csgi_status, add_deferred, call *, csgi_fn, void *, blocking *, const task_label *)

csgi_status blocking_defer(call *of, csgi_fn fn, void *arg)
{
    csgi_status status = add_deferred_anywhere(of, fn, arg, bridge_owner(), bridge_label());

    if (status == CSGI_OK) bridge_keep();
    return status;
}

typedef struct due_function {
    csgi_fn fn;
    void *arg;
} due_function;

static csgi_status run_due(void *arg)
{
    const due_function *self = arg;

    self->fn(self->arg);
    return CSGI_OK;
}

void blocking_run_deferred(blocking *self, const task_label *label, csgi_fn fn, void *arg)
{
    due_function due = { fn, arg };
    csgi_status ignored;

    CHECK(bridge_run(self->bridge, label, run_due, &due, &ignored) == CSGI_OK); /* it was kept */
    if (--self->deferred == 0) bridge_end(self->bridge);
}
