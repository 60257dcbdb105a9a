/* SPDX-License-Identifier: MIT
 * One function on a thread, while its task waits. */
#include "loop/offload.h"

#include "loop/thread_pool.h"

typedef struct offloaded {
    pool_job job;
    pool_note end;
    thread_pool *pool;
    task_fn fn;
    void *arg;
    const task_label *label;
    csgi_status result;
} offloaded;

static void run(pool_job *job)
{
    offloaded *self = CONTAINER_OF(job, offloaded, job);

    pthread_mutex_unlock(&self->pool->lock);
    crash_set_offload(self->label, ", in a function given to offload");
    self->result = self->fn(self->arg);
    crash_set_offload(NULL, NULL);
    pthread_mutex_lock(&self->pool->lock);
    thread_pool_tell(self->pool, &self->end);
}

csgi_status offload_run(loop *owner, task_fn fn, void *arg, csgi_status *result)
{
    offloaded self = { .job.run = run,
                       .end.ends_job = true,
                       .fn = fn,
                       .arg = arg,
                       .label = owner->tasks.current->label };
    csgi_status status = task_check(owner);

    if (status == CSGI_OK) status = thread_pool_open(owner, POOL_FUNCTIONS, &self.pool);
    if (status == CSGI_OK) status = thread_pool_give(self.pool, &self.job, true);
    if (status != CSGI_OK) return status;
    status = thread_pool_wait_first(self.pool, &self.end, &self.job);
    if (status == CSGI_OK) *result = self.result;
    return status;
}
