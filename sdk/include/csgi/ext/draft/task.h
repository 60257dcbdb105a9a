/* SPDX-License-Identifier: MIT
 * Draft extension "csgi.draft.task/1": sleeping, and further tasks of the same call. A draft may
 * change with any server. */
#ifndef CSGI_EXT_DRAFT_TASK_H
#define CSGI_EXT_DRAFT_TASK_H

#include <csgi/host.h>

#define CSGI_TASK_EXTENSION "csgi.draft.task/1"

typedef struct csgi_task csgi_task; /* opaque, the server's */

typedef csgi_status (*csgi_task_fn)(void *arg);

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
} csgi_task_extension;

#endif
