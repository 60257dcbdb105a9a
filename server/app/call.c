/* SPDX-License-Identifier: MIT
 * What every call has: deferred functions, cancellation, and words for what went wrong. */
#include "app/call.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/blocking.h"
#include "app/instance.h"
#include "base/str.h"
#include "log/log.h"

struct deferred {
    deferred *next;
    csgi_fn fn;
    void *arg;
    blocking *on; /* NULL: the task runs it */
    const task_label *label;
};

/* The deferred functions had their time: the shield goes, and what they wait for is cancelled. */
static void on_defer_limit(timer *limit)
{
    call *self = CONTAINER_OF(limit, call, defer_limit);

    log_error("plugin %.*s, endpoint %.*s: its deferred functions did not finish within %" PRIu64
              " ms; they are cancelled",
              STR_ARG(self->label->plugin), STR_ARG(self->label->endpoint),
              self->set->options.defer_timeout_ms);
    self->is_shielded = false;
    task_unshield(self->task);
    task_cancel(self->task);
}

void call_init(call *self, const instance *of, const task_label *label, arena *memory)
{
    *self = (call){ .set = of->set,
                    .label = label,
                    .stack_size = of->plugin->descriptor.stack_size,
                    .arena = memory,
                    .deadline_ms = UINT64_MAX };
    timer_init(&self->defer_limit, on_defer_limit);
    list_init(&self->children);
}

void call_init_scope(call *self, csgi_scope *scope, csgi_str app)
{
    static const csgi_str none = { "", 0 };

    *scope = (csgi_scope){
        .size = sizeof *scope,
        .server = self,
        .arena = self->arena,
        .http_version = none,
        .method = none,
        .scheme = none,
        .path = none,
        .raw_path = none,
        .query_string = none,
        .root_path = none,
        .client_host = none,
        .server_host = none,
        .app = app,
        .endpoint = none,
        .route = none,
        .route_config = none,
    };
}

call *call_of_scope(const csgi_scope *scope)
{
    return scope && CSGI_HAS(scope, csgi_scope, arena) ? scope->server : NULL;
}

bool call_is_draining(const call *self)
{
    return self->is_outdated || self->set->draining;
}

static void stop(call *self, void (*stop_task)(task *))
{
    self->is_cancelled = true;
    if (self->task) stop_task(self->task);
    call_stop_children(self, stop_task);
}

void call_cancel(call *self)
{
    stop(self, task_cancel);
}

void call_time_out(call *self)
{
    stop(self, task_time_out);
}

csgi_status call_start_task(call *self, task_fn fn, task_end_fn on_end, void *arg, task **out)
{
    csgi_status status =
        task_spawn(self->set->loop, self->label, self->stack_size, fn, on_end, arg, out);

    if (status == CSGI_OK) task_set_owner(*out, self);
    return status;
}

const call *call_current(const loop *runner)
{
    const task *running = task_current(runner);

    return running ? task_get_owner(running) : NULL;
}

uint64_t call_due_ms(const loop *runner)
{
    const task *running = task_current(runner);
    const call *of = call_current(runner);
    uint64_t due_ms = running ? task_due_ms(running) : UINT64_MAX;

    if (running && task_is_shielded(running)) return due_ms; /* the call's is outside of it */
    return of && of->deadline_ms < due_ms ? of->deadline_ms : due_ms;
}

csgi_status call_defer(call *self, csgi_fn fn, void *arg, blocking *on, const task_label *label)
{
    deferred *added = arena_alloc(self->arena, sizeof *added, _Alignof(deferred));

    if (!added) return CSGI_ENOMEM;
    *added = (deferred){ self->deferred, fn, arg, on, label };
    self->deferred = added;
    return CSGI_OK;
}

static void run_deferred(call *self)
{
    task_shield(self->task);
    self->is_shielded = true;
    timer_start(self->set->loop, &self->defer_limit, self->set->options.defer_timeout_ms);
    while (self->deferred) {
        deferred *due = self->deferred;

        self->deferred = due->next;
        if (due->on)
            blocking_run_deferred(due->on, due->label, due->fn, due->arg);
        else
            due->fn(due->arg);
    }
    timer_stop(self->set->loop, &self->defer_limit);
    if (!self->is_shielded) return;
    self->is_shielded = false;
    task_unshield(self->task);
}

void call_run_deferred(call *self)
{
    if (self->deferred) run_deferred(self);
    if (self->transfers) call_close_transfers(self);
}

const char *status_name(csgi_status status)
{
    switch (status) {
#define STATUS_NAME(name, code, text) \
    case name:                        \
        return #name;
        CSGI_ERRORS(STATUS_NAME)
#undef STATUS_NAME
    case CSGI_OK:
        return "CSGI_OK";
    default:
        return NULL;
    }
}

const char *status_text(csgi_status status)
{
    switch (status) {
#define STATUS_TEXT(name, code, text) \
    case name:                        \
        return text;
        CSGI_ERRORS(STATUS_TEXT)
#undef STATUS_TEXT
    case CSGI_OK:
        return "no error";
    default:
        return "no code of CSGI's";
    }
}

void status_reason(csgi_status status, csgi_str detail, char reason[STATUS_REASON_SIZE])
{
    const char *name = status_name(status);
    char number[16];

    snprintf(number, sizeof number, "%" PRId32, status);
    if (detail.len) {
        snprintf(reason, STATUS_REASON_SIZE, "%s: %.*s", name ? name : number, STR_ARG(detail));
    } else if (status == CSGI_EFAIL) {
        snprintf(reason, STATUS_REASON_SIZE, "CSGI_EFAIL, with no reason given");
    } else {
        snprintf(reason, STATUS_REASON_SIZE, "%s (%s)", name ? name : number, status_text(status));
    }
}
