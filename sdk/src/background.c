/* SPDX-License-Identifier: MIT
 * Work that goes on without a call: after the reply, or again and again. */
#include <csgi/ext/draft/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* From the heap, for it outlives the call that asked for it. */
struct csgi_web_background {
    csgi_web_background *next;
    csgi_web_instance *instance;
    const char *name;
    csgi_work *work;
    uint64_t every_ms; /* 0: once */
    size_t size;       /* 0: arg is NULL */
    max_align_t arg[]; /* a copy */
};

static const csgi_task_extension *tasks_of(const csgi_host *host)
{
    const csgi_task_extension *tasks = host->extension(host, CSGI_TASK_EXTENSION);

    return tasks && CSGI_HAS(tasks, csgi_task_extension, start_job) ? tasks : NULL;
}

/* Once, with a call of its own that has nobody to reply to. */
static csgi_status run_once(csgi_web_background *self, const csgi_scope *scope)
{
    const csgi_host *host = self->instance->host;
    struct csgi_web_call own;
    csgi_call call;
    csgi_status code;

    csgi_web_call_init(&call, &own, self->instance, scope);
    code = self->work(&call, self->size ? self->arg : NULL);
    if (own.failure != CSGI_OK) code = own.failure;
    if (own.detail) host->fail(host, code, (csgi_str){ own.detail, strlen(own.detail) });
    csgi_web_call_fini(&call, code);
    return code;
}

/* The line is made without memory. */
static csgi_status miss_round(const csgi_web_background *self)
{
    const csgi_host *host = self->instance->host;
    char line[200];

    snprintf(line, sizeof(line), "%.128s had no memory, and is tried again in its time",
             self->name);
    host->log(host, CSGI_LOG_ERROR, (csgi_str){ line, strlen(line) });
    return CSGI_OK;
}

/* A round that fails is logged, and the next one comes all the same. */
static csgi_status run_round(csgi_web_background *self, csgi_scope *scope)
{
    const csgi_host *host = self->instance->host;
    csgi_arena *whole = scope->arena, *round;
    csgi_status code = host->arena_open(scope, &round);
    csgi_str why;
    csgi_web_text line;

    if (code != CSGI_OK) return miss_round(self);
    scope->arena = round;
    code = run_once(self, scope);
    if (code != CSGI_OK && code != CSGI_ECANCELED) {
        host->last_error(host, &why);
        csgi_web_text_init(&line, host, round);
        csgi_web_text_puts(&line, self->name);
        csgi_web_text_puts(&line, " failed, and is tried again in its time: ");
        csgi_web_text_puts(&line, why.len ? why.ptr : "it says no more");
        if (csgi_web_text_end(&line))
            host->log(host, CSGI_LOG_ERROR, (csgi_str){ line.bytes, line.length });
    }
    scope->arena = whole;
    host->arena_close(round);
    return CSGI_OK;
}

static csgi_status run_again_and_again(csgi_web_background *self, const csgi_scope *given)
{
    const csgi_host *host = self->instance->host;
    const csgi_task_extension *tasks = tasks_of(host);
    csgi_scope *scope;
    csgi_status code = host->derive(given, &scope);

    while (code == CSGI_OK) {
        code = run_round(self, scope);
        if (code == CSGI_OK) code = tasks->sleep_ms(host, self->every_ms);
    }
    return code;
}

static csgi_status job(const csgi_scope *scope, void *arg)
{
    csgi_web_background *self = arg;
    csgi_status code = self->every_ms ? run_again_and_again(self, scope) : run_once(self, scope);

    free(self);
    return code;
}

static void start(csgi_web_background *self)
{
    const csgi_host *host = self->instance->host;
    const csgi_task_extension *tasks = tasks_of(host);
    csgi_str name = { self->name, strlen(self->name) };
    csgi_status code = CSGI_ENOSYS;
    static const char line[] = "background work could not be started: the server is stopping, has "
                               "no memory, or no such thing";

    if (tasks)
        code = tasks->start_job(host, name, self->every_ms ? CSGI_JOB_PERIODIC : 0, job, self);
    if (code == CSGI_OK) return;
    host->log(host, CSGI_LOG_ERROR, (csgi_str){ line, sizeof(line) - 1 });
    free(self);
}

void csgi_web_background_settle(csgi_call *call, int is_wanted)
{
    csgi_web_background *next, *at;

    for (at = call->own->background; at; at = next) {
        next = at->next;
        if (is_wanted)
            start(at);
        else
            free(at);
    }
    call->own->background = NULL;
}

static void add(csgi_call *call, csgi_web_background fresh, const void *arg, size_t size)
{
    csgi_web_background **end, *added;

    if (call->own->failure != CSGI_OK) return;
    added = malloc(sizeof(*added) + size);
    if (!added) {
        csgi_web_break(call, CSGI_ENOMEM);
        return;
    }
    memcpy(added, &fresh, sizeof(fresh));
    added->instance = call->own->instance;
    added->size = size;
    if (size) memcpy(added->arg, arg, size);
    for (end = &call->own->background; *end; end = &(*end)->next)
        continue;
    *end = added;
}

void csgi_web_background_add(csgi_call *call, const char *name, csgi_work *work, const void *arg,
                             size_t size)
{
    add(call, (csgi_web_background){ .name = name, .work = work }, arg, size);
}

void csgi_web_every(csgi_call *call, const char *name, int64_t ms, csgi_work *work)
{
    uint64_t every_ms = ms > 0 ? (uint64_t)ms : 1;

    add(call, (csgi_web_background){ .name = name, .work = work, .every_ms = every_ms }, NULL, 0);
}
