/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.notice/1: functions that are called when a call's client has gone, or
 * when the server drains. A call that registers none costs nothing. */
#include "app/anywhere.h"
#include "app/extensions.h"
#include "app/http_call.h"

struct csgi_notice {
    list_node node;
    csgi_fn on_disconnect; /* of these two one is set */
    csgi_draining_fn on_draining;
    void *arg;
    bool is_over; /* called, or forgotten */
};

struct notices {
    http_call *call;
    list_node disconnect, draining; /* who waits for it */
    timer soon;                     /* calls them from the loop, whoever made the event happen */
    bool is_gone;
};

static void call_disconnected(notices *self)
{
    list_node *next;

    while (self->is_gone && (next = list_pop(&self->disconnect))) {
        csgi_notice *told = CONTAINER_OF(next, csgi_notice, node);

        told->is_over = true;
        told->on_disconnect(told->arg);
    }
}

static void call_draining(notices *self)
{
    list_node *next;

    while (call_is_draining(&self->call->base) && (next = list_pop(&self->draining))) {
        csgi_notice *told = CONTAINER_OF(next, csgi_notice, node);

        told->is_over = true;
        told->on_draining(told->arg, self->call->base.set->draining ? CSGI_DRAINING_STOP
                                                                    : CSGI_DRAINING_RELOAD);
    }
}

static void on_soon(timer *due)
{
    notices *self = CONTAINER_OF(due, notices, soon);

    call_disconnected(self);
    call_draining(self);
}

static void tell_soon(notices *self)
{
    timer_start(self->call->base.set->loop, &self->soon, 0);
}

static void on_gone(void *arg)
{
    notices *self = arg;

    self->is_gone = true;
    tell_soon(self);
}

void call_tell_draining(call *self)
{
    if (self->notices) tell_soon(self->notices);
}

void call_forget_notices(call *self)
{
    notices *forgotten = self->notices;

    if (!forgotten) return;
    self->notices = NULL;
    timer_stop(self->set->loop, &forgotten->soon);
    exchange_app_watch(forgotten->call->request, NULL, NULL);
}

static notices *notices_new(call *of)
{
    notices *self = arena_alloc(of->arena, sizeof *self, _Alignof(notices));

    if (!self) return NULL;
    *self = (notices){ .call = CONTAINER_OF(of, http_call, base) };
    list_init(&self->disconnect);
    list_init(&self->draining);
    timer_init(&self->soon, on_soon);
    of->notices = self;
    exchange_app_watch(self->call->request, on_gone, self);
    return self;
}

static csgi_status add(const csgi_scope *scope, csgi_notice added, csgi_notice **out)
{
    call *of = call_of_scope(scope);
    csgi_notice *made;

    if (!of || (!added.on_disconnect && !added.on_draining)) return CSGI_EINVAL;
    if (!of->is_http) return CSGI_ENOTSUP;
    if (of->is_returned) return CSGI_ESTATE;
    made = arena_alloc(of->arena, sizeof *made, _Alignof(csgi_notice));
    if (!made || (!of->notices && !notices_new(of))) return CSGI_ENOMEM;
    *made = added;
    list_append(made->on_disconnect ? &of->notices->disconnect : &of->notices->draining,
                &made->node);
    if (of->notices->is_gone || call_is_draining(of)) tell_soon(of->notices);
    if (out) *out = made;
    return CSGI_OK;
}

/* ---- the table ---- */

static csgi_status on_on_disconnect(const csgi_scope *scope, csgi_fn fn, void *arg,
                                    csgi_notice **notice)
{
    return add(scope, (csgi_notice){ .on_disconnect = fn, .arg = arg }, notice);
}

static csgi_status on_on_draining(const csgi_scope *scope, csgi_draining_fn fn, void *arg,
                                  csgi_notice **notice)
{
    return add(scope, (csgi_notice){ .on_draining = fn, .arg = arg }, notice);
}

static void on_forget(csgi_notice *notice)
{
    if (!notice || notice->is_over) return;
    notice->is_over = true;
    list_remove(&notice->node);
}

ANYWHERE_4(csgi_status, on_on_disconnect, const csgi_scope *, csgi_fn, void *, csgi_notice **)
ANYWHERE_4(csgi_status, on_on_draining, const csgi_scope *, csgi_draining_fn, void *,
           csgi_notice **)
ANYWHERE_VOID_1(on_forget, csgi_notice *)

const csgi_notice_extension ext_notice = {
    .size = sizeof(csgi_notice_extension),
    .on_disconnect = on_on_disconnect_anywhere,
    .on_draining = on_on_draining_anywhere,
    .forget = on_forget_anywhere,
};
