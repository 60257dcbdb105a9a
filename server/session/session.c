/* SPDX-License-Identifier: MIT
 * The connections of one worker. */
#include "session/session.h"

#include <stdlib.h>

#include "base/str.h"
#include "exchange/forwarded.h"
#include "log/log.h"
#include "session/access_log.h"
#include "session/complaint.h"
#include "session/proxy_reading.h"

typedef struct session {
    list_node node;
    session_set *set;
    proxy_reading *proxy; /* until its PROXY header has come */
    http1_conn *http1;    /* from then on */
} session;

struct session_set {
    void (*on_request)(void *arg, exchange *request); /* who answers */
    void *on_request_arg;
    http1_options http1;
    bool proxy_headers, proxy_protocol;
    const trust_list *proxies;
    access_log *log;        /* NULL: none */
    uint64_t requests_left; /* 0: on_max_requests has been told, or never is */
    void (*on_max_requests)(void *arg);
    void *on_max_requests_arg;
    bool (*answer_first)(void *arg, exchange *request);
    void (*on_answered)(void *arg, const exchange *request);
    void *watcher;
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

/* Who names a resource of https over a connection that is not secured must be a trusted gateway,
 * which has the secured one (RFC 9110 section 7.4). */
static bool is_secured_enough(const session_set *set, const exchange *request)
{
    if (!str_eq(request->scheme, STR("https"))) return true;
    return set->proxy_headers && trust_list_has(set->proxies, &request->client->as.any);
}

static void on_request(void *owner, exchange *request)
{
    session_set *set = ((session *)owner)->set;
    csgi_status status = CSGI_OK;

    if (set->requests_left && --set->requests_left == 0)
        set->on_max_requests(set->on_max_requests_arg);
    if (set->log && access_log_needs_clock(set->log)) request->began_ns = loop_clock_ns();
    if (!is_secured_enough(set, request)) {
        refuse(request, 421, "This connection is not secured, and the request target says https");
        return;
    }
    if (set->answer_first) {
        if (!request->began_ns) request->began_ns = loop_clock_ns();
        if (set->answer_first(set->watcher, request)) return;
    }
    if (set->proxy_headers) status = exchange_apply_forwarded(request, set->proxies);
    if (status == CSGI_OK) {
        set->on_request(set->on_request_arg, request);
    } else if (status == CSGI_ENOMEM) {
        refuse(request, 503, "Service Unavailable");
    } else {
        complain(request->client, "its request was refused: Forwarded and X-Forwarded-* contradict "
                                  "each other (have your proxy set the one and remove the other)");
        refuse(request, 400, "Forwarded and X-Forwarded-* contradict each other");
    }
}

static void on_response(void *owner, exchange *request)
{
    const session_set *set = ((const session *)owner)->set;

    if (set->log && !request->is_unlogged) access_log_write(set->log, request);
    if (set->on_answered) set->on_answered(set->watcher, request);
}

static void tell_if_empty(session_set *self)
{
    void (*on_empty)(void *arg) = self->on_empty;

    if (self->count || !on_empty) return;
    self->on_empty = NULL;
    on_empty(self->on_empty_arg);
}

static void end(session *self)
{
    session_set *set = self->set;

    list_remove(&self->node);
    free(self);
    set->count--;
    tell_if_empty(set);
}

static void on_closed(void *owner, http1_conn *conn)
{
    (void)conn;
    end(owner);
}

static void on_proxy_closed(void *owner)
{
    end(owner);
}

static csgi_status begin_http1(session *self, stream *from)
{
    static const http1_events events = { on_request, on_response, on_closed };

    return http1_conn_new(from, &self->set->http1, &events, self, &self->http1);
}

static csgi_status on_proxy_ready(void *owner, stream *ready, char *bytes, size_t len)
{
    session *self = owner;
    csgi_status status = begin_http1(self, ready);

    if (status != CSGI_OK) return status;
    self->proxy = NULL;
    if (self->set->draining) http1_conn_drain(self->http1);
    if (len) http1_conn_push(self->http1, bytes, len);
    return CSGI_OK;
}

/* With the protocol of a connection, whose first bytes may be its proxy's. */
static csgi_status begin(session *self, stream *accepted)
{
    static const proxy_reading_events events = { on_proxy_ready, on_proxy_closed };
    uint64_t headers_ms = self->set->http1.headers_ms;

    if (!self->set->proxy_protocol) return begin_http1(self, accepted);
    if (headers_ms == 0) headers_ms = HTTP1_DEFAULT_HEADERS_MS;
    return proxy_reading_new(accepted, headers_ms, &events, self, &self->proxy);
}

static void drain(session *self)
{
    if (self->proxy)
        proxy_reading_drain(self->proxy);
    else
        http1_conn_drain(self->http1);
}

static void cut(session *self)
{
    if (self->proxy)
        proxy_reading_cut(self->proxy);
    else
        http1_conn_cut(self->http1);
}

static csgi_status make_log(session_set *self, const session_options *options, buffer *problem)
{
    if (!options->access_log) return CSGI_OK;
    if (options->json_log) return access_log_new_json(&self->log);
    return access_log_new(options->access_log_format, &self->log, problem);
}

static void ask_apps(void *apps, exchange *request)
{
    app_set_dispatch(apps, request);
}

session_set *session_set_new(app_set *apps, const session_options *options, buffer *problem)
{
    session_set *self = calloc(1, sizeof *self);

    if (!self) return NULL;
    if (make_log(self, options, problem) != CSGI_OK) {
        free(self);
        return NULL;
    }
    self->on_request = options->on_request ? options->on_request : ask_apps;
    self->on_request_arg = options->on_request ? options->on_request_arg : apps;
    self->http1 = options->http1;
    self->proxy_headers = options->proxy_headers;
    self->proxy_protocol = options->proxy_protocol;
    self->proxies = options->proxies;
    self->requests_left = options->max_requests;
    self->on_max_requests = options->on_max_requests;
    self->on_max_requests_arg = options->on_max_requests_arg;
    self->answer_first = options->answer_first;
    self->on_answered = options->on_answered;
    self->watcher = options->watcher;
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
    session_set *set = arg;
    session *self;

    if (set->proxy_protocol && !trust_list_has(set->proxies, &stream_peer(accepted)->as.any)) {
        complain(stream_peer(accepted), "its connection was closed: with --proxy-protocol only the "
                                        "proxies in --forwarded-allow-ips may connect");
        stream_close(accepted);
        return;
    }
    self = calloc(1, sizeof *self);
    if (self) self->set = set;
    if (!self || begin(self, accepted) != CSGI_OK) {
        log_error("a connection was refused: no memory for it");
        free(self);
        stream_abort(accepted);
        return;
    }
    list_append(&set->sessions, &self->node);
    set->count++;
    if (set->draining) drain(self);
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
        drain(CONTAINER_OF(node, session, node));
    }
    tell_if_empty(self);
}

void session_set_cut(session_set *self)
{
    LIST_EACH_SAFE (node, &self->sessions) {
        cut(CONTAINER_OF(node, session, node));
    }
}
