/* SPDX-License-Identifier: MIT
 * Draft extension "csgi.draft.task/1": sleeping, further tasks of the same call, groups of them. A
 * draft may change with any server; it grows at its end: ask CSGI_HAS before a call. */
#ifndef CSGI_EXT_DRAFT_TASK_H
#define CSGI_EXT_DRAFT_TASK_H

#include <csgi/host.h>

#define CSGI_TASK_EXTENSION "csgi.draft.task/1"

typedef struct csgi_task csgi_task; /* opaque, the server's */

typedef struct csgi_group csgi_group;       /* likewise */
typedef struct csgi_deadline csgi_deadline; /* likewise */

typedef csgi_status (*csgi_task_fn)(void *arg);

/* A job has no events to receive or send: its scope, of type 0, is there for its arena and for the
 * host's functions that take a scope. */
typedef csgi_status (*csgi_job_fn)(const csgi_scope *scope, void *arg);

enum { CSGI_JOB_PERIODIC = 1 }; /* it never ends by itself: cancelled as soon as the app drains */

/* ---- what tasks of one worker tell and hand one another ----
 *
 * All of it is for the worker's thread alone (csgi_host.post comes from others) and for blocking
 * endpoints of it, for tasks of any call or job, and is the plugin's to free: freeing is refused
 * with CSGI_EBUSY while a task waits. Who waits longest is first. A timeout of 0 does not wait, and
 * may be had on the loop; CSGI_FOREVER has no limit. What waits returns CSGI_ETIMEDOUT when its
 * time is over, and CSGI_ECANCELED; it has taken or put nothing then. */

#define CSGI_FOREVER UINT64_MAX

typedef struct csgi_task_event csgi_task_event; /* opaque, the server's, as the next two */
typedef struct csgi_semaphore csgi_semaphore;
typedef struct csgi_queue csgi_queue;

typedef struct csgi_sync_functions {
    uint32_t size, reserved;

    /* An event, as asyncio.Event: not set at first. Waits end as long as it is set. new:
     * CSGI_ENOMEM [task] [loop]; wait: [suspends] */
    csgi_status (*event_new)(const csgi_host *host, csgi_task_event **event);
    void (*event_set)(csgi_task_event *event);
    void (*event_clear)(csgi_task_event *event);
    csgi_status (*event_wait)(csgi_task_event *event, uint64_t timeout_ms);
    csgi_status (*event_free)(csgi_task_event *event);

    /* A semaphore: so many may have it at once. new: CSGI_ENOMEM [task] [loop]; acquire:
     * [suspends] */
    csgi_status (*semaphore_new)(const csgi_host *host, uint64_t count, csgi_semaphore **made);
    csgi_status (*semaphore_acquire)(csgi_semaphore *semaphore, uint64_t timeout_ms);
    void (*semaphore_release)(csgi_semaphore *semaphore);
    csgi_status (*semaphore_free)(csgi_semaphore *semaphore);

    /* A queue of at most capacity pointers, 1 or more: put waits while it is full, get while it is
     * empty. After close put returns CSGI_ESTATE, those that wait as well, and get does when what
     * was in it has been taken. new: CSGI_ENOMEM [task] [loop]; put, get: [suspends] */
    csgi_status (*queue_new)(const csgi_host *host, size_t capacity, csgi_queue **queue);
    csgi_status (*queue_put)(csgi_queue *queue, void *item, uint64_t timeout_ms);
    csgi_status (*queue_get)(csgi_queue *queue, void **item, uint64_t timeout_ms);
    void (*queue_close)(csgi_queue *queue);
    csgi_status (*queue_free)(csgi_queue *queue);
} csgi_sync_functions;

typedef struct csgi_task_extension {
    uint32_t size, reserved;

    /* Suspends the calling task for that many milliseconds. CSGI_ECANCELED, CSGI_ETIMEDOUT [task]
     * [suspends] */
    csgi_status (*sleep_ms)(const csgi_host *host, uint64_t ms);

    /* Starts fn(arg) as another task of this call; it runs when the caller next suspends. The call
     * does not end before it has: when the app returns, tasks that have not ended are cancelled and
     * waited for. CSGI_ENOMEM; CSGI_ELIMIT: no more tasks; CSGI_ESTATE: the app has returned.
     * [task] */
    csgi_status (*spawn)(const csgi_scope *scope, csgi_task_fn fn, void *arg, csgi_task **task);

    /* Waits for the end of a spawned task and stores what its function returned. The task may be
     * joined once, and is not to be used afterwards. CSGI_ECANCELED: the caller is cancelled; the
     * task goes on. CSGI_EBUSY: another task is joining it. CSGI_ESTATE: it is another call's.
     * [task] [suspends] */
    csgi_status (*join)(csgi_task *task, csgi_status *result);

    /* Asks a spawned task to end: what it waits for returns CSGI_ECANCELED, from now on always.
     * [task] [loop] */
    void (*cancel)(csgi_task *task);

    /* ---- groups: tasks that succeed or fail together ---- */

    /* Makes an empty group of the call's tasks:
     *     tasks->group_open(scope, &group);
     *     for (i = 0; i < 3; i++)
     *         tasks->group_spawn(group, fetch_one, &each[i]);
     *     status = tasks->group_wait(group);
     * A group that is still open when the app returns is cancelled and waited for. CSGI_ENOMEM;
     * CSGI_ESTATE: the app has returned. [task] */
    csgi_status (*group_open)(const csgi_scope *scope, csgi_group **group);

    /* Starts fn(arg) as a task of the group. The first that returns something else than CSGI_OK
     * cancels the others. Whatever this returns, group_wait is still to be called. CSGI_ENOMEM and
     * CSGI_ELIMIT as spawn; CSGI_ECANCELED: one has failed, or the group is cancelled; CSGI_ESTATE:
     * it is another call's. [task] */
    csgi_status (*group_spawn)(csgi_group *group, csgi_task_fn fn, void *arg);

    /* Waits until all have ended, and ends the group, which is not to be used afterwards. Returns
     * what the first that failed returned, its last_error with it. When the caller is cancelled
     * meanwhile, or its time is over, it cancels the group, waits for it all the same, and returns
     * CSGI_ECANCELED or CSGI_ETIMEDOUT. CSGI_EBUSY: another task is waiting; CSGI_ESTATE: it is
     * another call's; CSGI_EINVAL: the caller is of the group. The group goes on after these three.
     * [task] [suspends] */
    csgi_status (*group_wait)(csgi_group *group);

    /* Cancels all of its tasks; group_wait is still to be called. [task] [loop] */
    void (*group_cancel)(csgi_group *group);

    /* ---- deadlines and shields of the running task ---- */

    /* Gives what the calling task does next so many milliseconds:
     *     tasks->deadline_enter(host, 500, &deadline);
     *     status = client->fetch(...);
     *     is_late = tasks->deadline_leave(host, deadline) == CSGI_ETIMEDOUT;
     * When they have passed, all that suspends returns CSGI_ETIMEDOUT until the deadline is left.
     * They nest, the nearest counts, and csgi_host.deadline_ns tells it; a route's timeout is the
     * outermost. Tasks that are spawned meanwhile have the same deadline. CSGI_ENOMEM [task] */
    csgi_status (*deadline_enter)(const csgi_host *host, uint64_t ms, csgi_deadline **deadline);

    /* Ends the deadline, and those that were entered after it. CSGI_ETIMEDOUT: it had passed; the
     * task may wait again. CSGI_ESTATE: the calling task has no such deadline. [task] */
    csgi_status (*deadline_leave)(const csgi_host *host, csgi_deadline *deadline);

    /* From now on cancellation of the calling task, and deadlines that it has entered, are kept
     * back: for what must not be left half done. They nest; what is still up when the app returns
     * is taken away. The server's stop waits for its time limit, not for ever. [task] */
    csgi_status (*shield_enter)(const csgi_host *host);

    /* Takes the last shield away. CSGI_ECANCELED, CSGI_ETIMEDOUT: that was kept back, and whatever
     * suspends will return it. CSGI_ESTATE: there is no shield. [task] */
    csgi_status (*shield_leave)(const csgi_host *host);

    /* ---- jobs: tasks of the app itself ---- */

    /* Starts fn(scope, arg) as a task of the app, which may outlive the call that starts it: work
     * after the response, or, started by lifespan.startup and flagged CSGI_JOB_PERIODIC, work that
     * comes again and again. The name (copied, 1 to 128 bytes) is for the log, which has one line
     * when it returns something else than CSGI_OK. Shutdown waits for jobs up to the graceful
     * limit, then cancels them, and comes before lifespan.shutdown. What arg points to is the
     * job's. CSGI_ENOMEM; CSGI_ELIMIT: no more tasks; CSGI_ESTATE: the app has not begun its
     * start-up, or is ending. [task] [loop] */
    csgi_status (*start_job)(const csgi_host *host, csgi_str name, uint32_t flags, csgi_job_fn fn,
                             void *arg);

    /* Events, semaphores, queues: a table of the server's, for the host's life. */
    const csgi_sync_functions *sync;
} csgi_task_extension;

#endif
