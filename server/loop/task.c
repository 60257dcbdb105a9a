/* SPDX-License-Identifier: MIT
 * Tasks: their life, their waits, and the queue of those that are ready. A task's struct lies at
 * the top of its own stack, so a task costs no memory of the heap. */
#include "loop/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "log/log.h"
#include "loop/core.h"

/* TSan knows 8,128 stacks at most; some are threads. */
#define TSAN_MAX_STACKS 8000
/* A task that does not listen is paused for 0, 1, 2, 4 ... ms, up to this. */
#define PENALTY_MAX_MS 1000
/* The pause from which on it is named: a handler that sends twice more before it looks is not
 * worth a line. */
#define PENALTY_TOLD_MS 4

static void queue_append(task_queue *self, task *item)
{
    item->next_ready = NULL;
    if (self->first)
        self->last->next_ready = item;
    else
        self->first = item;
    self->last = item;
}

static void make_ready(task *self)
{
    CHECK(!self->is_ready);
    self->is_ready = true;
    queue_append(&self->loop->tasks.ready, self);
    loop_keep_turning(self->loop);
}

/* Stops the running task until someone makes it ready. */
static void suspend(task *self)
{
    switch_to(&self->side, &self->loop->tasks.loop_side);
}

static bool must_end(const task *self)
{
    if (self->is_cancelled && self->shields == 0) return true;
    return self->deadlines && task_is_late(self);
}

/* The bottom frame of each task. */
static void task_main(void *arg)
{
    task *self = arg;

    self->result = self->fn(self->arg);
    self->has_ended = true;
    switch_leave(&self->side, &self->loop->tasks.loop_side);
}

/* Frees what the task has but its stack, on which it lies itself. */
static void fini_task(task *self)
{
    task_leave_deadlines(self);
    free(self->error);
    switch_fini(&self->side);
    self->loop->tasks.count--;
}

/* The owner may have something on the stack: it is given back last. */
static void end_task(task *self)
{
    stack_pool *stacks = &self->loop->tasks.stacks;
    stack *memory = self->stack;

    fini_task(self);
    if (self->on_end) self->on_end(self->arg, self->result);
    stack_give_back(stacks, memory);
}

static void run_task(task *self)
{
    loop *owner = self->loop;

    self->is_ready = false;
    owner->tasks.current = self;
    stall_set_holder(&owner->stall, self->label);
    switch_to(&owner->tasks.loop_side, &self->side);
    stall_set_holder(&owner->stall, NULL);
    owner->tasks.current = NULL;
    owner->clock_is_stale = true;
    if (self->has_ended) end_task(self);
}

typedef struct task_pause {
    timer timer;
    task *sleeper;
} task_pause;

static void on_pause_end(timer *item)
{
    make_ready(CONTAINER_OF(item, task_pause, timer)->sleeper);
}

/* Neither events nor cancellation end it. */
static void pause_task(task *self, uint64_t ms)
{
    task_pause item = { .sleeper = self };

    if (ms == 0) {
        make_ready(self);
        suspend(self);
        return;
    }
    timer_init(&item.timer, on_pause_end);
    timer_start(self->loop, &item.timer, ms);
    suspend(self);
}

static void penalize(task *self, const char *what)
{
    uint64_t ms = self->next_penalty_ms;

    if (ms >= PENALTY_TOLD_MS && !self->penalty_was_told) {
        self->penalty_was_told = true;
        log_warning("plugin %.*s, endpoint %.*s ignores its errors (%s); each such call now waits "
                    "longer, up to %d ms: look at what receive and send return",
                    STR_ARG(self->label->plugin), STR_ARG(self->label->endpoint), what,
                    PENALTY_MAX_MS);
    }
    self->next_penalty_ms = ms == 0                   ? 1
                            : ms * 2 < PENALTY_MAX_MS ? (uint32_t)ms * 2
                                                      : PENALTY_MAX_MS;
    pause_task(self, ms);
}

/* A suspension point of a cancelled task. The first one returns at once. */
static void meet_cancellation(task *self)
{
    if (self->cancel_was_told) penalize(self, "waits after its cancellation");
    self->cancel_was_told = true;
}

/* Why the task that must end may not wait. */
static csgi_status take_reason(task *self)
{
    csgi_status reason = self->cancel_reason;

    if (!self->is_cancelled || self->shields) return CSGI_ETIMEDOUT; /* a deadline of its own */
    self->cancel_reason = CSGI_ECANCELED;
    return reason;
}

typedef struct timed_wait {
    timer timer;
    task_wait wait;
} timed_wait;

static void on_sleep_end(timer *item)
{
    task_wake(&CONTAINER_OF(item, timed_wait, timer)->wait, 0);
}

static task *running_task(const loop *owner)
{
    CHECK(owner->tasks.current);
    return owner->tasks.current;
}

csgi_status tasks_init(loop *self, const loop_options *options)
{
    scheduler *tasks = &self->tasks;
    csgi_status status = stack_pool_init(&tasks->stacks, options->guard);

    if (status) return status;
    switch_init_thread(&tasks->loop_side);
    tasks->stack_size = options->stack_size ? options->stack_size : 262144;
    if (switch_has_tsan() && tasks->stacks.max_stacks > TSAN_MAX_STACKS)
        tasks->stacks.max_stacks = TSAN_MAX_STACKS;
    tasks->max_tasks = options->max_tasks ? options->max_tasks : SIZE_MAX;
    if (tasks->max_tasks > tasks->stacks.max_stacks) tasks->max_tasks = tasks->stacks.max_stacks;
    return 0;
}

void tasks_fini(loop *self)
{
    CHECK(self->tasks.count == 0);
    stack_pool_fini(&self->tasks.stacks);
}

void tasks_run(loop *self)
{
    task *next = self->tasks.ready.first;

    self->tasks.ready = (task_queue){ NULL, NULL };
    while (next) {
        task *item = next;

        next = item->next_ready;
        run_task(item);
    }
}

const char *task_label_print(const task_label *label, char *text, size_t size)
{
    if (label)
        snprintf(text, size, "plugin %.*s, endpoint %.*s", STR_ARG(label->plugin),
                 STR_ARG(label->endpoint));
    else
        snprintf(text, size, "the server's own work");
    return text;
}

csgi_status task_new(loop *owner, size_t stack_size, size_t room_size, task **out, void **room)
{
    scheduler *tasks = &owner->tasks;
    csgi_status status;
    stack *memory;
    char *top;
    task *self;

    if (tasks->count >= tasks->max_tasks) return CSGI_ELIMIT;
    if (room_size > STACK_MIN / 4) return CSGI_ENOMEM;
    status = stack_take(&tasks->stacks, stack_size ? stack_size : tasks->stack_size, &memory);
    if (status) return status;

    top = memory->low + memory->size - TASK_ROOM;
    self = (task *)(void *)top;
    top -= STACK_ROOM(room_size);
    memset(self, 0, sizeof(*self));
    self->loop = owner;
    self->stack = memory;
    switch_init(&self->side, memory->fiber, memory->low, memory->size, top, task_main, self);
    tasks->count++;
    *out = self;
    *room = top;
    return 0;
}

void task_begin(task *self, const task_label *label, task_fn fn, task_end_fn on_end, void *arg)
{
    self->label = label;
    self->fn = fn;
    self->on_end = on_end;
    self->arg = arg;
    make_ready(self);
}

void task_discard(task *self)
{
    stack_pool *stacks = &self->loop->tasks.stacks;
    stack *memory = self->stack;

    fini_task(self);
    stack_give_back(stacks, memory);
}

csgi_status task_spawn(loop *owner, const task_label *label, size_t stack_size, task_fn fn,
                       task_end_fn on_end, void *arg, task **out)
{
    task *made;
    void *no_room;
    csgi_status status = task_new(owner, stack_size, 0, &made, &no_room);

    if (status) return status;
    task_begin(made, label, fn, on_end, arg);
    if (out) *out = made;
    return 0;
}

task *task_current(const loop *owner)
{
    return owner->tasks.current;
}

void task_set_owner(task *self, void *owner)
{
    self->owner = owner;
}

void *task_get_owner(const task *self)
{
    return self->owner;
}

const task_note *task_set_note(loop *owner, const task_note *note)
{
    task *current = owner->tasks.current;
    const task_note *before = current ? current->note : NULL;

    if (current) current->note = note;
    return before;
}

const task_note *task_get_note(const task *self)
{
    return self->note;
}

const task_wait *task_get_wait(const task *self)
{
    return self->waiting;
}

size_t task_count(const loop *owner)
{
    return owner->tasks.count;
}

void task_wait_begin(loop *owner, task_wait *wait)
{
    *wait = (task_wait){ .waiter = running_task(owner) };
}

csgi_status task_wait_end(task_wait *wait)
{
    task *self = wait->waiter;

    CHECK(self == self->loop->tasks.current);
    if (wait->woken) return wait->status;
    if (must_end(self)) {
        meet_cancellation(self);
    } else {
        self->waiting = wait;
        suspend(self);
    }
    if (wait->woken) return wait->status;
    self->cancel_was_told = true;
    return take_reason(self);
}

csgi_status task_wait_at(loop *owner, task_wait **place)
{
    task_wait wait;
    csgi_status status;

    CHECK(!*place);
    task_wait_begin(owner, &wait);
    *place = &wait;
    status = task_wait_end(&wait);
    *place = NULL;
    return status;
}

void task_wake(task_wait *wait, csgi_status status)
{
    task *waiter = wait->waiter;

    if (wait->woken) return;
    wait->woken = true;
    wait->status = status;
    if (waiter->waiting != wait) return; /* not yet suspended, or cancelled and ready already */
    waiter->waiting = NULL;
    make_ready(waiter);
}

csgi_status task_sleep(loop *owner, uint64_t ms)
{
    timed_wait item;
    csgi_status status;

    /* A cancelled one's pauses may be longer than its sleep, which would then end well each time.
     */
    if (ms == 0 || must_end(running_task(owner))) return task_yield(owner);
    timer_init(&item.timer, on_sleep_end);
    task_wait_begin(owner, &item.wait);
    timer_start(owner, &item.timer, ms);
    status = task_wait_end(&item.wait);
    timer_stop(owner, &item.timer);
    return status;
}

csgi_status task_yield(loop *owner)
{
    task *self = running_task(owner);

    if (must_end(self)) {
        meet_cancellation(self);
        return take_reason(self);
    }
    pause_task(self, 0);
    return 0;
}

csgi_status task_check(loop *owner)
{
    const task *self = owner->tasks.current;

    return self && must_end(self) ? task_yield(owner) : 0;
}

void task_penalty(loop *owner, const char *what)
{
    penalize(running_task(owner), what);
}

void task_interrupt(task *self)
{
    if (!self->waiting || !must_end(self)) return;
    self->waiting = NULL;
    make_ready(self);
}

void task_forgive(task *self)
{
    self->cancel_was_told = false;
    self->next_penalty_ms = 0;
}

void task_tell_later(task *self, csgi_status reason)
{
    self->cancel_was_told = false;
    if (self->is_cancelled) self->cancel_reason = reason;
}

static void cancel(task *self, csgi_status reason)
{
    if (!self->is_cancelled) self->cancel_reason = reason;
    self->is_cancelled = true;
    task_interrupt(self);
}

void task_cancel(task *self)
{
    cancel(self, CSGI_ECANCELED);
}

void task_time_out(task *self)
{
    cancel(self, CSGI_ETIMEDOUT);
}

bool task_is_cancelled(const task *self)
{
    return self->is_cancelled;
}

void task_shield(task *self)
{
    self->shields++;
}

void task_unshield(task *self)
{
    CHECK(self->shields > 0);
    self->shields--;
    task_unshield_deadlines(self);
}

bool task_is_shielded(const task *self)
{
    return self->shields > 0;
}

void task_shield_for_app(task *self)
{
    self->app_shields++;
    task_shield(self);
}

csgi_status task_unshield_for_app(task *self)
{
    if (self->app_shields == 0) return CSGI_ESTATE;
    self->app_shields--;
    task_unshield(self);
    if (!must_end(self)) return CSGI_OK;
    return self->is_cancelled && self->shields == 0 ? self->cancel_reason : CSGI_ETIMEDOUT;
}

void task_unshield_from_app(task *self)
{
    while (self->app_shields)
        task_unshield_for_app(self);
}

void task_set_error(task *self, csgi_str detail)
{
    char *copy = detail.len ? malloc(detail.len) : NULL;

    if (copy) memcpy(copy, detail.ptr, detail.len);
    free(self->error);
    self->error = copy;
    self->error_len = copy ? detail.len : 0;
}

csgi_str task_error(const task *self)
{
    return (csgi_str){ self->error, self->error_len };
}

void task_set_exception_globals(void *(*cxa_get_globals)(void))
{
    switch_set_exception_globals(cxa_get_globals);
}
