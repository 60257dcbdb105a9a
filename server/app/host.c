/* SPDX-License-Identifier: MIT
 * The functions of csgi_host. A plugin may call them with anything: bad arguments are errors. */
#include <string.h>

#include "app/anywhere.h"
#include "app/blocking.h"
#include "app/event.h"
#include "app/extensions.h"
#include "app/instance.h"
#include "base/str.h"
#include "log/log.h"

static const void *on_extension(const csgi_host *host, const char *id)
{
    if (!id) return NULL;
    if (((const instance *)host->server)->set->options.notes_waits && ext_noted(host, id))
        return ext_noted(host, id);
    if (strcmp(id, CSGI_TASK_EXTENSION) == 0) return &ext_task;
    if (strcmp(id, CSGI_CLIENT_EXTENSION) == 0) return &ext_client;
    if (strcmp(id, CSGI_NOTICE_EXTENSION) == 0) return &ext_notice;
    if (strcmp(id, CSGI_WAIT_EXTENSION) == 0) return &ext_wait;
    return NULL;
}

static log_level level_of(uint32_t level)
{
    if (level < CSGI_LOG_INFO) return LOG_DEBUG;
    if (level < CSGI_LOG_WARNING) return LOG_INFO;
    if (level < CSGI_LOG_ERROR) return LOG_WARNING;
    return LOG_ERROR;
}

static void on_log(const csgi_host *host, uint32_t level, csgi_str text)
{
    /* More than a line of the log holds is not looked at. */
    csgi_str shown = str_slice(text, 0, 65536);

    if (!text.ptr) shown.len = 0;
    log_write(level_of(level), "[%.*s] %.*s", STR_ARG(host->app), STR_ARG(shown));
}

static csgi_status on_post(const csgi_host *host, csgi_fn fn, void *arg)
{
    const instance *self = host->server;

    return fn ? post_queue_add(self->posts, fn, arg) : CSGI_EINVAL;
}

static csgi_status on_fail(const csgi_host *host, csgi_status code, csgi_str detail)
{
    instance *self = host->server;
    task *current = task_current(self->set->loop);

    if (!detail.ptr) detail.len = 0;
    if (current) {
        task_set_error(current, detail);
    } else {
        self->error.len = 0;
        if (detail.len) buffer_append_str(&self->error, detail);
    }
    return code;
}
ANYWHERE_3(csgi_status, on_fail, const csgi_host *, csgi_status, csgi_str)

static void on_last_error(const csgi_host *host, csgi_str *detail)
{
    const instance *self = host->server;
    const task *current = task_current(self->set->loop);

    if (detail) *detail = scope_str(current ? task_error(current) : buffer_str(&self->error));
}
ANYWHERE_VOID_2(on_last_error, const csgi_host *, csgi_str *)

static uint64_t on_now_ns(const csgi_host *host)
{
    (void)host;
    return loop_clock_ns();
}

static void *on_alloc(csgi_arena *from, size_t size, size_t align)
{
    return from ? arena_alloc(from, size, align) : NULL;
}
ANYWHERE_3(void *, on_alloc, csgi_arena *, size_t, size_t)

static void *on_alloc_from(csgi_arena *from, size_t size, size_t align)
{
    if (bridge_here() && !blocking_owns(from)) return on_alloc_anywhere(from, size, align);
    return on_alloc(from, size, align);
}

static csgi_status on_arena_open(const csgi_scope *scope, csgi_arena **child)
{
    const call *of = call_of_scope(scope);
    csgi_arena *opened;

    if (!of || !child) return CSGI_EINVAL;
    opened = arena_open(bridge_here() ? blocking_arena() : of->arena);
    if (!opened) return CSGI_ENOMEM;
    *child = opened;
    return CSGI_OK;
}

static void on_arena_close(csgi_arena *child)
{
    if (child) arena_close(child);
}
ANYWHERE_VOID_1(on_arena_close, csgi_arena *)

static csgi_status on_defer(const csgi_scope *scope, csgi_fn fn, void *arg)
{
    call *of = call_of_scope(scope);

    if (!of || !fn) return CSGI_EINVAL;
    return bridge_here() ? blocking_defer(of, fn, arg) : call_defer(of, fn, arg, NULL, NULL);
}

static csgi_status on_derive(const csgi_scope *scope, csgi_scope **copy)
{
    const call *of = call_of_scope(scope);
    csgi_scope *derived;

    if (!of || !copy || scope->size < sizeof *scope) return CSGI_EINVAL;
    derived = arena_alloc(of->arena, sizeof *derived, _Alignof(csgi_scope));
    if (!derived) return CSGI_ENOMEM;
    *derived = *scope;
    *copy = derived;
    return CSGI_OK;
}
ANYWHERE_2(csgi_status, on_derive, const csgi_scope *, csgi_scope **)

static csgi_status on_copy_event(csgi_arena *into, const csgi_event *event, csgi_event **copy)
{
    csgi_event *made;

    if (!into || !event || !copy || event->size < sizeof *event) return CSGI_EINVAL;
    made = arena_alloc(into, event->size, 0);
    if (!made) return CSGI_ENOMEM;
    memcpy(made, event, event->size);
    *copy = made;
    return CSGI_OK;
}
ANYWHERE_3(csgi_status, on_copy_event, csgi_arena *, const csgi_event *, csgi_event **)

static uint64_t on_deadline_ns(const csgi_scope *scope)
{
    const call *of = call_of_scope(scope);
    uint64_t due_ms;

    if (!of) return UINT64_MAX;
    due_ms = call_current(of->set->loop) == of ? call_due_ms(of->set->loop) : of->deadline_ms;
    return due_ms < UINT64_MAX ? due_ms * 1000000 : UINT64_MAX;
}
ANYWHERE_1(uint64_t, on_deadline_ns, const csgi_scope *)

static int32_t on_is_draining(const csgi_scope *scope)
{
    const call *of = call_of_scope(scope);

    return of && call_is_draining(of);
}
ANYWHERE_1(int32_t, on_is_draining, const csgi_scope *)

void host_init(csgi_host *host, instance *owner)
{
    const app_set *set = owner->set;

    *host = (csgi_host){
        .size = sizeof(csgi_host),
        .flags = set->options.host_flags,
        .abi_major = CSGI_ABI_MAJOR,
        .abi_minor = CSGI_ABI_MINOR,
        .worker = 0,
        .workers = 1,
        .generation = owner->plugin->generation,
        .server = owner,
        .app = owner->name,
        .plugin_dir = scope_str(str_from(owner->plugin->directory)),
        .server_url = set->options.server_url,
        .extension = on_extension,
        .log = on_log,
        .post = on_post,
        .fail = on_fail_anywhere,
        .last_error = on_last_error_anywhere,
        .now_ns = on_now_ns,
        .alloc = on_alloc_from,
        .arena_open = on_arena_open,
        .arena_close = on_arena_close_anywhere,
        .defer = on_defer,
        .derive = on_derive_anywhere,
        .copy_event = on_copy_event_anywhere,
        .deadline_ns = on_deadline_ns_anywhere,
        .is_draining = on_is_draining_anywhere,
    };
}
