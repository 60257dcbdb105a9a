/* SPDX-License-Identifier: MIT
 * One HTTP call, from the exchange's request to its end. It lives on its task's stack; a plain
 * request takes nothing from the heap. */
#include "app/http_call.h"

#include <inttypes.h>

#include "app/blocking.h"
#include "app/event.h"
#include "app/instance.h"
#include "app/table.h"
#include "base/str.h"
#include "log/log.h"

/* The application has returned with no failure: has it answered? */
static void check_answered(const http_call *self)
{
    const frame *last = frame_innermost_called(self);
    exchange_phase phase = self->request->phase;

    if (phase == EXCHANGE_COMPLETE || exchange_is_gone(self->request)) return;
    if (self->failure || task_is_cancelled(self->base.task)) return;
    log_error("plugin %.*s, endpoint %.*s returned without %s (%.*s %.*s)",
              STR_ARG(last->endpoint->label.plugin), STR_ARG(last->endpoint->label.endpoint),
              phase == EXCHANGE_IDLE ? "answering" : "ending its response",
              STR_ARG(self->request->method), STR_ARG(self->request->raw_path));
}

/* Says so once, where the time was set; a call in process has that of who asked it. */
static void log_limit(const http_call *self)
{
    const exchange *request = self->request;
    const char *end = ", and answered 504";

    if (request->phase == EXCHANGE_FLUSHED) end = ", and its response cut";
    if (request->phase >= EXCHANGE_COMPLETE || exchange_is_gone(request)) end = "";
    log_warning("plugin %.*s, endpoint %.*s did not end within %" PRIu64 " ms, the timeout of "
                "route %.*s (%.*s %.*s): it is cancelled%s",
                STR_ARG(self->base.label->plugin), STR_ARG(self->base.label->endpoint),
                self->target->timeout_ms, STR_ARG(self->target->pattern), STR_ARG(request->method),
                STR_ARG(request->raw_path), end);
}

/* The time is over: the client is told, if there is still something to tell, and the call may wait
 * for nothing more. */
static void on_limit(timer *limit)
{
    http_call *self = CONTAINER_OF(limit, http_call, limit);

    if (self->has_own_limit) log_limit(self);
    self->is_late = true;
    call_time_out(&self->base);
    if (self->request->phase == EXCHANGE_FLUSHED)
        exchange_conclude(self->request);
    else
        exchange_reply_error(self->request, 504, "Gateway Timeout", (csgi_fields){ NULL, 0 });
}

/* A call in process has no more time than who asks it, who is told first: it is the asker that is
 * too late. Most calls have no deadline, and start no timer. */
static void set_deadline(http_call *self)
{
    loop *runner = self->base.set->loop;
    uint64_t now_ms = loop_now_ms(runner);
    uint64_t asked_ms = self->base.depth ? call_due_ms(runner) : UINT64_MAX;

    if (!self->target->timeout_ms && asked_ms == UINT64_MAX) return;
    timer_init(&self->limit, on_limit);
    self->has_own_limit = self->target->timeout_ms && now_ms + self->target->timeout_ms < asked_ms;
    if (self->has_own_limit) {
        timer_start(runner, &self->limit, self->target->timeout_ms);
        self->base.deadline_ms = self->limit.due_ms;
    } else {
        timer_start(runner, &self->limit, (asked_ms > now_ms ? asked_ms - now_ms : 0) + 1);
        self->base.deadline_ms = asked_ms;
    }
}

/* What was deferred has a time of its own, and may ask others within it. */
static void forget_deadline(http_call *self)
{
    if (self->base.deadline_ms == UINT64_MAX) return;
    timer_stop(self->base.set->loop, &self->limit);
    self->base.deadline_ms = UINT64_MAX;
}

static csgi_status http_call_run(void *arg)
{
    http_call *self = arg;
    csgi_status status =
        frame_run(&self->frames[0], &self->scope, &self->receive, &self->frames[0].send);

    call_forget_notices(&self->base);
    call_end_children(&self->base);
    if (self->base.is_cancelled) {
        exchange_reply_error(self->request, 503, "Service Unavailable", (csgi_fields){ NULL, 0 });
    } else {
        check_answered(self);
    }
    exchange_conclude(self->request);
    forget_deadline(self);
    call_run_deferred(&self->base);
    return status;
}

static void on_call_end(void *arg, csgi_status status)
{
    http_call *self = arg;
    app_set *set = self->base.set;

    (void)status;
    self->base.task = NULL;
    list_remove(&self->node);
    set->running--;
    exchange_app_release(self->request);
    app_set_tell_if_idle(set);
}

/* A peer's name; copied, since a connection may end before the call. */
static csgi_status copy_host(arena *into, const address *peer, csgi_str *host, uint32_t *port)
{
    if (!peer) return CSGI_OK;
    *host = address_copy_host(peer, into);
    *port = address_port(peer);
    return host->ptr ? CSGI_OK : CSGI_ENOMEM;
}

/* What of a path a mount whose prefix has parameters takes, decoded. */
static csgi_status root_path_of(http_call *self, csgi_str *out)
{
    csgi_str raw = self->request->raw_path;
    size_t len = 0;
    const char *why;

    *out = self->target->root_path;
    if (self->target->root_segments == 0) return CSGI_OK;
    for (size_t i = 0; i < self->target->root_segments; i++)
        len += 1 + str_find_char(str_slice(raw, len + 1, raw.len), '/');
    raw = arena_copy_str(self->base.arena, str_slice(raw, 0, len));
    if (!raw.ptr) return CSGI_ENOMEM;
    return http_decode_path(self->base.arena, raw, out, &why);
}

/* What a proxy has taken off the path is put before it again, as it is before what the app is
 * mounted at; raw_path stays as it came. */
static csgi_status put_below(http_call *self, csgi_str root)
{
    csgi_scope *scope = &self->scope;

    if (root.len == 0) return CSGI_OK;
    scope->path = arena_printf(self->base.arena, "%.*s%.*s", STR_ARG(root), STR_ARG(scope->path));
    scope->root_path =
        arena_printf(self->base.arena, "%.*s%.*s", STR_ARG(root), STR_ARG(scope->root_path));
    return scope->path.ptr && scope->root_path.ptr ? CSGI_OK : CSGI_ENOMEM;
}

static csgi_status scope_init(http_call *self, csgi_fields params)
{
    const app_target *target = self->target;
    static const csgi_str none = { "", 0 };
    exchange *request = self->request;
    csgi_status status;

    self->scope = (csgi_scope){
        .size = sizeof(csgi_scope),
        .type = CSGI_HTTP,
        .features = request->features,
        .server = &self->base,
        .arena = self->base.arena,
        .http_version = scope_str(request->http_version),
        .method = scope_str(request->method),
        .scheme = scope_str(request->scheme),
        .path = scope_str(request->path),
        .raw_path = scope_str(request->raw_path),
        .query_string = scope_str(request->query_string),
        .root_path = none,
        .headers = request->headers,
        .path_params = params,
        .client_host = none,
        .server_host = none,
        .app = target->endpoint->instance->name,
        .endpoint = target->endpoint->label.endpoint,
        .route = target->pattern,
        .route_config = target->config,
    };
    status = root_path_of(self, &self->scope.root_path);
    if (status == CSGI_OK) status = put_below(self, self->base.set->options.root_path);
    if (status != CSGI_OK) return status;
    status = copy_host(self->base.arena, request->client, &self->scope.client_host,
                       &self->scope.client_port);
    if (status != CSGI_OK) return status;
    return copy_host(self->base.arena, request->server, &self->scope.server_host,
                     &self->scope.server_port);
}

static csgi_status http_call_init(http_call *self, exchange *request, const app_target *target,
                                  csgi_fields params)
{
    size_t around = target->around_count;

    call_init(&self->base, target->endpoint->instance, &target->endpoint->label, &request->arena);
    self->base.is_http = true;
    self->request = request;
    self->target = target;
    self->has_own_limit = self->is_late = false;
    self->receive = (csgi_receive){ http_call_receive };
    self->failure = CSGI_OK;
    for (size_t i = 0; i < around; i++)
        frame_init(&self->frames[i], self, target->around[i]);
    frame_init(&self->frames[around], self, target->endpoint);
    self->frames[0].features = request->features;
    return scope_init(self, params);
}

/* A call lies on its task's stack, whose first page it shares with the frames of a handler that
 * waits. */
static csgi_status http_call_new(app_set *set, exchange *request, const app_target *target,
                                 csgi_fields params, http_call **out)
{
    size_t size = sizeof **out + (target->around_count + 1) * sizeof(*out)->frames[0];
    size_t stack_size = target->endpoint->instance->plugin->descriptor.stack_size;
    http_call *self;
    task *runner;
    void *room;
    csgi_status status = task_new(set->loop, stack_size, size, &runner, &room);

    if (status) return status;
    self = room;
    status = http_call_init(self, request, target, params);
    if (status) {
        task_discard(runner);
        return status;
    }
    self->base.task = runner;
    task_set_owner(runner, &self->base);
    *out = self;
    return CSGI_OK;
}

/* ---- what a request uses, up to the last byte of its answer ---- */

static void on_request_end(void *arg)
{
    const app_target *target = arg;

    for (size_t i = 0; i < target->around_count; i++)
        instance_release(target->around[i]->instance);
    instance_release(target->endpoint->instance);
    table_release(target->table);
}

static void hold_target(exchange *request, const app_target *target)
{
    table_hold(target->table);
    instance_hold(target->endpoint->instance);
    for (size_t i = 0; i < target->around_count; i++)
        instance_hold(target->around[i]->instance);
    request->app_name = target->endpoint->instance->name;
    request->endpoint_name = target->endpoint->label.endpoint;
    request->route_pattern = target->pattern;
    exchange_when_over(request, on_request_end, (void *)(uintptr_t)target);
}

static bool runs(const http_call *self, const instance *app)
{
    const app_target *target = self->target;

    for (size_t i = 0; i < target->around_count; i++) {
        if (target->around[i]->instance == app) return true;
    }
    return target->endpoint->instance == app;
}

void calls_tell_outdated(const instance *replaced)
{
    LIST_EACH (node, &replaced->set->calls) {
        http_call *each = CONTAINER_OF(node, http_call, node);

        if (!runs(each, replaced)) continue;
        each->base.is_outdated = true;
        call_tell_draining(&each->base);
    }
}

/* Answers 503, and says why in the log: at most once a second. */
static void refuse(app_set *set, exchange *request, const char *why)
{
    static const csgi_field retry_after = { CSGI_STR("retry-after"), CSGI_STR("1"), 0, 0 };
    uint64_t now_ms = loop_now_ms(set->loop);

    if (!set->full_logged_ms || now_ms - set->full_logged_ms >= 1000) {
        set->full_logged_ms = now_ms;
        log_warning("%.*s %.*s was answered 503: %s (%zu calls are running)",
                    STR_ARG(request->method), STR_ARG(request->raw_path), why, set->running);
    }
    exchange_reply_error(request, 503, "Service Unavailable", (csgi_fields){ &retry_after, 1 });
    exchange_app_release(request);
}

void http_call_begin(app_set *set, exchange *request, const app_target *target, csgi_fields params,
                     unsigned depth)
{
    http_call *self;
    csgi_status status;

    hold_target(request, target);
    if (target->body_limit != UINT64_MAX)
        request->body_limit = target->body_limit ? target->body_limit : UINT64_MAX;
    if (exchange_is_body_too_large(request)) {
        exchange_refuse_large_body(request);
        exchange_app_release(request);
        return;
    }
    if (depth == 0 && set->options.max_concurrency &&
        set->running >= set->options.max_concurrency) {
        refuse(set, request, "the concurrency limit is reached");
        return;
    }
    status = http_call_new(set, request, target, params, &self);
    if (status) {
        refuse(set, request,
               status == CSGI_ELIMIT ? "there are no more tasks"
                                     : "there is no memory for the call");
        return;
    }
    self->base.depth = depth;
    if (depth && call_current(set->loop))
        self->base.asker_holds_thread = blocking_holds_thread(call_current(set->loop));
    set_deadline(self);
    task_begin(self->base.task, self->base.label, http_call_run, on_call_end, self);
    list_prepend(&set->calls, &self->node);
    set->running++;
    exchange_app_hold(request, self->base.task);
}
