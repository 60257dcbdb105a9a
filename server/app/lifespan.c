/* SPDX-License-Identifier: MIT
 * Lifespan: one call for the life of each instance, in a task of its own; those of a group start
 * and stop side by side. */
#include "app/lifespan.h"

#include <inttypes.h>

#include "app/event.h"
#include "app/ext_task.h"
#include "app/instance.h"
#include "base/str.h"
#include "log/log.h"

/* After its time has passed a lifespan is cancelled, and given this long to return. */
#define CANCEL_GRACE_MS 1000u

/* ---- waiting for several ---- */

/* All of them have answered. */
static void on_settled(timer *settled)
{
    lifespan_group *self = CONTAINER_OF(settled, lifespan_group, settled);
    void (*on_done)(void *arg, csgi_status status) = self->on_done;

    if (!on_done) return;
    self->on_done = NULL;
    on_done(self->arg, self->has_failures ? CSGI_EFAIL : CSGI_OK);
}

void lifespan_group_init(lifespan_group *self, loop *runner)
{
    *self = (lifespan_group){ .loop = runner };
    timer_init(&self->settled, on_settled);
}

void lifespan_group_expect(lifespan_group *self, void (*on_done)(void *arg, csgi_status status),
                           void *arg)
{
    CHECK(!self->on_done);
    self->on_done = on_done;
    self->arg = arg;
    self->has_failures = false;
}

void lifespan_group_close(lifespan_group *self)
{
    if (self->unsettled == 0) timer_start(self->loop, &self->settled, 0);
}

void lifespan_group_fini(lifespan_group *self)
{
    timer_stop(self->loop, &self->settled);
    self->on_done = NULL;
}

static void note_failure(const lifespan *self)
{
    if (self->group) self->group->has_failures = true;
}

void lifespan_settle(lifespan *self)
{
    lifespan_group *waiting = self->group;

    self->group = NULL;
    if (!waiting) return;
    waiting->unsettled--;
    lifespan_group_close(waiting);
}

static void join_group(lifespan *self, lifespan_group *waiting)
{
    lifespan_settle(self);
    self->group = waiting;
    waiting->unsettled++;
}

static void await(lifespan *self, lifespan_group *waiting, uint64_t limit_ms)
{
    join_group(self, waiting);
    timer_start(self->call.set->loop, &self->limit, limit_ms);
}

/* The verdict on start-up is in. */
static void start_settle(lifespan *self, lifespan_state state)
{
    self->state = state;
    if (state == LIFESPAN_FAILED) note_failure(self);
    timer_stop(self->call.set->loop, &self->limit);
    lifespan_settle(self);
}

/* To who waits for it, if that wants to be told, else to the log. */
__attribute__((format(printf, 2, 3))) static void complain(const lifespan *self, const char *format,
                                                           ...)
{
    buffer *problem = self->group ? self->group->problem : NULL;
    buffer text = { 0 };
    va_list args;

    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    if (problem)
        buffer_printf(problem, "%.*s: %.*s\n", STR_ARG(self->owner->name),
                      STR_ARG(buffer_str(&text)));
    else
        log_error("%.*s: %.*s", STR_ARG(self->owner->name), STR_ARG(buffer_str(&text)));
    buffer_fini(&text);
}

static void complain_overdue(const lifespan *self, const char *what, uint64_t limit_ms)
{
    if (limit_ms % 1000)
        complain(self, "%s did not finish within %" PRIu64 " ms", what, limit_ms);
    else
        complain(self, "%s did not finish within %" PRIu64 " s", what, limit_ms / 1000);
}

/* Its time to shut down is over: it may still return. */
static void give_up_shutdown(lifespan *self)
{
    self->is_given_up = true;
    note_failure(self);
    call_cancel(&self->call);
    timer_start(self->call.set->loop, &self->limit, CANCEL_GRACE_MS);
}

static void on_limit(timer *limit)
{
    lifespan *self = CONTAINER_OF(limit, lifespan, limit);
    app_set *set = self->call.set;

    if (self->is_given_up) {
        log_error("%.*s: its lifespan function goes on although it was cancelled; it is left "
                  "behind",
                  STR_ARG(self->owner->name));
        lifespan_settle(self);
        return;
    }
    if (self->state == LIFESPAN_STARTING) {
        self->is_given_up = true;
        call_cancel(&self->call);
        complain_overdue(self, "start-up", set->options.startup_timeout_ms);
        start_settle(self, LIFESPAN_FAILED);
        return;
    }
    complain_overdue(self, "shut-down", set->options.shutdown_timeout_ms);
    give_up_shutdown(self);
}

/* ---- the closures ---- */

static bool has_event(const lifespan *self)
{
    return !self->is_asked &&
           (self->state == LIFESPAN_STARTING || self->state == LIFESPAN_STOPPING);
}

static csgi_status on_receive(csgi_receive *receive, const csgi_event **event)
{
    lifespan *self = CONTAINER_OF(receive, lifespan, receive);
    loop *runner = self->call.set->loop;
    csgi_status status;

    if (!event) return CSGI_EINVAL;
    if (!task_current(runner)) return CSGI_ESTATE;
    if (self->receiver) return CSGI_EBUSY;
    while (!has_event(self)) {
        status = task_wait_at(runner, &self->receiver);
        if (status != CSGI_OK) return status;
    }
    self->is_asked = true;
    self->received = (csgi_lifespan){
        .event =
            CSGI_EVENT(csgi_lifespan, self->state == LIFESPAN_STARTING ? CSGI_LIFESPAN_STARTUP
                                                                       : CSGI_LIFESPAN_SHUTDOWN),
        .message = { "", 0 },
    };
    *event = &self->received.event;
    return CSGI_OK;
}

static void complain_failed(const lifespan *self, const char *what, csgi_str message)
{
    csgi_str reason = message.len ? message : STR("it gives no reason");

    complain(self, "%s failed: %.*s", what, STR_ARG(reason));
}

static void answer_shutdown(lifespan *self, const csgi_lifespan *answer)
{
    self->is_answered = true;
    if (answer->event.type == CSGI_LIFESPAN_COMPLETE) return;
    note_failure(self);
    complain_failed(self, "shut-down", answer->message);
}

static void answer_startup(lifespan *self, const csgi_lifespan *answer)
{
    if (answer->event.type == CSGI_LIFESPAN_COMPLETE) {
        start_settle(self, LIFESPAN_STARTED);
        return;
    }
    complain_failed(self, "start-up", answer->message);
    start_settle(self, LIFESPAN_FAILED);
}

static csgi_status on_send(csgi_send *send, const csgi_event *event)
{
    lifespan *self = CONTAINER_OF(send, lifespan, send);
    const csgi_lifespan *answer = (const csgi_lifespan *)event;
    char why[EVENT_WHY_SIZE];
    csgi_status status = event_check(event, CSGI_LIFESPAN, 0, why);

    if (status != CSGI_OK) return event_refuse(&self->call, &self->label, event, status, why);
    if (self->is_asked && self->state == LIFESPAN_STARTING) {
        answer_startup(self, answer);
        self->is_asked = false;
    } else if (self->is_asked && self->state == LIFESPAN_STOPPING && !self->is_answered) {
        answer_shutdown(self, answer);
    } else {
        return event_refuse(&self->call, &self->label, event, CSGI_ESTATE,
                            "no lifespan event that waits for an answer was received");
    }
    return CSGI_OK;
}

/* ---- the task ---- */

/* The function has returned before it answered lifespan.startup. */
static void start_unanswered(lifespan *self, csgi_status status)
{
    char reason[STATUS_REASON_SIZE];

    if (status == CSGI_ENOTSUP) {
        start_settle(self, LIFESPAN_NONE);
        return;
    }
    if (status == CSGI_OK) {
        complain(self, "start-up failed: its lifespan function returned without answering "
                       "lifespan.startup");
    } else {
        status_reason(status, task_error(self->call.task), reason);
        complain(self, "start-up failed: its lifespan function failed with %s", reason);
    }
    start_settle(self, LIFESPAN_FAILED);
}

static void judge(lifespan *self, csgi_status status)
{
    char reason[STATUS_REASON_SIZE];

    if (self->state == LIFESPAN_STARTING) {
        start_unanswered(self, status);
        return;
    }
    if (self->is_given_up || self->state == LIFESPAN_FAILED) return; /* said already */
    if (status != CSGI_OK) {
        status_reason(status, task_error(self->call.task), reason);
        log_error("%.*s: its lifespan function failed with %s", STR_ARG(self->owner->name), reason);
    } else if (self->state == LIFESPAN_STOPPING && !self->is_answered) {
        log_error("%.*s: its lifespan function returned without answering lifespan.shutdown",
                  STR_ARG(self->owner->name));
    } else {
        return;
    }
    if (self->state == LIFESPAN_STOPPING) note_failure(self);
}

static csgi_status lifespan_run(void *arg)
{
    lifespan *self = arg;
    const app_set *set = self->call.set;
    csgi_status status;

    /* A probe has no other way to know which app it was. */
    if (set->options.host_flags & CSGI_HOST_PROBE)
        app_set_tell_step(set, self->owner->plugin_name, "start-up");
    status = self->owner->plugin->descriptor.lifespan(self->owner->state, &self->scope,
                                                      &self->receive, &self->send);
    call_end_children(&self->call);
    judge(self, status);
    call_run_deferred(&self->call);
    return status;
}

static void on_lifespan_end(void *arg, csgi_status status)
{
    lifespan *self = arg;

    (void)status;
    self->call.task = NULL;
    timer_stop(self->call.set->loop, &self->limit);
    arena_reset(&self->arena);
    lifespan_settle(self);
}

void lifespan_init(lifespan *self, instance *owner)
{
    *self = (lifespan){ .owner = owner, .state = LIFESPAN_NONE };
    self->label = (task_label){ owner->plugin_name, STR("lifespan") };
    arena_init(&self->arena, NULL, 0);
    call_init(&self->call, owner, &self->label, &self->arena);
    timer_init(&self->limit, on_limit);
    self->receive = (csgi_receive){ on_receive };
    self->send = (csgi_send){ on_send };
    call_init_scope(&self->call, &self->scope, owner->name);
    self->scope.type = CSGI_LIFESPAN;
}

void lifespan_fini(lifespan *self)
{
    CHECK(!lifespan_is_running(self));
    timer_stop(self->call.set->loop, &self->limit);
    arena_reset(&self->arena);
}

bool lifespan_is_running(const lifespan *self)
{
    return self->call.task != NULL;
}

bool lifespan_has_started(const lifespan *self)
{
    return self->state != LIFESPAN_STARTING && self->state != LIFESPAN_FAILED;
}

void lifespan_start(lifespan *self, lifespan_group *waiting)
{
    app_set *set = self->call.set;
    csgi_status status;

    if (!self->owner->plugin->descriptor.lifespan || lifespan_is_running(self)) return;
    status = call_start_task(&self->call, lifespan_run, on_lifespan_end, self, &self->call.task);
    if (status != CSGI_OK) {
        log_error("%.*s: start-up failed: no task for it (%s)", STR_ARG(self->owner->name),
                  status_text(status));
        self->state = LIFESPAN_FAILED;
        waiting->has_failures = true;
        return;
    }
    self->state = LIFESPAN_STARTING;
    await(self, waiting, set->options.startup_timeout_ms);
}

void lifespan_stop(lifespan *self, lifespan_group *waiting)
{
    app_set *set = self->call.set;

    if (!lifespan_is_running(self)) return;
    if (self->group && (self->state == LIFESPAN_STOPPING || self->is_given_up)) {
        join_group(self, waiting);
        return;
    }
    if (self->state != LIFESPAN_STARTED) { /* its start-up failed: there is nothing to shut down */
        self->is_given_up = true;
        call_cancel(&self->call);
        await(self, waiting, CANCEL_GRACE_MS);
        return;
    }
    self->state = LIFESPAN_STOPPING;
    if (self->receiver) task_wake(self->receiver, CSGI_OK);
    await(self, waiting, set->options.shutdown_timeout_ms);
}

void lifespan_cut(lifespan *self)
{
    if (self->state != LIFESPAN_STOPPING || !self->group || self->is_given_up) return;
    log_warning("%.*s: its shut-down is cut short", STR_ARG(self->owner->name));
    give_up_shutdown(self);
}
