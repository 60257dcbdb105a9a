/* SPDX-License-Identifier: MIT
 * The connections of one worker. */
#include "session/session.h"

#include <stdlib.h>

#include "exchange/forwarded.h"
#include "log/log.h"
#include "session/access_log.h"

typedef struct session {
    list_node node;
    session_set *set;
    http1_conn *http1;
} session;

struct session_set {
    app_set *apps;
    http1_options http1;
    const trust_list *proxies; /* NULL: nobody is believed */
    access_log *log;           /* NULL: none */
    list_node sessions;
    size_t count;
    bool draining;
    void (*on_empty)(void *arg);
    void *on_empty_arg;
};

static void refuse(exchange *request, uint32_t status, const char *detail)
{
    exchange_reply_error(request, status, detail, (csgi_fields){ NULL, 0 });
    exchange_app_release(request);
}

static void on_request(void *owner, exchange *request)
{
    const session_set *set = ((session *)owner)->set;
    csgi_status status = CSGI_OK;

    if (set->log && access_log_needs_clock(set->log)) request->began_ns = loop_clock_ns();
    if (set->proxies) status = exchange_apply_forwarded(request, set->proxies);
    if (status == CSGI_ENOMEM)
        refuse(request, 503, "Service Unavailable");
    else if (status)
        refuse(request, 400, "Forwarded and X-Forwarded-* contradict each other");
    else
        app_set_dispatch(set->apps, request);
}

static void on_response(void *owner, exchange *request)
{
    const session *self = owner;
    if (self->set->log) access_log_write(self->set->log, request);
}

static void tell_if_empty(session_set *self)
{
    void (*on_empty)(void *arg) = self->on_empty;

    if (self->count || !on_empty) return;
    self->on_empty = NULL;
    on_empty(self->on_empty_arg);
}

static void on_closed(void *owner, http1_conn *conn)
{
    session *self = owner;
    session_set *set = self->set;

    (void)conn;
    list_remove(&self->node);
    free(self);
    set->count--;
    tell_if_empty(set);
}

static csgi_status make_log(session_set *self, const session_options *options, buffer *problem)
{
    if (!options->access_log) return CSGI_OK;
    if (options->json_log) return access_log_new_json(&self->log);
    return access_log_new(options->access_log_format, &self->log, problem);
}

session_set *session_set_new(app_set *apps, const session_options *options, buffer *problem)
{
    session_set *self = calloc(1, sizeof *self);

    if (!self) return NULL;
    if (make_log(self, options, problem) != CSGI_OK) {
        free(self);
        return NULL;
    }
    self->apps = apps;
    self->http1 = options->http1;
    self->proxies = options->proxies;
    list_init(&self->sessions);
    return self;
}

void session_set_free(session_set *self)
{
    if (!self) return;
    CHECK(self->count == 0);
    http1_clear();
    access_log_free(self->log);
    free(self);
}

void session_set_accept(void *arg, stream *accepted)
{
    static const http1_events events = { on_request, on_response, on_closed };
    session_set *set = arg;
    session *self = malloc(sizeof *self);

    if (!self || http1_conn_new(accepted, &set->http1, &events, self, &self->http1) != CSGI_OK) {
        log_error("a connection was refused: no memory for it");
        free(self);
        stream_abort(accepted);
        return;
    }
    self->set = set;
    list_append(&set->sessions, &self->node);
    set->count++;
    if (set->draining) http1_conn_drain(self->http1);
}

size_t session_set_count(const session_set *self)
{
    return self->count;
}

void session_set_drain(session_set *self, void (*on_empty)(void *arg), void *arg)
{
    self->draining = true;
    self->on_empty = on_empty;
    self->on_empty_arg = arg;
    LIST_EACH_SAFE (node, &self->sessions) {
        http1_conn_drain(CONTAINER_OF(node, session, node)->http1);
    }
    tell_if_empty(self);
}

void session_set_cut(session_set *self)
{
    LIST_EACH_SAFE (node, &self->sessions) {
        http1_conn_cut(CONTAINER_OF(node, session, node)->http1);
    }
}
