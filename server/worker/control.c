/* SPDX-License-Identifier: MIT
 * Answers at the control socket. */
#include "worker/control.h"

#include <stdlib.h>

#include "base/json_write.h"
#include "base/str.h"
#include "log/log.h"
#include "net/listener.h"
#include "session/session.h"
#include "worker/control_path.h"

#define BACKLOG 16
/* Requests have next to no body. */
#define BODY_MAX 4096u

struct control {
    listener *socket; /* NULL: it is closed */
    control_parts parts;
    session_set *sessions;
    bool is_stopping;
};

/* Somebody who waits for a reload. */
typedef struct asker {
    reload_wait wait;
    exchange *request;
} asker;

/* ---- answers ---- */

static const csgi_fields no_fields = { NULL, 0 };

static void refuse(exchange *request, uint32_t status, const char *detail, csgi_fields headers)
{
    exchange_reply_error(request, status, detail, headers);
    exchange_app_release(request);
}

static void answer(exchange *request, uint32_t status, csgi_status printed, buffer *body)
{
    static const csgi_field headers[] = {
        { CSGI_STR("content-type"), CSGI_STR("application/json"), 0, 0 },
        { CSGI_STR("cache-control"), CSGI_STR("no-store"), 0, 0 },
    };

    if (printed == CSGI_OK) {
        exchange_reply(request, status, (csgi_fields){ headers, 2 }, buffer_str(body));
        exchange_app_release(request);
    } else {
        refuse(request, 500, "no memory for the answer", no_fields);
    }
    buffer_fini(body);
}

static void answer_status(control *self, exchange *request)
{
    buffer body = { 0 };
    csgi_status printed = self->parts.print_status(self->parts.arg, &body);

    answer(request, 200, printed, &body);
}

static void on_reloaded(reload_wait *wait, const reload_record *outcome)
{
    asker *self = CONTAINER_OF(wait, asker, wait);
    exchange *request = self->request;
    buffer body = { 0 };
    json_writer into = { .out = &body };

    free(self);
    if (!outcome) {
        refuse(request, 503, "the reload was given up: the server stops", no_fields);
        return;
    }
    json_write_open(&into, NULL, '{');
    json_write_bool(&into, "ok", outcome->is_ok);
    json_write_number(&into, "number", outcome->number);
    json_write_number(&into, "took_ms", outcome->took_ms);
    json_write_text(&into, "report", buffer_str(&outcome->report));
    json_write_close(&into, '}');
    answer(request, outcome->is_ok ? 200 : 422, into.status, &body);
}

static void answer_reload(control *self, exchange *request)
{
    asker *made;

    if (self->is_stopping) {
        refuse(request, 503, "the server is stopping: it reloads nothing any more", no_fields);
        return;
    }
    made = calloc(1, sizeof *made);
    if (!made) {
        refuse(request, 500, "no memory to reload", no_fields);
        return;
    }
    made->wait.on_done = on_reloaded;
    made->request = request;
    reloader_request_told(self->parts.reloader, "capricorn reload", &made->wait);
}

static void refuse_method(exchange *request, csgi_str allowed)
{
    const csgi_field allow = { CSGI_STR("allow"), allowed, 0, 0 };

    refuse(request, 405, "Method Not Allowed", (csgi_fields){ &allow, 1 });
}

static void on_request(void *arg, exchange *request)
{
    bool gets = str_eq(request->method, STR("GET")) || str_eq(request->method, STR("HEAD"));

    if (str_eq(request->raw_path, STR("/status")) && gets)
        answer_status(arg, request);
    else if (str_eq(request->raw_path, STR("/status")))
        refuse_method(request, STR("GET, HEAD"));
    else if (str_eq(request->raw_path, STR("/reload")) && str_eq(request->method, STR("POST")))
        answer_reload(arg, request);
    else if (str_eq(request->raw_path, STR("/reload")))
        refuse_method(request, STR("POST"));
    else
        refuse(request, 404, "there are /status and /reload", no_fields);
}

/* ---- start and end ---- */

static csgi_status bind_at(control *self, loop *runner, const char *path, buffer *problem)
{
    size_t mark = problem->len;
    csgi_status status = listener_bind_unix(runner, path, 0600, &self->socket, problem);
    buffer why = { 0 };

    if (status == CSGI_OK) return CSGI_OK;
    buffer_append(&why, problem->bytes + mark, problem->len - mark);
    problem->len = mark;
    buffer_printf(problem, "control socket: %.*s", STR_ARG(buffer_str(&why)));
    buffer_fini(&why);
    return status;
}

/* Nobody has asked for it: the server starts without it as well. */
static csgi_status bind_by_default(control *self, loop *runner)
{
    control_place own;
    buffer problem = { 0 };
    csgi_status status = control_path_choose(&own, &problem);

    if (status == CSGI_OK) status = bind_at(self, runner, own.path, &problem);
    if (status != CSGI_OK)
        log_info("No control socket, so capricorn reload will not find this server: %.*s",
                 STR_ARG(buffer_str(&problem)));
    buffer_fini(&problem);
    return status;
}

csgi_status control_bind(loop *runner, const server_options *options, control **out,
                         buffer *problem)
{
    control *self;
    csgi_status status;

    *out = NULL;
    if (!options->control) return CSGI_OK;
    self = calloc(1, sizeof *self);
    if (!self) return CSGI_ENOMEM;
    status = options->control_socket ? bind_at(self, runner, options->control_socket, problem)
                                     : bind_by_default(self, runner);
    if (status == CSGI_OK) {
        *out = self;
        return CSGI_OK;
    }
    free(self);
    return options->control_socket ? status : CSGI_OK;
}

csgi_status control_start(control *self, const control_parts *parts, buffer *problem)
{
    const session_options options = { .http1 = { .max_body = BODY_MAX },
                                      .on_request = on_request,
                                      .on_request_arg = self };

    self->parts = *parts;
    self->sessions = session_set_new(NULL, &options, problem);
    if (!self->sessions) return CSGI_ENOMEM;
    return listener_start(self->socket, BACKLOG, session_set_accept, self->sessions, problem);
}

void control_announce_stop(control *self)
{
    if (self) self->is_stopping = true;
}

void control_close(control *self)
{
    if (!self || !self->socket) return;
    listener_close(self->socket);
    self->socket = NULL;
    if (self->sessions) session_set_cut(self->sessions);
}

void control_free(control *self)
{
    if (!self) return;
    CHECK(!self->socket);
    session_set_free(self->sessions);
    free(self);
}
