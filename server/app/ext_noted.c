/* SPDX-License-Identifier: MIT
 * The extensions as `dev` hands them out: the same functions, whose tasks say what they wait for.
 * In `run` nobody comes by here. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/ext_task.h"
#include "app/extensions.h"
#include "app/instance.h"
#include "base/str.h"
#include "loop/bridge.h"

/* Of the worker; a process has one. */
static loop *noted_loop;

static csgi_sync_functions noted_sync;
static csgi_task_extension noted_task;
static csgi_client_extension noted_client;
static csgi_wait_extension noted_wait;

/* A blocking endpoint's thread is what its task waits for, whatever it asks for there. */
#define NOTED(what_, about_, call_)                                                    \
    const task_note note = { what_, about_ };                                          \
    const task_note *before = bridge_here() ? NULL : task_set_note(noted_loop, &note); \
    csgi_status status = call_;                                                        \
                                                                                       \
    if (!bridge_here()) task_set_note(noted_loop, before);                             \
    return status

/* What is not text yet. */
typedef struct number_text {
    char bytes[32];
} number_text;

static csgi_str print_number(number_text *into, const char *format, uint64_t number)
{
    snprintf(into->bytes, sizeof into->bytes, "%" PRIu64 "%s", number, format);
    return str_from(into->bytes);
}

/* ---- task ---- */

static csgi_status on_sleep_ms(const csgi_host *host, uint64_t ms)
{
    number_text text;

    csgi_str about =
        ms < 10000 ? print_number(&text, " ms", ms) : print_number(&text, " s", ms / 1000);

    NOTED("sleep", about, ext_task.sleep_ms(host, ms));
}

static csgi_status on_join(csgi_task *child, csgi_status *result)
{
    NOTED("join", STR("a task"), ext_task.join(child, result));
}

static csgi_status on_group_wait(csgi_group *group)
{
    NOTED("join", STR("a group of tasks"), ext_task.group_wait(group));
}

static csgi_status on_event_wait(csgi_task_event *event, uint64_t timeout_ms)
{
    NOTED("event", STR(""), ext_task.sync->event_wait(event, timeout_ms));
}

static csgi_status on_acquire(csgi_semaphore *semaphore, uint64_t timeout_ms)
{
    NOTED("semaphore", STR(""), ext_task.sync->semaphore_acquire(semaphore, timeout_ms));
}

static csgi_status on_put(csgi_queue *queue, void *item, uint64_t timeout_ms)
{
    NOTED("queue", STR("that is full"), ext_task.sync->queue_put(queue, item, timeout_ms));
}

static csgi_status on_get(csgi_queue *queue, void **item, uint64_t timeout_ms)
{
    NOTED("queue", STR("that is empty"), ext_task.sync->queue_get(queue, item, timeout_ms));
}

/* ---- client ---- */

static csgi_status on_fetch(const csgi_host *host, csgi_arena *into,
                            const csgi_client_request *request,
                            const csgi_client_response **response)
{
    csgi_str url = STR("");

    if (request && CSGI_HAS(request, csgi_client_request, url) && request->url.ptr)
        url = request->url;
    NOTED("fetch", url, ext_client.fetch(host, into, request, response));
}

/* ---- wait ---- */

static csgi_status on_fd(const csgi_host *host, int32_t fd, uint32_t wanted, uint64_t timeout_ms,
                         uint32_t *ready)
{
    number_text text;
    csgi_str about = print_number(&text, "", fd < 0 ? 0 : (uint64_t)fd);

    NOTED("fd", about, ext_wait.fd(host, fd, wanted, timeout_ms, ready));
}

static csgi_status on_offload(const csgi_host *host, csgi_status (*fn)(void *arg), void *arg,
                              csgi_status *result)
{
    NOTED("offload", STR(""), ext_wait.offload(host, fn, arg, result));
}

static csgi_status on_read_file(const csgi_host *host, csgi_arena *into, csgi_str path,
                                uint64_t max_size, csgi_str *content)
{
    NOTED("file", path, ext_wait.read_file(host, into, path, max_size, content));
}

static csgi_status on_resolve(const csgi_host *host, csgi_arena *into, csgi_str name,
                              csgi_addresses *addresses)
{
    NOTED("resolve", name, ext_wait.resolve(host, into, name, addresses));
}

/* ---- the tables ---- */

static void fill_tables(void)
{
    noted_sync = *ext_task.sync;
    noted_sync.event_wait = on_event_wait;
    noted_sync.semaphore_acquire = on_acquire;
    noted_sync.queue_put = on_put;
    noted_sync.queue_get = on_get;
    noted_task = ext_task;
    noted_task.sleep_ms = on_sleep_ms;
    noted_task.join = on_join;
    noted_task.group_wait = on_group_wait;
    noted_task.sync = &noted_sync;
    noted_client = ext_client;
    noted_client.fetch = on_fetch;
    noted_wait = ext_wait;
    noted_wait.fd = on_fd;
    noted_wait.offload = on_offload;
    noted_wait.read_file = on_read_file;
    noted_wait.resolve = on_resolve;
}

const void *ext_noted(const csgi_host *host, const char *id)
{
    if (!noted_loop) fill_tables();
    noted_loop = ((const instance *)host->server)->set->loop;
    if (strcmp(id, CSGI_TASK_EXTENSION) == 0) return &noted_task;
    if (strcmp(id, CSGI_CLIENT_EXTENSION) == 0) return &noted_client;
    if (strcmp(id, CSGI_WAIT_EXTENSION) == 0) return &noted_wait;
    return NULL;
}
