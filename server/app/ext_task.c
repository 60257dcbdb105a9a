/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.task/1: sleeping, and further tasks of a call. */
#include "app/ext_task.h"

#include "app/anywhere.h"
#include "app/extensions.h"
#include "app/instance.h"

static csgi_status child_run(void *arg)
{
    csgi_task *self = arg;
    csgi_status result = self->fn(self->arg);

    if (self->group && result != CSGI_OK) group_fail(self->group, result, task_error(self->task));
    return result;
}

/* A struct for a further task: one that is done with, or a new one. */
static csgi_task *child_new(call *of)
{
    csgi_task *self = of->spare;

    if (!self) return arena_alloc(of->arena, sizeof *self, _Alignof(csgi_task));
    of->spare = self->next_spare;
    return self;
}

static void child_recycle(csgi_task *self)
{
    self->next_spare = self->call->spare;
    self->call->spare = self;
}

static void on_child_end(void *arg, csgi_status result)
{
    csgi_task *self = arg;
    call *of = self->call;

    self->task = NULL;
    self->result = result;
    list_remove(&self->node);
    if (self->joiner) task_wake(self->joiner, CSGI_OK);
    if (self->group) {
        group_lose(self->group, self);
        child_recycle(self); /* nobody will join it */
    }
    if (of->children_waiter && list_is_empty(&of->children))
        task_wake(of->children_waiter, CSGI_OK);
}

static csgi_status run_out_of_memory(void *arg)
{
    (void)arg;
    return CSGI_ENOMEM;
}

/* A further task has no more time than who spawns it, who is told first. */
static void inherit_deadline(csgi_task *self, const loop *runner)
{
    const task *spawner = task_current(runner);
    uint64_t now_ms = loop_now_ms(runner), due_ms = spawner ? task_due_ms(spawner) : UINT64_MAX;

    if (due_ms == UINT64_MAX) return;
    if (task_enter_deadline(self->task, due_ms > now_ms ? due_ms - now_ms : 0, NULL) != CSGI_OK)
        self->fn = run_out_of_memory; /* it must not run with more time */
}

csgi_status child_start(call *of, csgi_task fresh, csgi_task **out)
{
    csgi_task *child;
    csgi_status status;

    if (of->is_returned) return CSGI_ESTATE;
    child = child_new(of);
    if (!child) return CSGI_ENOMEM;
    *child = fresh;
    child->call = of;
    status = call_start_task(of, child_run, on_child_end, child, &child->task);
    if (status != CSGI_OK) {
        child_recycle(child);
        return status;
    }
    inherit_deadline(child, of->set->loop);
    list_append(&of->children, &child->node);
    *out = child;
    return CSGI_OK;
}

void call_stop_children(call *self, void (*stop)(task *child))
{
    LIST_EACH_SAFE (node, &self->children) {
        stop(CONTAINER_OF(node, csgi_task, node)->task);
    }
}

void call_end_children(call *self)
{
    self->is_returned = true;
    task_unshield_from_app(self->task);
    task_leave_deadlines(self->task);
    if (list_is_empty(&self->children)) return;
    call_stop_children(self, task_cancel);
    task_shield(self->task);
    task_wait_at(self->set->loop, &self->children_waiter);
    task_unshield(self->task);
}

/* ---- the table ---- */

static csgi_status on_sleep_ms(const csgi_host *host, uint64_t ms)
{
    const instance *self = host->server;

    if (!task_current(self->set->loop)) return CSGI_ESTATE;
    return task_sleep(self->set->loop, ms);
}

static csgi_status on_spawn(const csgi_scope *scope, csgi_task_fn fn, void *arg, csgi_task **out)
{
    call *of = call_of_scope(scope);

    if (!of || !fn || !out) return CSGI_EINVAL;
    return child_start(of, (csgi_task){ .fn = fn, .arg = arg }, out);
}

static csgi_status on_join(csgi_task *child, csgi_status *result)
{
    csgi_status status;
    loop *runner;

    if (!child || !result) return CSGI_EINVAL;
    runner = child->call->set->loop;
    if (call_current(runner) != child->call) return CSGI_ESTATE; /* it may end while others wait */
    if (child->joiner) return CSGI_EBUSY;
    if (child->task == task_current(runner)) return CSGI_EINVAL;
    if (child->task) {
        status = task_wait_at(runner, &child->joiner);
        if (status != CSGI_OK) return status;
    }
    *result = child->result;
    child_recycle(child);
    return CSGI_OK;
}

static void on_cancel(csgi_task *child)
{
    if (child && child->task) task_cancel(child->task);
}

static task *running(const csgi_host *host)
{
    return task_current(((const instance *)host->server)->set->loop);
}

static csgi_status on_deadline_enter(const csgi_host *host, uint64_t ms, csgi_deadline **out)
{
    task *current = running(host);

    if (!out) return CSGI_EINVAL;
    if (!current) return CSGI_ESTATE;
    return task_enter_deadline(current, ms, (task_deadline **)out);
}

static csgi_status on_deadline_leave(const csgi_host *host, csgi_deadline *deadline)
{
    task *current = running(host);
    task_deadline *left = (task_deadline *)deadline;

    if (!left) return CSGI_EINVAL;
    if (!current || !task_has_deadline(current, left)) return CSGI_ESTATE;
    return task_leave_deadline(current, left);
}

static csgi_status on_shield_enter(const csgi_host *host)
{
    task *current = running(host);

    if (!current) return CSGI_ESTATE;
    task_shield_for_app(current);
    return CSGI_OK;
}

static csgi_status on_shield_leave(const csgi_host *host)
{
    task *current = running(host);

    return current ? task_unshield_for_app(current) : CSGI_ESTATE;
}

ANYWHERE_2(csgi_status, on_sleep_ms, const csgi_host *, uint64_t)
ANYWHERE_4(csgi_status, on_spawn, const csgi_scope *, csgi_task_fn, void *, csgi_task **)
ANYWHERE_2(csgi_status, on_join, csgi_task *, csgi_status *)
ANYWHERE_VOID_1(on_cancel, csgi_task *)
ANYWHERE_3(csgi_status, on_deadline_enter, const csgi_host *, uint64_t, csgi_deadline **)
ANYWHERE_2(csgi_status, on_deadline_leave, const csgi_host *, csgi_deadline *)
ANYWHERE_1(csgi_status, on_shield_enter, const csgi_host *)
ANYWHERE_1(csgi_status, on_shield_leave, const csgi_host *)
ANYWHERE_2(csgi_status, ext_group_open, const csgi_scope *, csgi_group **)
ANYWHERE_3(csgi_status, ext_group_spawn, csgi_group *, csgi_task_fn, void *)
ANYWHERE_1(csgi_status, ext_group_wait, csgi_group *)
ANYWHERE_VOID_1(ext_group_cancel, csgi_group *)
ANYWHERE_5(csgi_status, ext_start_job, const csgi_host *, csgi_str, uint32_t, csgi_job_fn, void *)

const csgi_task_extension ext_task = {
    .size = sizeof(csgi_task_extension),
    .sleep_ms = on_sleep_ms_anywhere,
    .spawn = on_spawn_anywhere,
    .join = on_join_anywhere,
    .cancel = on_cancel_anywhere,
    .deadline_enter = on_deadline_enter_anywhere,
    .deadline_leave = on_deadline_leave_anywhere,
    .shield_enter = on_shield_enter_anywhere,
    .shield_leave = on_shield_leave_anywhere,
    .group_open = ext_group_open_anywhere,
    .group_spawn = ext_group_spawn_anywhere,
    .group_wait = ext_group_wait_anywhere,
    .group_cancel = ext_group_cancel_anywhere,
    .start_job = ext_start_job_anywhere,
    .sync = &ext_task_sync,
};
