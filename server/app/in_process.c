/* SPDX-License-Identifier: MIT
 * "app:NAME/path": a request to an app of this server, along its own routes, without a connection;
 * "app:/path" goes along the routes of all. */
#include "app/extensions.h"
#include "app/http_call.h"
#include "app/instance.h"
#include "app/table.h"
#include "base/str.h"
#include "client/pending.h"
#include "client/request.h"
#include "exchange/memory_wire.h"

typedef struct app_url {
    csgi_str name, path, query;
} app_url;

/* One fetch, on the caller's stack. */
typedef struct in_process {
    loop *loop;
    arena *arena;
    memory_call *call; /* NULL once it is done */
    csgi_client_response *response;
    task_wait wait;
    timer limit;
    uint64_t read_ms, due_ms; /* between two pieces; when all must have come */
    uint64_t seen_bytes;      /* of the response's body, when last looked */
} in_process;

static csgi_status parse_url(csgi_str text, app_url *out, buffer *why)
{
    csgi_str rest = str_slice(text, sizeof "app:" - 1, text.len);
    size_t query_at, path_at;

    for (size_t i = 0; i < rest.len; i++) {
        unsigned char c = (unsigned char)rest.ptr[i];

        if (c > 0x20 && c < 0x7f && c != '#') continue;
        buffer_printf(why,
                      "fetch %.*s: a space, control byte, \"#\" or raw non-ASCII byte must be "
                      "percent-encoded",
                      STR_ARG(text));
        return CSGI_EINVAL;
    }
    query_at = str_find_char(rest, '?');
    path_at = str_find_char(rest, '/');
    if (path_at > query_at) path_at = query_at;
    out->name = str_slice(rest, 0, path_at);
    out->path = str_slice(rest, path_at, query_at - path_at);
    out->query = str_slice(rest, query_at + 1, rest.len);
    if (!out->path.len) out->path = STR("/");
    return CSGI_OK;
}

static instance *find_unstarted(const app_set *set)
{
    LIST_EACH (node, &set->instances) {
        instance *each = CONTAINER_OF(node, instance, node);

        if (!lifespan_has_started(&each->lifespan)) return each;
    }
    return NULL;
}

static void list_apps(const app_set *set, csgi_str missing, buffer *why)
{
    const char *separator = "";

    buffer_printf(why, "there is no app named %.*s (there are: ", STR_ARG(missing));
    LIST_EACH (node, &set->instances) {
        buffer_printf(why, "%s%.*s", separator, STR_ARG(CONTAINER_OF(node, instance, node)->name));
        separator = ", ";
    }
    buffer_printf(why, ")");
}

/* The routes of the app of that name, or of all, ready to be asked; NULL: *why says what is not. */
static const router *find_routes(const app_set *set, csgi_str name, buffer *why)
{
    const instance *named = name.len ? app_set_find(set, name) : NULL;
    const router *routes = named ? named->routes : set->table ? set->table->routes : NULL;
    const instance *unstarted;

    if (name.len && !named) {
        list_apps(set, name, why);
        return NULL;
    }
    unstarted =
        named ? (lifespan_has_started(&named->lifespan) ? NULL : named) : find_unstarted(set);
    if (!unstarted && routes) return routes;
    buffer_printf(why, "app:%.*s: it has not started", STR_ARG(unstarted ? unstarted->name : name));
    return NULL;
}

/* The caller's headers, with those that a connection would have brought. */
static csgi_status make_headers(arena *into, const csgi_client_request *request, const app_url *to,
                                bool has_length, csgi_fields *out)
{
    size_t count = request->headers.count;
    csgi_field *fields = arena_alloc(into, (count + 2) * sizeof *fields, _Alignof(csgi_field));

    if (!fields) return CSGI_ENOMEM;
    fields[0] = (csgi_field){ STR("host"), to->name.len ? to->name : STR("localhost"), 0, 0 };
    if (count) memcpy(fields + 1, request->headers.items, count * sizeof *fields);
    *out = (csgi_fields){ fields, count + 1 };
    if (!has_length) return CSGI_OK;
    fields[count + 1] =
        (csgi_field){ STR("content-length"), arena_printf(into, "%zu", request->body.len), 0, 0 };
    if (!fields[count + 1].value.ptr) return CSGI_ENOMEM;
    out->count++;
    return CSGI_OK;
}

/* ---- waiting ---- */

static csgi_status copy_field(arena *into, const csgi_field *from, csgi_field *to)
{
    *to = (csgi_field){ arena_copy_str(into, from->name), arena_copy_str(into, from->value), 0, 0 };
    return to->name.ptr && to->value.ptr ? CSGI_OK : CSGI_ENOMEM;
}

/* Copies a response into the caller's arena. */
static csgi_status keep(in_process *self, const memory_response *from)
{
    csgi_client_response *response =
        arena_alloc(self->arena, sizeof *response, _Alignof(csgi_client_response));
    csgi_field *fields =
        arena_alloc(self->arena, from->headers.count * sizeof *fields + 1, _Alignof(csgi_field));
    csgi_status status = CSGI_OK;

    if (!response || !fields) return CSGI_ENOMEM;
    for (size_t i = 0; i < from->headers.count && status == CSGI_OK; i++)
        status = copy_field(self->arena, &from->headers.items[i], &fields[i]);
    *response = (csgi_client_response){
        .size = sizeof *response,
        .status = from->status,
        .headers = { fields, from->headers.count },
        .body = arena_copy_str(self->arena, from->body),
    };
    if (status != CSGI_OK || !response->body.ptr) return CSGI_ENOMEM;
    self->response = response;
    return CSGI_OK;
}

static void on_response(void *arg, csgi_status status, const memory_response *response)
{
    in_process *self = arg;

    if (status == CSGI_OK) status = keep(self, response);
    memory_call_free(self->call);
    self->call = NULL;
    task_wake(&self->wait, status);
}

static void watch(in_process *self)
{
    uint64_t now_ms = loop_now_ms(self->loop);
    uint64_t left_ms = self->due_ms > now_ms ? self->due_ms - now_ms : 0;

    timer_start(self->loop, &self->limit, left_ms < self->read_ms ? left_ms : self->read_ms);
}

static void on_limit(timer *limit)
{
    in_process *self = CONTAINER_OF(limit, in_process, limit);
    const exchange *asked = self->call ? memory_call_exchange(self->call) : NULL;

    if (asked && asked->body_bytes != self->seen_bytes && loop_now_ms(self->loop) < self->due_ms) {
        self->seen_bytes = asked->body_bytes;
        watch(self);
        return;
    }
    task_wake(&self->wait, CSGI_ETIMEDOUT);
}

static csgi_status explain(csgi_status status, csgi_str name, buffer *why)
{
    switch (status) {
    case CSGI_EDISCONNECTED:
        buffer_printf(why, "app:%.*s: it cut its response short", STR_ARG(name));
        return CSGI_EPROTO;
    case CSGI_EINVAL:
        buffer_printf(why, "app:%.*s: its path is malformed, or does not decode to UTF-8",
                      STR_ARG(name));
        return status;
    case CSGI_ETIMEDOUT:
        buffer_printf(why, "app:%.*s: it did not answer in time", STR_ARG(name));
        return status;
    case CSGI_ELIMIT:
        buffer_printf(why, "app:%.*s: its response is too large", STR_ARG(name));
        return status;
    default:
        buffer_printf(why, "app:%.*s: %s", STR_ARG(name), status_text(status));
        return status;
    }
}

/* Hands the request over and waits for the response. */
static csgi_status ask(in_process *self, app_set *set, const router *routes,
                       const memory_request *request, unsigned depth)
{
    exchange *asked;
    csgi_status status =
        memory_call_new(self->loop, request, on_response, self, &self->call, &asked);

    if (status != CSGI_OK) return status;
    task_wait_begin(self->loop, &self->wait);
    timer_init(&self->limit, on_limit);
    watch(self);
    app_set_dispatch_along(set, routes, asked, depth);
    status = task_wait_end(&self->wait);
    timer_stop(self->loop, &self->limit);
    if (self->call) memory_call_free(self->call);
    return status;
}

csgi_status in_process_fetch(app_set *set, arena *into, const csgi_client_request *request,
                             const csgi_client_response **response, buffer *why)
{
    in_process self = { .loop = set->loop, .arena = into };
    memory_request asked;
    request_facts facts;
    app_url to;
    const router *routes;
    const call *caller = call_current(set->loop);
    unsigned depth = (caller ? caller->depth : 0) + 1;
    csgi_status status = request_check(request, &facts, why);

    if (status == CSGI_OK) status = parse_url(request->url, &to, why);
    if (status != CSGI_OK) return status;
    routes = find_routes(set, to.name, why);
    if (!routes) return CSGI_EUNREACH;
    if (depth > APP_CALL_MAX_DEPTH) {
        buffer_printf(why, "app:%.*s: in-process calls lead to one another more than %u deep",
                      STR_ARG(to.name), APP_CALL_MAX_DEPTH);
        return CSGI_ELIMIT;
    }
    asked = (memory_request){
        .method = facts.method,
        .raw_path = to.path,
        .query_string = to.query,
        .body = request->body,
        .max_response_body =
            facts.max_response_size < SIZE_MAX ? (size_t)facts.max_response_size : SIZE_MAX,
    };
    self.read_ms = facts.read_timeout_ms;
    self.due_ms = pending_due_ms(loop_now_ms(set->loop), facts.total_timeout_ms);
    if (call_due_ms(set->loop) < self.due_ms) self.due_ms = call_due_ms(set->loop);
    status = make_headers(into, request, &to, facts.has_length, &asked.headers);
    if (status == CSGI_OK) status = ask(&self, set, routes, &asked, depth);
    if (status != CSGI_OK) return explain(status, to.name, why);
    *response = self.response;
    return CSGI_OK;
}
