/* SPDX-License-Identifier: MIT
 * Groups of a call's tasks: the first failure cancels the others, and all end before the group. */
#include "app/app_set.h"
#include "app/ext_task.h"

struct csgi_group {
    call *call;
    list_node tasks; /* that have not ended, as csgi_task.of_group */
    task_wait *waiter;
    csgi_status failure; /* the first */
    csgi_str error;      /* what its task's last_error was */
    bool is_ending;      /* one has failed, or it is cancelled */
    csgi_group *next_spare;
};

static void stop(csgi_group *self)
{
    self->is_ending = true;
    LIST_EACH_SAFE (node, &self->tasks) {
        task_cancel(CONTAINER_OF(node, csgi_task, of_group)->task);
    }
}

void group_fail(csgi_group *self, csgi_status failure, csgi_str error)
{
    if (self->failure != CSGI_OK) return;
    self->failure = failure;
    if (error.len) self->error = arena_copy_str(self->call->arena, error);
    stop(self);
}

void group_lose(csgi_group *self, csgi_task *child)
{
    list_remove(&child->of_group);
    if (self->waiter && list_is_empty(&self->tasks)) task_wake(self->waiter, CSGI_OK);
}

/* Returns when the last has ended, whatever becomes of the caller meanwhile. Before the caller has
 * its turn, a task from outside of the group may have added one. */
static csgi_status wait_for_all(csgi_group *self)
{
    loop *runner = self->call->set->loop;
    task *caller = task_current(runner);
    csgi_status status = CSGI_OK;

    while (status == CSGI_OK && !list_is_empty(&self->tasks))
        status = task_wait_at(runner, &self->waiter);
    if (list_is_empty(&self->tasks)) return status;
    stop(self);
    task_shield(caller);
    task_wait_at(runner, &self->waiter);
    task_unshield(caller);
    return status;
}

static bool is_of_caller(const csgi_group *self)
{
    return call_current(self->call->set->loop) == self->call;
}

static bool has(const csgi_group *self, const task *member)
{
    LIST_EACH (node, &self->tasks) {
        if (CONTAINER_OF(node, csgi_task, of_group)->task == member) return true;
    }
    return false;
}

csgi_status ext_group_open(const csgi_scope *scope, csgi_group **group)
{
    call *of = call_of_scope(scope);
    csgi_group *self;

    if (!of || !group) return CSGI_EINVAL;
    if (of->is_returned || call_current(of->set->loop) != of) return CSGI_ESTATE;
    self = of->spare_group;
    if (self)
        of->spare_group = self->next_spare;
    else
        self = arena_alloc(of->arena, sizeof *self, _Alignof(csgi_group));
    if (!self) return CSGI_ENOMEM;
    *self = (csgi_group){ .call = of };
    list_init(&self->tasks);
    *group = self;
    return CSGI_OK;
}

csgi_status ext_group_spawn(csgi_group *self, csgi_task_fn fn, void *arg)
{
    csgi_task *child;
    csgi_status status;

    if (!self || !fn) return CSGI_EINVAL;
    if (!is_of_caller(self)) return CSGI_ESTATE;
    if (self->is_ending) return CSGI_ECANCELED;
    status = child_start(self->call, (csgi_task){ .fn = fn, .arg = arg, .group = self }, &child);
    if (status == CSGI_OK) list_append(&self->tasks, &child->of_group);
    return status;
}

csgi_status ext_group_wait(csgi_group *self)
{
    loop *runner;
    csgi_status status;

    if (!self) return CSGI_EINVAL;
    if (!is_of_caller(self)) return CSGI_ESTATE;
    runner = self->call->set->loop;
    if (has(self, task_current(runner))) return CSGI_EINVAL; /* it would wait for itself */
    if (self->waiter) return CSGI_EBUSY;
    status = wait_for_all(self);
    if (status == CSGI_OK && self->failure != CSGI_OK) {
        status = self->failure;
        task_set_error(task_current(runner), self->error);
    }
    self->next_spare = self->call->spare_group;
    self->call->spare_group = self;
    return status;
}

void ext_group_cancel(csgi_group *self)
{
    if (self) stop(self);
}
