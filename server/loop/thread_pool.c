/* SPDX-License-Identifier: MIT
 * The pools of threads. What they are given lies in memory of tasks, which stay until they have it
 * back. */
#include "loop/thread_pool.h"

#include <signal.h>
#include <stdlib.h>

/* Blocking libraries are used to a main thread's; committed as touched. */
#define THREAD_STACK_SIZE ((size_t)8388608)

static const char *own_stack_low(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size;

    if (pthread_getattr_np(pthread_self(), &attributes)) return NULL;
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    return low;
}

/* Has the lock, and has it again afterwards. */
static void run_next(thread_pool *self)
{
    pool_job *next = CONTAINER_OF(self->queued.next, pool_job, node);

    list_remove(&next->node);
    self->queued_count--;
    next->is_taken = true;
    next->run(next);
}

static void *thread_main(void *arg)
{
    thread_pool *self = arg;
    crash_stack signals;

    /* Without memory for it an overflow is not told by name. */
    bool has_stack = crash_stack_init(&signals, NULL) == CSGI_OK;

    crash_set_thread_stack(own_stack_low());
    pthread_mutex_lock(&self->lock);
    while (!self->must_end) {
        if (!list_is_empty(&self->queued)) {
            run_next(self);
            continue;
        }
        self->idle_count++;
        pthread_cond_wait(&self->is_wanted, &self->lock);
        self->idle_count--;
    }
    pthread_mutex_unlock(&self->lock);
    if (has_stack) crash_stack_fini(&signals);
    return NULL;
}

/* Signals that are sent to the process are the loop's. */
static void block_sent_signals(sigset_t *before)
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    sigset_t blocked;

    sigfillset(&blocked);
    for (size_t i = 0; i < COUNT_OF(own); i++)
        sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static bool start_thread(thread_pool *self)
{
    pthread_attr_t attributes;
    sigset_t before;
    int failed;

    if (pthread_attr_init(&attributes)) return false;
    pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
    pthread_attr_setguardsize(&attributes, STACK_GUARD_SIZE);
    block_sent_signals(&before);
    failed = pthread_create(&self->threads[self->thread_count], &attributes, thread_main, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (failed) return false;
    pthread_setname_np(self->threads[self->thread_count],
                       self == self->loop->pools[POOL_ENDPOINTS] ? "blocking" : "offload");
    self->thread_count++;
    return true;
}

static void on_told(uv_async_t *async)
{
    thread_pool *self = async->data;
    list_node *node;

    pthread_mutex_lock(&self->lock);
    while ((node = list_pop(&self->told))) {
        pool_note *note = CONTAINER_OF(node, pool_note, node);

        if (note->ends_job) self->unfinished--;
        note->is_told = true;
        if (note->waiter) task_wake(note->waiter, CSGI_OK);
    }
    pthread_mutex_unlock(&self->lock);
    if (self->unfinished == 0) uv_unref((uv_handle_t *)&self->async);
}

csgi_status thread_pool_open(loop *owner, pool_kind kind, thread_pool **out)
{
    const thread_limits *limits = &owner->thread_limits;
    thread_pool *self = owner->pools[kind];

    *out = self;
    if (self) return CSGI_OK;
    self = calloc(1, sizeof *self + limits->max_threads * sizeof self->threads[0]);
    if (!self) return CSGI_ENOMEM;
    if (uv_async_init(&owner->uv, &self->async, on_told)) {
        free(self);
        return CSGI_ELIMIT;
    }
    self->async.data = self;
    uv_unref((uv_handle_t *)&self->async);
    self->loop = owner;
    self->max_threads = limits->max_threads;
    self->max_unfinished = limits->max_threads + limits->max_queued;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->is_wanted, NULL);
    list_init(&self->queued);
    list_init(&self->told);
    *out = owner->pools[kind] = self;
    return CSGI_OK;
}

/* CSGI_ELIMIT: there is nobody who could ever run it. */
csgi_status thread_pool_give(thread_pool *self, pool_job *job, bool may_wait)
{
    bool is_served = true;

    if (self->unfinished >= (may_wait ? self->max_unfinished : self->max_threads))
        return CSGI_ELIMIT;
    pthread_mutex_lock(&self->lock);
    if (self->queued_count >= self->idle_count && self->thread_count < self->max_threads)
        is_served = start_thread(self) || (may_wait && self->thread_count > 0);
    if (is_served) {
        list_append(&self->queued, &job->node);
        self->queued_count++;
        pthread_cond_signal(&self->is_wanted);
    }
    pthread_mutex_unlock(&self->lock);
    if (!is_served) return CSGI_ELIMIT;
    if (self->unfinished++ == 0) uv_ref((uv_handle_t *)&self->async);
    return CSGI_OK;
}

/* Takes it out of the queue, if no thread has taken it yet. */
static bool take_back(thread_pool *self, pool_job *job)
{
    bool is_taken;

    pthread_mutex_lock(&self->lock);
    is_taken = job->is_taken;
    if (!is_taken) {
        list_remove(&job->node);
        self->queued_count--;
    }
    pthread_mutex_unlock(&self->lock);
    if (is_taken) return false;
    if (--self->unfinished == 0) uv_unref((uv_handle_t *)&self->async);
    return true;
}

void thread_pool_tell(thread_pool *self, pool_note *note)
{
    list_append(&self->told, &note->node);
    uv_async_send(&self->async);
}

void thread_pool_wait(thread_pool *self, pool_note *note)
{
    task *waiter = task_current(self->loop);

    task_shield(waiter);
    while (!note->is_told)
        task_wait_at(self->loop, &note->waiter);
    task_unshield(waiter);
    note->is_told = false;
}

csgi_status thread_pool_wait_first(thread_pool *self, pool_note *note, pool_job *job)
{
    csgi_status status = note->is_told ? CSGI_OK : task_wait_at(self->loop, &note->waiter);

    if (status != CSGI_OK && !note->is_told) {
        if (take_back(self, job)) return status;
        if (status == CSGI_ECANCELED || status == CSGI_ETIMEDOUT)
            task_tell_later(task_current(self->loop), status);
    }
    thread_pool_wait(self, note);
    return CSGI_OK;
}

static void on_pool_closed(uv_handle_t *handle)
{
    thread_pool *self = handle->data;

    self->loop->open_handles--;
    free(self);
}

static void close_pool(loop *owner, thread_pool *self)
{
    CHECK(self->unfinished == 0);
    pthread_mutex_lock(&self->lock);
    self->must_end = true;
    pthread_cond_broadcast(&self->is_wanted);
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < self->thread_count; i++)
        pthread_join(self->threads[i], NULL);
    pthread_cond_destroy(&self->is_wanted);
    pthread_mutex_destroy(&self->lock);
    owner->open_handles++;
    uv_close((uv_handle_t *)&self->async, on_pool_closed);
}

void thread_pools_close(loop *owner)
{
    for (size_t i = 0; i < POOL_KINDS; i++) {
        if (owner->pools[i]) close_pool(owner, owner->pools[i]);
    }
}
