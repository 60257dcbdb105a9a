/* SPDX-License-Identifier: MIT
 * Deadlines of single tasks, one inside another. */
#include <stdlib.h>

#include "loop/core.h"

struct task_deadline {
    task *owner;
    task_deadline *outer;
    timer timer;
    uint32_t shields; /* around it: one more, inside, keeps it back */
    bool has_passed;
};

static bool is_kept_back(const task_deadline *self)
{
    return self->owner->shields > self->shields;
}

static void on_due(timer *due)
{
    task_deadline *self = CONTAINER_OF(due, task_deadline, timer);

    self->has_passed = true;
    task_interrupt(self->owner);
}

csgi_status task_enter_deadline(task *self, uint64_t delay_ms, task_deadline **out)
{
    task_deadline *made = malloc(sizeof *made);

    if (!made) return CSGI_ENOMEM;
    *made = (task_deadline){ .owner = self, .outer = self->deadlines, .shields = self->shields };
    timer_init(&made->timer, on_due);
    timer_start(self->loop, &made->timer, delay_ms);
    self->deadlines = made;
    if (out) *out = made;
    return CSGI_OK;
}

bool task_has_deadline(const task *self, const task_deadline *wanted)
{
    for (const task_deadline *at = self->deadlines; at; at = at->outer) {
        if (at == wanted) return true;
    }
    return false;
}

/* Takes the innermost away. */
static bool pop(task *self)
{
    task_deadline *last = self->deadlines;
    bool had_passed = last->has_passed;

    self->deadlines = last->outer;
    timer_stop(self->loop, &last->timer);
    free(last);
    return had_passed;
}

csgi_status task_leave_deadline(task *self, task_deadline *left)
{
    bool is_late = left->has_passed, any_passed = false;
    const task_deadline *outer = left->outer;

    CHECK(task_has_deadline(self, left));
    while (self->deadlines != outer)
        any_passed |= pop(self);
    if (any_passed && !self->is_cancelled) task_forgive(self);
    return is_late ? CSGI_ETIMEDOUT : CSGI_OK;
}

void task_leave_deadlines(task *self)
{
    while (self->deadlines)
        pop(self);
}

void task_unshield_deadlines(task *self)
{
    for (task_deadline *at = self->deadlines; at; at = at->outer) {
        if (at->shields > self->shields) at->shields = self->shields;
    }
}

bool task_is_late(const task *self)
{
    for (const task_deadline *at = self->deadlines; at; at = at->outer) {
        if (at->has_passed && !is_kept_back(at)) return true;
    }
    return false;
}

uint64_t task_due_ms(const task *self)
{
    uint64_t nearest_ms = UINT64_MAX;

    for (const task_deadline *at = self->deadlines; at; at = at->outer) {
        if (!is_kept_back(at) && at->timer.due_ms < nearest_ms) nearest_ms = at->timer.due_ms;
    }
    return nearest_ms;
}
