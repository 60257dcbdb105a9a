/* SPDX-License-Identifier: MIT
 * One call of an application, whatever its scope: its task, further tasks, deferred functions. A
 * csgi_scope's server field points here. What is HTTP's alone is in http_call.h. */
#ifndef CAPRICORN_APP_CALL_H
#define CAPRICORN_APP_CALL_H

#include <csgi/csgi.h>

#include "base/arena.h"
#include "loop/task.h"
#include "loop/timer.h"

typedef struct app_set app_set;
typedef struct instance instance;
typedef struct deferred deferred;
typedef struct csgi_task csgi_task;
typedef struct csgi_group csgi_group;
typedef struct csgi_transfer csgi_transfer;
typedef struct notices notices;
typedef struct blocking blocking;

typedef struct call {
    app_set *set;
    const task_label *label;  /* whom messages name */
    arena *arena;             /* the scope's; outlives the call */
    size_t stack_size;        /* of its tasks; 0: the default */
    task *task;               /* NULL once it has ended */
    deferred *deferred;       /* last registered first */
    csgi_transfer *transfers; /* that it has opened, and not closed */
    timer defer_limit;
    list_node children; /* spawned tasks that have not ended */
    csgi_task *spare;   /* joined ones, to be used again */
    csgi_group *spare_group;
    task_wait *children_waiter;
    notices *notices;        /* NULL: nobody wants to be told */
    blocking *thread;        /* the last that it had; NULL: it had none */
    bool asker_holds_thread; /* of the in-process calls that led here */
    bool is_http;            /* it is part of an http_call */
    bool is_returned;        /* the application's function has returned */
    bool is_shielded;        /* while deferred functions run within their time */
    bool is_cancelled;       /* by the server, not for a disconnect */
    bool is_outdated;        /* code that it runs has been replaced by a reload: finish */
    unsigned depth;          /* in-process calls that led here */
    uint64_t deadline_ms;    /* on loop_now_ms, when it must have ended; UINT64_MAX: no deadline */
} call;

/* In a task's owner: begins a call of the app with no task. label and memory outlive it. */
void call_init(call *self, const instance *of, const task_label *label, arena *memory);
/* Makes the scope of a call that is no request: its texts are empty, but for the app's name. */
void call_init_scope(call *self, csgi_scope *scope, csgi_str app);
/* The call that a scope names; NULL when it is no scope of ours. */
call *call_of_scope(const csgi_scope *scope);
/* Cancels its tasks. [loop] or task */
void call_cancel(call *self);

/* Its deadline has passed: its tasks are cancelled, and what they wait for returns CSGI_ETIMEDOUT,
 * once, before it is CSGI_ECANCELED. [loop] */
void call_time_out(call *self);

/* csgi_host.defer. `on`: to be run on that thread, for whom label names; else they are NULL. */
csgi_status call_defer(call *self, csgi_fn fn, void *arg, blocking *on, const task_label *label);
/* Runs what was deferred, shielded until the limit has passed, and closes its transfers. [task]
 * [suspends] */
void call_run_deferred(call *self);
/* Closes what it has opened with csgi.draft.client/1, and not closed (ext_client_transfer.c). */
void call_close_transfers(call *self);

/* Asks the spawned tasks to end; stop is task_cancel or task_time_out. */
void call_stop_children(call *self, void (*stop)(task *child));
/* Marks the application's function as returned; cancels what it spawned, and waits for it. [task]
 * [suspends] */
void call_end_children(call *self);
/* Is it to finish, since the server stops or its code has been replaced? */
bool call_is_draining(const call *self);
/* Who registered for it will be told so (ext_notice.c). */
void call_tell_draining(call *self);
/* Nobody will be told anything any more. */
void call_forget_notices(call *self);
/* Spawns the call's task, or a further one, with its label and stack size. As task_spawn. */
csgi_status call_start_task(call *self, task_fn fn, task_end_fn on_end, void *arg, task **out);
/* The call that the running task works for; NULL on the loop's own stack. */
const call *call_current(const loop *runner);
/* When the running task must have ended what it does: its call's deadline or one of its own, the
 * nearest that no shield keeps back, on loop_now_ms; UINT64_MAX: none. */
uint64_t call_due_ms(const loop *runner);

/* "CSGI_EFAIL", or NULL for a number that is no status. */
const char *status_name(csgi_status status);
/* The text that goes with it. */
const char *status_text(csgi_status status);
/* "CSGI_EFAIL: detail": why a plugin's function failed, from what it returned and last_error. */
#define STATUS_REASON_SIZE 512
void status_reason(csgi_status status, csgi_str detail, char reason[STATUS_REASON_SIZE]);

#endif
