/* SPDX-License-Identifier: MIT
 * Waiting for descriptors, threads, files, and for several things at once; what goes wrong there
 * sticks to the call. */
#include <csgi/ext/draft/task.h>
#include <csgi/ext/draft/wait.h>
#include <string.h>

#include "call.h"

/* Those that go on at the same time. The first failure is kept, for one that is cancelled by it
 * may take it back with csgi_catch. */
typedef struct together {
    csgi_call *call;
    csgi_status failure;
    int status;
    const char *detail;
} together;

typedef struct part_run {
    together *all;
    csgi_part part;
} part_run;

/* The call fails with what a wait returned. */
static void fail_wait(csgi_call *call, csgi_status code, const char *what)
{
    csgi_str why = CSGI_STR("");

    switch (code) {
    case CSGI_OK:
        return;
    case CSGI_ENOMEM:
    case CSGI_ECANCELED:
    case CSGI_EDISCONNECTED:
        csgi_web_break(call, code);
        return;
    case CSGI_ETIMEDOUT:
        csgi_fail(call, 504, "It took too long");
        return;
    case CSGI_ELIMIT:
        csgi_fail(call, 503, "The server is busy");
        break;
    default:
        csgi_fail(call, 500, CSGI_WEB_INTERNAL_ERROR);
        break;
    }
    call->host->last_error(call->host, &why);
    csgi_log(call, CSGI_LOG_ERROR, "%s, in %s: %.*s", what, csgi_web_route_name(call), (int)why.len,
             why.len ? why.ptr : "");
}

/* NULL: the server has none of it, and the call has failed. */
static const csgi_wait_extension *waits_of(csgi_call *call, size_t size_needed)
{
    const csgi_wait_extension *wait = call->host->extension(call->host, CSGI_WAIT_EXTENSION);

    if (call->own->failure != CSGI_OK) return NULL;
    if (wait && wait->size >= size_needed) return wait;
    csgi_web_author_error(call, "this server has no way to wait for that");
    return NULL;
}

#define NEEDS(member) \
    (offsetof(csgi_wait_extension, member) + sizeof(((const csgi_wait_extension *)0)->member))

uint32_t csgi_wait_fd(csgi_call *call, int fd, uint32_t wanted, int64_t timeout_ms)
{
    const csgi_wait_extension *wait = waits_of(call, NEEDS(fd));
    uint64_t limit_ms = timeout_ms > 0 ? (uint64_t)timeout_ms : CSGI_NO_TIMEOUT;
    uint32_t ready = 0;
    csgi_status code;

    if (!wait) return 0;
    code = wait->fd(call->host, fd, wanted, limit_ms, &ready);
    fail_wait(call, code, "csgi_wait_fd");
    return code == CSGI_OK ? ready : 0;
}

csgi_status csgi_offload(csgi_call *call, csgi_status (*fn)(void *arg), void *arg)
{
    const csgi_wait_extension *wait = waits_of(call, NEEDS(offload));
    csgi_status code, result = CSGI_OK;

    if (!wait) return call->own->failure;
    code = wait->offload(call->host, fn, arg, &result);
    fail_wait(call, code, "csgi_offload");
    if (result != CSGI_OK) csgi_web_break(call, result);
    return call->own->failure;
}

const char *csgi_read_file(csgi_call *call, const char *path, size_t *length)
{
    const csgi_wait_extension *wait = waits_of(call, NEEDS(read_file));
    csgi_str content = CSGI_STR("");
    csgi_status code = CSGI_OK;

    if (wait)
        code = wait->read_file(call->host, call->scope->arena,
                               (csgi_str){ path, path ? strlen(path) : 0 }, CSGI_READ_FILE_MAX,
                               &content);
    if (code == CSGI_ELIMIT) code = CSGI_EFAIL; /* too large: trying again would not help */
    fail_wait(call, code, "csgi_read_file");
    if (code != CSGI_OK) content = (csgi_str)CSGI_STR("");
    if (length) *length = content.len;
    return content.ptr;
}

/* ---- several at once ---- */

static csgi_status run_part(void *arg)
{
    const part_run *self = arg;
    together *all = self->all;
    const struct csgi_web_call *own = all->call->own;
    csgi_status code;

    if (all->failure != CSGI_OK) return all->failure; /* before this one had its first turn */
    code = self->part.work(all->call, self->part.arg);
    if (code != CSGI_OK) csgi_web_break(all->call, code);
    if (own->failure != CSGI_OK && all->failure == CSGI_OK) {
        all->failure = own->failure;
        all->status = own->status;
        all->detail = own->detail;
    }
    return own->failure;
}

static csgi_status run_group(csgi_call *call, const csgi_task_extension *tasks, part_run *runs,
                             size_t count)
{
    csgi_status code, waited;
    csgi_group *group;
    size_t i;

    code = tasks->group_open(call->scope, &group);
    if (code != CSGI_OK) return code;
    for (i = 0; i < count && code == CSGI_OK; i++)
        code = tasks->group_spawn(group, run_part, &runs[i]);
    if (code != CSGI_OK) tasks->group_cancel(group);
    waited = tasks->group_wait(group); /* in any case: until then its tasks use the call */
    return code != CSGI_OK ? code : waited;
}

static csgi_status run_together(together *all, part_run *runs, size_t count)
{
    csgi_call *call = all->call;
    struct csgi_web_call *own = call->own;
    const csgi_task_extension *tasks = call->host->extension(call->host, CSGI_TASK_EXTENSION);
    csgi_status code;

    if (own->failure != CSGI_OK) return own->failure;
    if (!tasks || !CSGI_HAS(tasks, csgi_task_extension, group_cancel)) {
        csgi_web_author_error(call, "this server has no groups of tasks");
        return own->failure;
    }
    code = run_group(call, tasks, runs, count);
    if (all->failure == CSGI_OK) {
        fail_wait(call, code, "several things at once");
    } else { /* a part's own, of which it has said what there is to say */
        own->failure = all->failure;
        own->status = all->status;
        own->detail = all->detail;
    }
    return own->failure;
}

csgi_status csgi_web_together(csgi_call *call, const csgi_part *parts, size_t count)
{
    part_run *runs = csgi_alloc(call, count * sizeof(*runs));
    together all = { call, CSGI_OK, 0, NULL };
    size_t i;

    for (i = 0; runs && i < count; i++)
        runs[i] = (part_run){ &all, parts[i] };
    return run_together(&all, runs, count);
}

csgi_status csgi_web_each(csgi_call *call, csgi_work *work, void *items, size_t count, size_t size)
{
    part_run *runs = csgi_alloc(call, count * sizeof(*runs));
    together all = { call, CSGI_OK, 0, NULL };
    size_t i;

    for (i = 0; runs && i < count; i++)
        runs[i] = (part_run){ &all, { work, (char *)items + i * size } };
    return run_together(&all, runs, count);
}
