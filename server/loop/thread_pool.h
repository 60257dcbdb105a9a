/* SPDX-License-Identifier: MIT
 * A bounded pool of threads that start when they are first needed, and the queue of what waits for
 * one; for the files of this folder alone. */
#ifndef CAPRICORN_LOOP_THREAD_POOL_H
#define CAPRICORN_LOOP_THREAD_POOL_H

#include "loop/core.h"

/* What a thread is to do; its owner's, until the owner has been told that it has ended. */
typedef struct pool_job pool_job;
struct pool_job {
    list_node node; /* of thread_pool.queued */
    /* Called on the thread with the pool's lock, which it lets go meanwhile. Its last act is a
     * thread_pool_tell with ends_job. */
    void (*run)(pool_job *self);
    bool is_taken; /* by a thread */
};

/* What a thread tells a task of its loop. */
typedef struct pool_note {
    list_node node;    /* of thread_pool.told */
    task_wait *waiter; /* of thread_pool_wait */
    bool is_told;      /* [loop] and not heard yet */
    bool ends_job;     /* the thread is free again */
} pool_note;

struct thread_pool {
    loop *loop;
    uv_async_t async;     /* something was told */
    pthread_mutex_t lock; /* guards the two lists, what is in them, and all down to the threads */
    pthread_cond_t is_wanted; /* something is queued, or must_end */
    list_node queued, told;
    size_t idle_count;     /* threads that wait for is_wanted */
    size_t queued_count;   /* in `queued` */
    bool must_end;         /* threads leave */
    size_t unfinished;     /* [loop] given and not ended */
    size_t max_unfinished; /* running and queued together */
    size_t thread_count, max_threads;
    pthread_t threads[];
};

/* The loop's pool of that kind, made when it is first asked for. CSGI_ENOMEM, CSGI_ELIMIT. [loop]
 */
csgi_status thread_pool_open(loop *owner, pool_kind kind, thread_pool **out);
/* Gives a job to a thread; one that may not wait, only to a thread that is free at once.
 * CSGI_ELIMIT: the queue is full, or the system gives no thread. [loop] */
csgi_status thread_pool_give(thread_pool *self, pool_job *job, bool may_wait);
/* Wakes the task that waits for the note. Under the lock; the note is the loop's from then on. */
void thread_pool_tell(thread_pool *self, pool_note *note);
/* Waits until the note is told, cancelled or not. [task] [suspends] */
void thread_pool_wait(thread_pool *self, pool_note *note);
/* Waits for the first note of a job. What ends the wait while no thread has taken the job
 * (cancellation, or somebody who wakes the waiter) takes it out of the queue, and its status is
 * returned; later it is as if the wait had not been. [task] [suspends] */
csgi_status thread_pool_wait_first(thread_pool *self, pool_note *note, pool_job *job);

#endif
