/* SPDX-License-Identifier: MIT
 * The pool of threads. What is handed over lies on its task's stack, and the task stays until it
 * has it back; the lock guards the two lists and what is in them. */
#include "loop/offload.h"

#include <signal.h>
#include <stdlib.h>

#include "loop/core.h"

/* Blocking libraries are used to a main thread's; committed as touched. */
#define THREAD_STACK_SIZE ((size_t)8388608)

typedef struct job {
    list_node node; /* of queued, or of done */
    task_fn fn;
    void *arg;
    const task_label *label;
    task_wait *wait;
    csgi_status result;
    bool is_taken; /* by a thread */
} job;

struct offload_pool {
    loop *loop;
    uv_async_t async; /* something is done */
    pthread_mutex_t lock;
    pthread_cond_t is_wanted; /* something is queued, or must_end */
    list_node queued, done;
    size_t idle_count;     /* threads that wait for is_wanted */
    size_t queued_count;   /* in `queued` */
    bool must_end;         /* threads leave */
    size_t unfinished;     /* [loop] handed over and not had back */
    size_t max_unfinished; /* running and queued together */
    size_t thread_count, max_threads;
    pthread_t threads[];
};

/* Has the lock, and has it again afterwards. */
static void run_job(offload_pool *self, job *item, const char *stack_low)
{
    list_remove(&item->node);
    self->queued_count--;
    item->is_taken = true;
    pthread_mutex_unlock(&self->lock);
    crash_set_offload(item->label, stack_low);
    item->result = item->fn(item->arg);
    crash_set_offload(NULL, NULL);
    pthread_mutex_lock(&self->lock);
    list_append(&self->done, &item->node);
    uv_async_send(&self->async);
}

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

static void *thread_main(void *arg)
{
    offload_pool *self = arg;
    const char *stack_low = own_stack_low();
    crash_stack signals;

    /* Without memory for it an overflow is not told by name. */
    bool has_stack = crash_stack_init(&signals, NULL) == CSGI_OK;

    pthread_mutex_lock(&self->lock);
    while (!self->must_end) {
        if (!list_is_empty(&self->queued)) {
            run_job(self, CONTAINER_OF(self->queued.next, job, node), stack_low);
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

static bool start_thread(offload_pool *self)
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
    pthread_setname_np(self->threads[self->thread_count], "offload");
    self->thread_count++;
    return true;
}

static void on_done(uv_async_t *async)
{
    offload_pool *self = async->data;
    list_node *node;

    pthread_mutex_lock(&self->lock);
    while ((node = list_pop(&self->done))) {
        self->unfinished--;
        task_wake(CONTAINER_OF(node, job, node)->wait, CSGI_OK);
    }
    pthread_mutex_unlock(&self->lock);
    if (self->unfinished == 0) uv_unref((uv_handle_t *)&self->async);
}

static csgi_status open_pool(loop *owner)
{
    const offload_limits *limits = &owner->offload_limits;
    offload_pool *self;

    if (owner->offload) return CSGI_OK;
    self = calloc(1, sizeof *self + limits->max_threads * sizeof self->threads[0]);
    if (!self) return CSGI_ENOMEM;
    if (uv_async_init(&owner->uv, &self->async, on_done)) {
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
    list_init(&self->done);
    owner->offload = self;
    return CSGI_OK;
}

/* CSGI_ELIMIT: there is nobody who could ever run it. */
static csgi_status hand_over(offload_pool *self, job *item)
{
    bool is_served = true;

    if (self->unfinished >= self->max_unfinished) return CSGI_ELIMIT;
    pthread_mutex_lock(&self->lock);
    if (self->queued_count >= self->idle_count && self->thread_count < self->max_threads)
        is_served = start_thread(self) || self->thread_count > 0;
    if (is_served) {
        list_append(&self->queued, &item->node);
        self->queued_count++;
        pthread_cond_signal(&self->is_wanted);
    }
    pthread_mutex_unlock(&self->lock);
    if (!is_served) return CSGI_ELIMIT;
    if (self->unfinished++ == 0) uv_ref((uv_handle_t *)&self->async);
    return CSGI_OK;
}

/* Out of the queue, if nobody has taken it yet. */
static bool take_back(offload_pool *self, job *item)
{
    bool is_taken;

    pthread_mutex_lock(&self->lock);
    is_taken = item->is_taken;
    if (!is_taken) {
        list_remove(&item->node);
        self->queued_count--;
    }
    pthread_mutex_unlock(&self->lock);
    if (is_taken) return false;
    if (--self->unfinished == 0) uv_unref((uv_handle_t *)&self->async);
    return true;
}

/* The task is cancelled, but what runs has its memory. */
static void wait_shielded(loop *owner, job *item)
{
    task *self = task_current(owner);

    item->wait = NULL;
    task_shield(self);
    task_wait_at(owner, &item->wait);
    task_unshield(self);
}

csgi_status offload_run(loop *owner, task_fn fn, void *arg, csgi_status *result)
{
    job item = { .fn = fn, .arg = arg, .label = owner->tasks.current->label };
    csgi_status status = task_check(owner);
    task_wait wait;

    if (status == CSGI_OK) status = open_pool(owner);
    if (status != CSGI_OK) return status;
    task_wait_begin(owner, &wait);
    item.wait = &wait;
    status = hand_over(owner->offload, &item);
    if (status != CSGI_OK) return status;
    status = task_wait_end(&wait);
    if (!wait.woken) {
        if (take_back(owner->offload, &item)) return status;
        wait_shielded(owner, &item);
        task_tell_later(task_current(owner), status);
    }
    *result = item.result;
    return CSGI_OK;
}

static void on_pool_closed(uv_handle_t *handle)
{
    offload_pool *self = handle->data;

    self->loop->open_handles--;
    free(self);
}

void offload_close(loop *owner)
{
    offload_pool *self = owner->offload;

    if (!self) return;
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
