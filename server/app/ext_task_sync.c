/* SPDX-License-Identifier: MIT
 * Events, semaphores and queues between the tasks of one worker. */
#include <stdlib.h>

#include "app/anywhere.h"
#include "app/ext_task.h"
#include "app/instance.h"
#include "loop/waiters.h"

struct csgi_task_event {
    loop *loop;
    list_node line;
    bool is_set;
};

struct csgi_semaphore {
    loop *loop;
    list_node line; /* empty unless count is 0 */
    uint64_t count;
};

struct csgi_queue {
    loop *loop;
    list_node getters; /* empty unless the queue is */
    list_node putters; /* empty unless the queue is full */
    bool is_closed;
    size_t capacity, count, first;
    void *items[]; /* a ring */
};

static loop *loop_of(const csgi_host *host)
{
    return ((const instance *)host->server)->set->loop;
}

/* Waits in the line, if it may. */
static csgi_status stand_in(loop *runner, list_node *line, uint64_t timeout_ms, waiter *self)
{
    if (timeout_ms == 0) return CSGI_ETIMEDOUT;
    if (!task_current(runner)) return CSGI_ESTATE;
    return waiters_join(runner, line, timeout_ms, self);
}

/* ---- events ---- */

static csgi_status on_event_new(const csgi_host *host, csgi_task_event **event)
{
    csgi_task_event *self;

    if (!event) return CSGI_EINVAL;
    self = calloc(1, sizeof *self);
    if (!self) return CSGI_ENOMEM;
    self->loop = loop_of(host);
    list_init(&self->line);
    *event = self;
    return CSGI_OK;
}

static void on_event_set(csgi_task_event *self)
{
    if (!self) return;
    self->is_set = true;
    waiters_wake_all(&self->line, CSGI_OK);
}

static void on_event_clear(csgi_task_event *self)
{
    if (self) self->is_set = false;
}

static csgi_status on_event_wait(csgi_task_event *self, uint64_t timeout_ms)
{
    waiter me = { 0 };
    csgi_status status;

    if (!self) return CSGI_EINVAL;
    status = task_check(self->loop);
    if (status != CSGI_OK || self->is_set) return status;
    return stand_in(self->loop, &self->line, timeout_ms, &me);
}

static csgi_status on_event_free(csgi_task_event *self)
{
    if (!self) return CSGI_OK;
    if (!list_is_empty(&self->line)) return CSGI_EBUSY;
    free(self);
    return CSGI_OK;
}

/* ---- semaphores ---- */

static csgi_status on_semaphore_new(const csgi_host *host, uint64_t count, csgi_semaphore **out)
{
    csgi_semaphore *self;

    if (!out) return CSGI_EINVAL;
    self = calloc(1, sizeof *self);
    if (!self) return CSGI_ENOMEM;
    self->loop = loop_of(host);
    self->count = count;
    list_init(&self->line);
    *out = self;
    return CSGI_OK;
}

static csgi_status on_semaphore_acquire(csgi_semaphore *self, uint64_t timeout_ms)
{
    waiter me = { 0 };
    csgi_status status;

    if (!self) return CSGI_EINVAL;
    status = task_check(self->loop);
    if (status != CSGI_OK) return status;
    if (self->count == 0) return stand_in(self->loop, &self->line, timeout_ms, &me);
    self->count--;
    return CSGI_OK;
}

/* What is released goes to the first in the line, not to who comes by. */
static void on_semaphore_release(csgi_semaphore *self)
{
    waiter *next = self ? waiters_take(&self->line) : NULL;

    if (!self) return;
    if (next)
        waiters_wake(next, CSGI_OK);
    else
        self->count++;
}

static csgi_status on_semaphore_free(csgi_semaphore *self)
{
    if (!self) return CSGI_OK;
    if (!list_is_empty(&self->line)) return CSGI_EBUSY;
    free(self);
    return CSGI_OK;
}

/* ---- queues ---- */

static csgi_status on_queue_new(const csgi_host *host, size_t capacity, csgi_queue **out)
{
    csgi_queue *self;

    if (!out || capacity == 0) return CSGI_EINVAL;
    if (capacity > (SIZE_MAX - sizeof *self) / sizeof self->items[0]) return CSGI_ENOMEM;
    self = calloc(1, sizeof *self + capacity * sizeof self->items[0]);
    if (!self) return CSGI_ENOMEM;
    self->loop = loop_of(host);
    self->capacity = capacity;
    list_init(&self->getters);
    list_init(&self->putters);
    *out = self;
    return CSGI_OK;
}

static void push(csgi_queue *self, void *item)
{
    self->items[(self->first + self->count++) % self->capacity] = item;
}

static void *pop(csgi_queue *self)
{
    void *item = self->items[self->first];

    self->first = (self->first + 1) % self->capacity;
    self->count--;
    return item;
}

static csgi_status on_queue_put(csgi_queue *self, void *item, uint64_t timeout_ms)
{
    waiter me = { .item = item }, *getter;
    csgi_status status;

    if (!self) return CSGI_EINVAL;
    status = task_check(self->loop);
    if (status != CSGI_OK) return status;
    if (self->is_closed) return CSGI_ESTATE;
    getter = waiters_take(&self->getters);
    if (getter) {
        getter->item = item;
        waiters_wake(getter, CSGI_OK);
        return CSGI_OK;
    }
    if (self->count == self->capacity) return stand_in(self->loop, &self->putters, timeout_ms, &me);
    push(self, item);
    return CSGI_OK;
}

static csgi_status on_queue_get(csgi_queue *self, void **item, uint64_t timeout_ms)
{
    waiter me = { 0 }, *putter;
    csgi_status status;

    if (!self || !item) return CSGI_EINVAL;
    status = task_check(self->loop);
    if (status != CSGI_OK) return status;
    if (self->count == 0) {
        if (self->is_closed) return CSGI_ESTATE;
        status = stand_in(self->loop, &self->getters, timeout_ms, &me);
        if (status == CSGI_OK) *item = me.item;
        return status;
    }
    *item = pop(self);
    putter = waiters_take(&self->putters);
    if (putter) {
        push(self, putter->item);
        waiters_wake(putter, CSGI_OK);
    }
    return CSGI_OK;
}

static void on_queue_close(csgi_queue *self)
{
    if (!self) return;
    self->is_closed = true;
    waiters_wake_all(&self->getters, CSGI_ESTATE);
    waiters_wake_all(&self->putters, CSGI_ESTATE);
}

static csgi_status on_queue_free(csgi_queue *self)
{
    if (!self) return CSGI_OK;
    if (!list_is_empty(&self->getters) || !list_is_empty(&self->putters)) return CSGI_EBUSY;
    free(self);
    return CSGI_OK;
}

ANYWHERE_2(csgi_status, on_event_new, const csgi_host *, csgi_task_event **)
ANYWHERE_VOID_1(on_event_set, csgi_task_event *)
ANYWHERE_VOID_1(on_event_clear, csgi_task_event *)
ANYWHERE_2(csgi_status, on_event_wait, csgi_task_event *, uint64_t)
ANYWHERE_1(csgi_status, on_event_free, csgi_task_event *)
ANYWHERE_3(csgi_status, on_semaphore_new, const csgi_host *, uint64_t, csgi_semaphore **)
ANYWHERE_2(csgi_status, on_semaphore_acquire, csgi_semaphore *, uint64_t)
ANYWHERE_VOID_1(on_semaphore_release, csgi_semaphore *)
ANYWHERE_1(csgi_status, on_semaphore_free, csgi_semaphore *)
ANYWHERE_3(csgi_status, on_queue_new, const csgi_host *, size_t, csgi_queue **)
ANYWHERE_3(csgi_status, on_queue_put, csgi_queue *, void *, uint64_t)
ANYWHERE_3(csgi_status, on_queue_get, csgi_queue *, void **, uint64_t)
ANYWHERE_VOID_1(on_queue_close, csgi_queue *)
ANYWHERE_1(csgi_status, on_queue_free, csgi_queue *)

const csgi_sync_functions ext_task_sync = {
    .size = sizeof(csgi_sync_functions),
    .event_new = on_event_new_anywhere,
    .event_set = on_event_set_anywhere,
    .event_clear = on_event_clear_anywhere,
    .event_wait = on_event_wait_anywhere,
    .event_free = on_event_free_anywhere,
    .semaphore_new = on_semaphore_new_anywhere,
    .semaphore_acquire = on_semaphore_acquire_anywhere,
    .semaphore_release = on_semaphore_release_anywhere,
    .semaphore_free = on_semaphore_free_anywhere,
    .queue_new = on_queue_new_anywhere,
    .queue_put = on_queue_put_anywhere,
    .queue_get = on_queue_get_anywhere,
    .queue_close = on_queue_close_anywhere,
    .queue_free = on_queue_free_anywhere,
};
