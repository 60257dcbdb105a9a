/* SPDX-License-Identifier: MIT
 * Lines of waiting tasks. */
#include "loop/waiters.h"

static void on_limit(timer *limit)
{
    waiter *self = CONTAINER_OF(limit, waiter, limit);

    list_remove(&self->node);
    task_wake(&self->wait, CSGI_ETIMEDOUT);
}

csgi_status waiters_join(loop *owner, list_node *line, uint64_t timeout_ms, waiter *self)
{
    csgi_status status;

    timer_init(&self->limit, on_limit);
    task_wait_begin(owner, &self->wait);
    list_append(line, &self->node);
    if (timeout_ms < UINT64_MAX) timer_start(owner, &self->limit, timeout_ms);
    status = task_wait_end(&self->wait);
    timer_stop(owner, &self->limit);
    if (!self->wait.woken) list_remove(&self->node);
    return status;
}

waiter *waiters_take(list_node *line)
{
    list_node *first = list_pop(line);

    return first ? CONTAINER_OF(first, waiter, node) : NULL;
}

void waiters_wake(waiter *taken, csgi_status status)
{
    task_wake(&taken->wait, status);
}

void waiters_wake_all(list_node *line, csgi_status status)
{
    waiter *next;

    while ((next = waiters_take(line)))
        waiters_wake(next, status);
}
