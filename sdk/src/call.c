/* SPDX-License-Identifier: MIT
 * A call from its scope to its end: failures that stick, memory, the log. Replies are in reply.c.
 */
#include "call.h"

#include <csgi/ext/draft/task.h>
#include <string.h>

const char *csgi_web_route_name(const csgi_call *call)
{
    if (call->own->hand_over) return call->own->hand_over->out ? "save" : "restore";
    return call->own->route ? call->own->route->name : "lifespan";
}

void csgi_web_call_init(csgi_call *call, struct csgi_web_call *own, csgi_web_instance *instance,
                        const csgi_scope *scope)
{
    memset(call, 0, sizeof(*call));
    memset(own, 0, sizeof(*own));
    own->instance = instance;
    own->client = instance->client;
    call->host = instance->host;
    call->scope = scope;
    call->own = own;
    csgi_web_text_init(&own->reply, call->host, scope->arena);
}

void csgi_web_call_fini(csgi_call *call, csgi_status code)
{
    csgi_web_tree *tree;

    csgi_web_background_settle(call, code == CSGI_OK && call->own->failure == CSGI_OK);
    for (tree = call->own->trees; tree; tree = tree->next)
        cJSON_Delete(tree->root);
    call->own->trees = NULL;
}

const char *csgi_web_format(const csgi_call *call, csgi_web_text *text, const char *format,
                            csgi_web_arguments *arguments)
{
    csgi_web_text_init(text, call->host, call->scope->arena);
    csgi_web_text_vprintf(text, format, arguments);
    return csgi_web_text_end(text);
}

static void write_log(const csgi_call *call, uint32_t level, const char *format,
                      csgi_web_arguments *arguments)
{
    csgi_web_text text;
    const char *line = csgi_web_format(call, &text, format, arguments);

    if (line) call->host->log(call->host, level, (csgi_str){ line, text.length });
}

/* The response to a call that has failed. */
static csgi_status call_answer_failure(csgi_call *call)
{
    struct csgi_web_call *own = call->own;
    csgi_web_text body;
    const char *bytes;

    if (!own->status) return own->failure;
    if (own->is_replied) {
        csgi_log(call, CSGI_LOG_ERROR, "%s failed after its reply: %s", csgi_web_route_name(call),
                 own->detail);
        return CSGI_OK;
    }
    csgi_web_text_init(&body, call->host, call->scope->arena);
    csgi_web_text_puts(&body, "{\"detail\":");
    csgi_web_text_json_string(&body, own->detail, strlen(own->detail));
    csgi_web_text_puts(&body, "}");
    bytes = csgi_web_text_end(&body);
    if (!bytes) return body.status;
    return csgi_web_reply(call, own->status, "application/json", (csgi_str){ bytes, body.length });
}

static csgi_status call_fail(csgi_call *call, int status, const char *format,
                             csgi_web_arguments *arguments)
{
    struct csgi_web_call *own = call->own;
    csgi_web_text detail;

    if (own->failure != CSGI_OK) return own->failure;
    if (status < 400 || status > 599) {
        csgi_log(call, CSGI_LOG_ERROR,
                 "%s: csgi_fail with the status %d, which is no failure's; it takes 400 to 599, so "
                 "the client gets 500",
                 csgi_web_route_name(call), status);
        status = 500;
    }
    own->failure = CSGI_EFAIL;
    own->status = status;
    own->detail = csgi_web_format(call, &detail, format, arguments);
    if (!own->detail) own->detail = CSGI_WEB_INTERNAL_ERROR;
    return own->failure;
}

/* ---- what the other parts use ---- */

void csgi_web_break(csgi_call *call, csgi_status code)
{
    if (call->own->failure == CSGI_OK) call->own->failure = code;
}

void csgi_web_author_error(csgi_call *call, const char *format, ...)
{
    csgi_web_arguments arguments;

    if (call->own->failure != CSGI_OK) return;
    va_start(arguments.list, format);
    write_log(call, CSGI_LOG_ERROR, format, &arguments);
    va_end(arguments.list);
    csgi_fail(call, 500, CSGI_WEB_INTERNAL_ERROR);
}

void csgi_web_text_error(csgi_call *call, const csgi_web_text *text, const char *what)
{
    if (text->status == CSGI_EINVAL && text->source)
        csgi_web_author_error(call, "%s of %s is not JSON: %s, at byte %zu of the template %s",
                              what, csgi_web_route_name(call), text->why, text->offset,
                              text->source);
    else if (text->status == CSGI_EINVAL)
        csgi_web_author_error(call, "%s of %s: %s", what, csgi_web_route_name(call), text->why);
    else if (text->status != CSGI_OK)
        csgi_web_break(call, text->status);
}

csgi_status csgi_web_serve(const csgi_route *route, void *instance, const csgi_scope *scope,
                           csgi_receive *receive, csgi_send *send)
{
    struct csgi_web_call own;
    csgi_call call;
    csgi_status code = CSGI_OK;

    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;
    csgi_web_call_init(&call, &own, instance, scope);
    own.route = route;
    call.receive = receive;
    call.send = send;
    if (csgi_web_params_read(&call)) code = route->handler(&call);
    if (own.failure != CSGI_OK) code = call_answer_failure(&call);
    csgi_web_call_fini(&call, code);
    return code;
}

/* Runs the functions that were declared for start-up or shutdown, in their order. The failure's
 * detail lives in the scope's arena. */
static csgi_status run_all(csgi_web_instance *instance, const csgi_scope *scope, uint32_t in,
                           const char **detail)
{
    const csgi_declaration *item;
    struct csgi_web_call own;
    csgi_call call;
    csgi_status code;

    for (item = instance->plugin->declared; item->in != CSGI_IN_END; item++) {
        if (item->in != in) continue;
        csgi_web_call_init(&call, &own, instance, scope);
        own.is_startup = in == CSGI_IN_STARTUP;
        code = item->run(&call);
        if (own.failure != CSGI_OK) code = own.failure;
        *detail = own.detail ? own.detail : "it says no more";
        csgi_web_call_fini(&call, code);
        if (code != CSGI_OK) return code;
    }
    return CSGI_OK;
}

static csgi_status follow_lifespan(csgi_web_instance *instance, const csgi_scope *scope,
                                   csgi_receive *receive, csgi_send *send)
{
    csgi_lifespan answer = { CSGI_EVENT(csgi_lifespan, 0), 0, 0, CSGI_STR("") };
    const csgi_event *event;
    const char *detail = "";
    csgi_status code, sent;
    uint32_t type;

    for (;;) {
        if ((code = receive->call(receive, &event)) != CSGI_OK) return code;
        type = event->type;
        if (type != CSGI_LIFESPAN_STARTUP && type != CSGI_LIFESPAN_SHUTDOWN) continue;
        code = run_all(instance, scope,
                       type == CSGI_LIFESPAN_STARTUP ? CSGI_IN_STARTUP : CSGI_IN_SHUTDOWN, &detail);
        if (code == CSGI_ECANCELED) return code; /* the server has waited long enough */
        answer.event.type = code == CSGI_OK ? CSGI_LIFESPAN_COMPLETE : CSGI_LIFESPAN_FAILED;
        if (code != CSGI_OK) answer.message = (csgi_str){ detail, strlen(detail) };
        if ((sent = send->call(send, &answer.event)) != CSGI_OK) return sent;
        if (code != CSGI_OK || type == CSGI_LIFESPAN_SHUTDOWN) return CSGI_OK;
    }
}

csgi_status csgi_web_lifespan(void *instance, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    csgi_web_instance *self = instance;
    csgi_status code;

    if (scope->type != CSGI_LIFESPAN) return CSGI_ENOTSUP;
    self->lifespan = scope;
    code = follow_lifespan(self, scope, receive, send);
    self->lifespan = NULL;
    return code;
}

/* ---- what authors use ---- */

csgi_status csgi_fail(csgi_call *call, int status, const char *format, ...)
{
    csgi_web_arguments arguments;
    csgi_status code;

    va_start(arguments.list, format);
    code = call_fail(call, status, format, &arguments);
    va_end(arguments.list);
    return code;
}

int csgi_failed(const csgi_call *call)
{
    if (call->own->failure == CSGI_OK) return 0;
    return call->own->status ? call->own->status : 500;
}

int csgi_catch(csgi_call *call)
{
    struct csgi_web_call *own = call->own;
    int status = own->status;

    if (!status) return 0;
    own->failure = CSGI_OK;
    own->status = 0;
    csgi_web_text_init(&own->reply, call->host, call->scope->arena);
    return status;
}

csgi_status csgi_sleep(csgi_call *call, int64_t ms)
{
    const csgi_host *host = call->host;
    const csgi_task_extension *tasks;
    csgi_status code;

    if (call->own->failure != CSGI_OK) return call->own->failure;
    tasks = host->extension(host, CSGI_TASK_EXTENSION);
    if (!tasks || !CSGI_HAS(tasks, csgi_task_extension, sleep_ms)) {
        csgi_web_author_error(call, "this server has no way to sleep");
        return call->own->failure;
    }
    code = tasks->sleep_ms(host, ms > 0 ? (uint64_t)ms : 0);
    if (code != CSGI_OK) csgi_web_break(call, code);
    return code;
}

void *csgi_alloc(csgi_call *call, size_t size)
{
    void *memory;

    if (call->own->failure != CSGI_OK) return NULL;
    memory = call->host->alloc(call->scope->arena, size ? size : 1, 0);
    if (!memory) {
        csgi_web_break(call, CSGI_ENOMEM);
        return NULL;
    }
    return memset(memory, 0, size);
}

const char *csgi_format(csgi_call *call, const char *format, ...)
{
    csgi_web_arguments arguments;
    csgi_web_text text;
    const char *string;

    if (call->own->failure != CSGI_OK) return "";
    va_start(arguments.list, format);
    string = csgi_web_format(call, &text, format, &arguments);
    va_end(arguments.list);
    csgi_web_text_error(call, &text, "csgi_format");
    return string ? string : "";
}

void csgi_log(csgi_call *call, uint32_t level, const char *format, ...)
{
    csgi_web_arguments arguments;

    va_start(arguments.list, format);
    write_log(call, level, format, &arguments);
    va_end(arguments.list);
}

void *csgi_state(const csgi_call *call)
{
    return call->own->instance->state;
}

void csgi_set_state(csgi_call *call, void *state)
{
    call->own->instance->state = state;
}
