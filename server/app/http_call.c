/* SPDX-License-Identifier: MIT
 * One HTTP call, from the exchange's request to its end. It lives in the exchange's arena; a plain
 * request takes nothing from the heap. */
#include "app/http_call.h"

#include "app/event.h"
#include "app/instance.h"
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
    exchange_app_release(self->request); /* self was in its arena */
    app_set_tell_if_idle(set);
}

/* A peer's name; copied, since a connection may end before the call. */
static csgi_status copy_host(arena *into, const address *peer, csgi_str *host, uint32_t *port)
{
    address_text text;

    if (!peer) return CSGI_OK;
    text = address_host(peer);
    *host = arena_copy_str(into, (csgi_str){ text.bytes, text.len });
    *port = address_port(peer);
    return host->ptr ? CSGI_OK : CSGI_ENOMEM;
}

static csgi_status scope_init(http_call *self, const app_target *target, csgi_fields params)
{
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
        .route = target->endpoint->path,
        .route_config = none,
    };
    status = copy_host(self->base.arena, request->client, &self->scope.client_host,
                       &self->scope.client_port);
    if (status != CSGI_OK) return status;
    return copy_host(self->base.arena, request->server, &self->scope.server_host,
                     &self->scope.server_port);
}

static http_call *http_call_new(app_set *set, exchange *request, const app_target *target,
                                csgi_fields params)
{
    size_t count = target->around_count + 1;
    http_call *self = arena_alloc(&request->arena, sizeof *self + count * sizeof self->frames[0],
                                  _Alignof(http_call));

    if (!self) return NULL;
    call_init(&self->base, set, &target->endpoint->label,
              target->endpoint->instance->plugin->descriptor.stack_size, &request->arena);
    self->base.is_http = true;
    self->request = request;
    self->receive = (csgi_receive){ http_call_receive };
    self->failure = CSGI_OK;
    for (size_t i = 0; i < target->around_count; i++)
        frame_init(&self->frames[i], self, target->around[i]);
    frame_init(&self->frames[count - 1], self, target->endpoint);
    self->frames[0].features = request->features;
    return scope_init(self, target, params) == CSGI_OK ? self : NULL;
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

    request->app_name = target->endpoint->instance->name;
    request->endpoint_name = target->endpoint->label.endpoint;
    request->route_pattern = target->endpoint->path;
    if (depth == 0 && set->options.max_concurrency &&
        set->running >= set->options.max_concurrency) {
        refuse(set, request, "the concurrency limit is reached");
        return;
    }
    self = http_call_new(set, request, target, params);
    if (!self) {
        refuse(set, request, "there is no memory for the call");
        return;
    }
    self->base.depth = depth;
    status = call_start_task(&self->base, http_call_run, on_call_end, self, &self->base.task);
    if (status != CSGI_OK) {
        refuse(set, request,
               status == CSGI_ELIMIT ? "there are no more tasks" : "there is no memory for a task");
        return;
    }
    list_prepend(&set->calls, &self->node);
    set->running++;
    exchange_app_hold(request, self->base.task);
}
