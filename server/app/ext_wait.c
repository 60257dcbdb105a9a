/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.wait/1: waiting for descriptors, and blocking code on
 * other threads. */
#include "app/extensions.h"

#include <inttypes.h>
#include <stdio.h>

#include <fcntl.h>

#include "app/instance.h"
#include "app/whole_file.h"
#include "base/str.h"
#include "loop/offload.h"
#include "loop/readiness.h"

_Static_assert(CSGI_READABLE == READINESS_READ && CSGI_WRITABLE == READINESS_WRITE,
               "the loop takes them as they are");

/* Why it was refused, to follow the descriptor's number; NULL: it was not. */
static const char *fd_problem(csgi_status status, int fd, uint32_t wanted)
{
    switch (status) {
    case CSGI_EINVAL:
        if (wanted == 0 || (wanted & ~(CSGI_READABLE | CSGI_WRITABLE)))
            return "wanted is neither CSGI_READABLE nor CSGI_WRITABLE nor both";
        if (fcntl(fd, F_GETFD) < 0) return "it is not open";
        return "it is nothing that can be waited for (a file or a directory, perhaps)";
    case CSGI_EBUSY:
        return "another task waits for the same of it";
    case CSGI_ESTATE:
        return "it was closed while this task waited, and its number is another's now";
    case CSGI_ELIMIT:
        return "the system allows no more descriptors to be watched (ulimit -n, or "
               "fs.epoll.max_user_watches)";
    default:
        return NULL;
    }
}

static csgi_status on_fd(const csgi_host *host, int32_t fd, uint32_t wanted, uint64_t timeout_ms,
                         uint32_t *ready)
{
    const instance *self = host->server;
    task *current = task_current(self->set->loop);
    csgi_status status;
    const char *problem;
    unsigned found = 0;
    char line[160];

    if (!current) return CSGI_ESTATE;
    status = readiness_wait(self->set->loop, fd, wanted, timeout_ms, &found);
    if (ready) *ready = found;
    problem = fd_problem(status, fd, wanted);
    if (!problem) return status;
    snprintf(line, sizeof line, "waiting for descriptor %" PRId32 ": %s", fd, problem);
    task_set_error(current, str_from(line));
    return status;
}

static csgi_status on_offload(const csgi_host *host, csgi_status (*fn)(void *arg), void *arg,
                              csgi_status *result)
{
    const instance *self = host->server;
    task *current = task_current(self->set->loop);
    csgi_status status;

    if (!fn || !result) return CSGI_EINVAL;
    if (!current) return CSGI_ESTATE;
    status = offload_run(self->set->loop, fn, arg, result);
    if (status == CSGI_ELIMIT)
        task_set_error(current, STR("offload: all threads are busy and too many functions wait for "
                                    "one (--threads), or the system gives no thread"));
    return status;
}

static csgi_status on_read_file(const csgi_host *host, csgi_arena *into, csgi_str path,
                                uint64_t max_size, csgi_str *content)
{
    const instance *self = host->server;
    task *current = task_current(self->set->loop);
    buffer why = { 0 };
    csgi_status status;

    if (!into || !path.ptr || !content) return CSGI_EINVAL;
    if (!current) return CSGI_ESTATE;
    status = whole_file_read(self->set->loop, into, path, max_size, content, &why);
    if (why.len) task_set_error(current, buffer_str(&why));
    buffer_fini(&why);
    return status;
}

const csgi_wait_extension ext_wait = {
    .size = sizeof(csgi_wait_extension),
    .fd = on_fd,
    .offload = on_offload,
    .read_file = on_read_file,
};
