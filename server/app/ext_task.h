/* SPDX-License-Identifier: MIT
 * What the files of the extension csgi.draft.task/1 share. */
#ifndef CAPRICORN_APP_EXT_TASK_H
#define CAPRICORN_APP_EXT_TASK_H

#include <csgi/ext/draft/task.h>

#include "app/call.h"

/* A further task of a call, in the call's arena. */
struct csgi_task {
    call *call;
    csgi_group *group; /* NULL: it is to be joined */
    task *task;        /* NULL once it has ended */
    csgi_task_fn fn;
    void *arg;
    csgi_status result;
    task_wait *joiner;
    list_node node; /* of call.children until it has ended */
    list_node of_group;
    csgi_task *next_spare;
};

/* csgi_task_extension.sync. */
extern const csgi_sync_functions ext_task_sync;

/* Starts a further task of a call; of fresh only fn, arg and group are set. As spawn. */
csgi_status child_start(call *of, csgi_task fresh, csgi_task **out);

/* One of the group's tasks has failed. [task] */
void group_fail(csgi_group *self, csgi_status failure, csgi_str error);
/* One has ended. [loop] */
void group_lose(csgi_group *self, csgi_task *child);

/* Cancels the set's jobs, or those that are periodic. */
void jobs_cancel(app_set *set, bool all);
/* Cancels the periodic jobs of an app that has been replaced, and tells the others to finish. */
void jobs_cancel_of(const instance *replaced);
/* How many of an app run. */
size_t jobs_count_of(const instance *owner);
/* Takes no more jobs, cancels those that run, and calls on_no_jobs when they have ended or had
 * their time; perhaps at once. [loop] */
void jobs_end(app_set *set, void (*on_no_jobs)(app_set *set));

/* The functions of csgi_task_extension of that name. */
csgi_status ext_group_open(const csgi_scope *scope, csgi_group **group);
/* Likewise. */
csgi_status ext_group_spawn(csgi_group *self, csgi_task_fn fn, void *arg);
/* Likewise. */
csgi_status ext_group_wait(csgi_group *self);
/* Likewise (ext_task_job.c). */
csgi_status ext_start_job(const csgi_host *host, csgi_str name, uint32_t flags, csgi_job_fn fn,
                          void *arg);
/* Likewise. */
void ext_group_cancel(csgi_group *self);

#endif
