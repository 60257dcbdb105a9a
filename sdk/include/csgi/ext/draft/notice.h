/* SPDX-License-Identifier: MIT
 * Draft extension "csgi.draft.notice/1": being told, while a call runs, that its client has gone or
 * that the server drains. Both can be asked too: by receive, and by csgi_host.is_draining. A draft
 * may change with any server. */
#ifndef CSGI_EXT_DRAFT_NOTICE_H
#define CSGI_EXT_DRAFT_NOTICE_H

#include <csgi/host.h>

#define CSGI_NOTICE_EXTENSION "csgi.draft.notice/1"

/* Why the server drains. */
enum {
    CSGI_DRAINING_STOP = 1,  /* the process ends */
    CSGI_DRAINING_RELOAD = 2 /* the process goes on with another generation of this app */
};

typedef struct csgi_notice csgi_notice; /* opaque, the server's */

typedef void (*csgi_draining_fn)(void *arg, uint32_t why);

/* A function that is registered here is called at most once, on the worker's thread between two
 * turns of tasks: it must not suspend, so it cannot send or receive; it may cancel a task that this
 * call has spawned (csgi.draft.task/1). If what it waits for has happened already it is called
 * soon. It is forgotten when the app returns, before its deferred functions run; arg lives until
 * then, or until forget.
 * Registering: CSGI_EINVAL: no scope or function. CSGI_ENOTSUP: the scope is not HTTP's.
 * CSGI_ESTATE: the app has returned. CSGI_ENOMEM. *notice is for forget; notice may be NULL. */
typedef struct csgi_notice_extension {
    uint32_t size, reserved;

    /* Calls fn(arg) when the client goes away before the response is complete, or has been answered
     * by the server in the app's place: when receive would yield http.disconnect. A client that
     * only sends no more counts as gone, as it does there. [task] */
    csgi_status (*on_disconnect)(const csgi_scope *scope, csgi_fn fn, void *arg,
                                 csgi_notice **notice);

    /* Calls fn(arg, CSGI_DRAINING_*) when shutdown or a reload begins: say goodbye and end. [task]
     */
    csgi_status (*on_draining)(const csgi_scope *scope, csgi_draining_fn fn, void *arg,
                               csgi_notice **notice);

    /* The function will not be called any more. Harmless after it was, and with NULL; the notice is
     * not to be used when the app has returned. [task] [loop] */
    void (*forget)(csgi_notice *notice);
} csgi_notice_extension;

#endif
