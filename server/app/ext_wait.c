/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.wait/1: waiting for descriptors, blocking code on other threads, files
 * and names. */
#include "app/extensions.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/anywhere.h"
#include "app/instance.h"
#include "app/whole_file.h"
#include "base/str.h"
#include "loop/offload.h"
#include "loop/readiness.h"
#include "net/address.h"

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

static csgi_status check_task(const instance *self)
{
    return task_check(self->set->loop);
}
ANYWHERE_1(csgi_status, check_task, const instance *)

static csgi_status on_offload(const csgi_host *host, csgi_status (*fn)(void *arg), void *arg,
                              csgi_status *result)
{
    const instance *self = host->server;
    task *current;
    csgi_status status;

    if (!fn || !result) return CSGI_EINVAL;
    if (bridge_here()) { /* such a thread it is already */
        status = check_task_anywhere(self);
        if (status == CSGI_OK) *result = fn(arg);
        return status;
    }
    current = task_current(self->set->loop);
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

/* A name of DNS has at most 253 bytes. */
#define NAME_MAX_LEN 253u

typedef struct lookup {
    arena *into;
    csgi_addresses *out;
    task_wait *waiter;
    buffer why;
    bool is_done;
} lookup;

static csgi_status keep_addresses(const lookup *self, const address *found, size_t count)
{
    csgi_str *items = arena_alloc(self->into, count * sizeof *items, _Alignof(csgi_str));

    if (!items) return CSGI_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        address_text text = address_host(&found[i]);

        items[i] = arena_copy_str(self->into, (csgi_str){ text.bytes, text.len });
        if (!items[i].ptr) return CSGI_ENOMEM;
    }
    *self->out = (csgi_addresses){ items, count };
    return CSGI_OK;
}

static void on_resolved(void *arg, const address *found, size_t count, const char *reason)
{
    lookup *self = arg;

    self->is_done = true;
    if (count == 0) buffer_printf(&self->why, "%s", reason);
    task_wake(self->waiter, count ? keep_addresses(self, found, count) : CSGI_EUNREACH);
}

static csgi_status look_up(loop *runner, lookup *self, const char *name)
{
    address known[ADDRESS_LOCALHOSTS];
    size_t count = address_from_localhost(known, name, 0);
    resolving *request;
    csgi_status status;

    if (count == 0 && address_from_ip(&known[0], name, 0) == CSGI_OK) count = 1;
    if (count) return keep_addresses(self, known, count);
    status = address_resolve(runner, name, 0, on_resolved, self, &request);
    if (status != CSGI_OK) return status;
    status = task_wait_at(runner, &self->waiter);
    if (!self->is_done) resolving_cancel(request);
    return status;
}

static csgi_status on_resolve(const csgi_host *host, csgi_arena *into, csgi_str name,
                              csgi_addresses *addresses)
{
    const instance *self = host->server;
    task *current = task_current(self->set->loop);
    lookup item = { .into = into, .out = addresses };
    char text[NAME_MAX_LEN + 1];
    csgi_status status;

    if (!into || !addresses || !name.ptr || name.len == 0 || name.len > NAME_MAX_LEN ||
        memchr(name.ptr, '\0', name.len))
        return CSGI_EINVAL;
    if (!current) return CSGI_ESTATE;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    status = look_up(self->set->loop, &item, text);
    if (item.why.len) task_set_error(current, buffer_str(&item.why));
    buffer_fini(&item.why);
    return status;
}

ANYWHERE_5(csgi_status, on_fd, const csgi_host *, int32_t, uint32_t, uint64_t, uint32_t *)
ANYWHERE_5(csgi_status, on_read_file, const csgi_host *, csgi_arena *, csgi_str, uint64_t,
           csgi_str *)
ANYWHERE_4(csgi_status, on_resolve, const csgi_host *, csgi_arena *, csgi_str, csgi_addresses *)

const csgi_wait_extension ext_wait = {
    .size = sizeof(csgi_wait_extension),
    .fd = on_fd_anywhere,
    .offload = on_offload,
    .read_file = on_read_file_anywhere,
    .resolve = on_resolve_anywhere,
};
