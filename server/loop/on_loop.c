/* SPDX-License-Identifier: MIT
 * From a task to the loop's own stack and back. */
#include "loop/on_loop.h"

#include "base/list.h"
#include "loop/timer.h"

typedef struct errand {
    timer soon;
    task_wait wait;
    void (*fn)(void *arg, csgi_status *status);
    void *arg;
    csgi_status status;
} errand;

static void on_due(timer *soon)
{
    errand *self = CONTAINER_OF(soon, errand, soon);

    self->fn(self->arg, &self->status);
    task_wake(&self->wait, CSGI_OK);
}

csgi_status on_loop(loop *runner, void (*fn)(void *arg, csgi_status *status), void *arg)
{
    errand self = { .fn = fn, .arg = arg, .status = CSGI_EFAIL };
    task *running = task_current(runner);

    if (!running) {
        fn(arg, &self.status);
        return self.status;
    }
    timer_init(&self.soon, on_due);
    task_shield(running);
    task_wait_begin(runner, &self.wait);
    timer_start(runner, &self.soon, 0);
    task_wait_end(&self.wait);
    task_unshield(running);
    return self.status;
}
