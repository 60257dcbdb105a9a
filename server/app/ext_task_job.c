/* SPDX-License-Identifier: MIT
 * Jobs: tasks of an app rather than of a call, which may outlive the request that starts them. The
 * set waits for them before it shuts the apps down. */
#include <stdlib.h>
#include <string.h>

#include "app/event.h"
#include "app/ext_task.h"
#include "app/instance.h"
#include "base/str.h"
#include "log/log.h"

#define JOB_NAME_MAX 128
/* At shutdown no more than these are named. */
#define JOBS_NAMED 10
/* Those that are left when the apps shut down are cancelled, and given this long to return. */
#define CANCEL_GRACE_MS 1000u

typedef struct job {
    call call;
    list_node node; /* of app_set.jobs */
    instance *owner;
    arena arena;
    csgi_scope scope;
    task_label label;
    csgi_job_fn fn;
    void *arg;
    bool is_periodic;
    char name[]; /* NUL-terminated */
} job;

static void judge(const job *self, csgi_status status)
{
    char reason[STATUS_REASON_SIZE];

    if (status == CSGI_OK || (status == CSGI_ECANCELED && self->call.is_cancelled)) return;
    status_reason(status, task_error(self->call.task), reason);
    log_error("plugin %.*s, job %.*s failed with %s", STR_ARG(self->label.plugin),
              STR_ARG(self->label.endpoint), reason);
}

static csgi_status job_run(void *arg)
{
    job *self = arg;
    csgi_status status = self->fn(&self->scope, self->arg);

    judge(self, status);
    call_end_children(&self->call);
    call_run_deferred(&self->call);
    return status;
}

static void job_free(job *self)
{
    arena_reset(&self->arena);
    free(self);
}

static void tell_no_jobs(app_set *set)
{
    void (*on_no_jobs)(app_set *) = set->on_no_jobs;

    set->on_no_jobs = NULL;
    timer_stop(set->loop, &set->jobs_limit);
    on_no_jobs(set);
}

static void on_job_end(void *arg, csgi_status status)
{
    job *self = arg;
    app_set *set = self->call.set;

    (void)status;
    list_remove(&self->node);
    set->job_count--;
    instance_release(self->owner);
    job_free(self);
    app_set_tell_if_idle(set);
    if (set->job_count == 0 && set->on_no_jobs) tell_no_jobs(set);
}

static job *job_new(instance *owner, csgi_str name)
{
    job *self = calloc(1, sizeof *self + name.len + 1);

    if (!self) return NULL;
    memcpy(self->name, name.ptr, name.len);
    self->owner = owner;
    self->label = (task_label){ owner->plugin_name, { self->name, name.len } };
    arena_init(&self->arena, NULL, 0);
    call_init(&self->call, owner, &self->label, &self->arena);
    call_init_scope(&self->call, &self->scope, owner->name);
    self->scope.endpoint = self->label.endpoint;
    return self;
}

csgi_status ext_start_job(const csgi_host *host, csgi_str name, uint32_t flags, csgi_job_fn fn,
                          void *arg)
{
    instance *owner = host->server;
    app_set *set = owner->set;
    csgi_status status;
    job *self;

    if (!name.ptr || !name.len || name.len > JOB_NAME_MAX || !fn) return CSGI_EINVAL;
    if (flags & ~(uint32_t)CSGI_JOB_PERIODIC) return CSGI_EINVAL;
    if (!set->takes_jobs || owner->is_ending) return CSGI_ESTATE;
    if (flags && (set->draining || owner->is_retired)) return CSGI_ESTATE;
    self = job_new(owner, name);
    if (!self) return CSGI_ENOMEM;
    self->fn = fn;
    self->arg = arg;
    self->is_periodic = (flags & CSGI_JOB_PERIODIC) != 0;
    status = call_start_task(&self->call, job_run, on_job_end, self, &self->call.task);
    if (status != CSGI_OK) {
        job_free(self);
        return status;
    }
    list_append(&set->jobs, &self->node);
    set->job_count++;
    instance_hold(owner);
    return CSGI_OK;
}

void jobs_cancel(app_set *set, bool all)
{
    LIST_EACH (node, &set->jobs) {
        job *each = CONTAINER_OF(node, job, node);

        if (all || each->is_periodic) call_cancel(&each->call);
    }
}

void jobs_cancel_of(const instance *replaced)
{
    LIST_EACH (node, &replaced->set->jobs) {
        job *each = CONTAINER_OF(node, job, node);

        if (each->owner != replaced) continue;
        each->call.is_outdated = true;
        if (each->is_periodic) call_cancel(&each->call);
    }
}

size_t jobs_count_of(const instance *owner)
{
    size_t count = 0;

    LIST_EACH (node, &owner->set->jobs) {
        count += CONTAINER_OF(node, job, node)->owner == owner;
    }
    return count;
}

void app_set_log_jobs(const app_set *set, const char *what)
{
    size_t told = 0;

    LIST_EACH (node, &set->jobs) {
        const job *each = CONTAINER_OF(node, job, node);

        if (told++ == JOBS_NAMED) break;
        log_warning("plugin %.*s, job %.*s %s", STR_ARG(each->label.plugin),
                    STR_ARG(each->label.endpoint), what);
    }
    if (set->job_count > JOBS_NAMED)
        log_warning("%zu more jobs likewise", set->job_count - JOBS_NAMED);
}

static void on_jobs_limit(timer *limit)
{
    app_set *set = CONTAINER_OF(limit, app_set, jobs_limit);
    app_set_log_jobs(set, "goes on although it was cancelled; it is left behind");
    tell_no_jobs(set);
}

void jobs_end(app_set *set, void (*on_no_jobs)(app_set *set))
{
    set->takes_jobs = false;
    if (set->job_count == 0) {
        on_no_jobs(set);
        return;
    }
    set->on_no_jobs = on_no_jobs;
    jobs_cancel(set, true);
    timer_init(&set->jobs_limit, on_jobs_limit);
    timer_start(set->loop, &set->jobs_limit, CANCEL_GRACE_MS);
}
