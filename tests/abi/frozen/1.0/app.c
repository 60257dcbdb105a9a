/* SPDX-License-Identifier: MIT
 * An application built from the headers of 1.0: everything that 1.0 promises, used once. Each
 * endpoint answers with what it found, for test_frozen.py to compare. */
#include <stdio.h>
#include <string.h>

#include <csgi/csgi.h>

#define UNUSED __attribute__((unused))

typedef struct app {
    const csgi_host *host;
    char greeting[32];
    unsigned deferred, posted, started;
} app;

static app the_app;

static csgi_status reply(csgi_send *send, uint32_t status, const char *text)
{
    static const csgi_field type = { CSGI_STR("content-type"), CSGI_STR("text/plain"), 0, 0 };
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), status, 0, { &type, 1 }
    };
    csgi_http_body body = { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                            { text, strlen(text) },
                            0,
                            0,
                            { NULL, 0 } };
    csgi_status result = send->call(send, &start.event);

    return result == CSGI_OK ? send->call(send, &body.event) : result;
}

/* GET /v1/scope/{id:int}/{rest:path}: the scope's fields, a line each. */
static csgi_status show_scope(UNUSED void *instance, const csgi_scope *scope,
                              UNUSED csgi_receive *receive, csgi_send *send)
{
    char text[1024];

    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;
    if (scope->path_params.count != 2) return CSGI_EFAIL;
    snprintf(text, sizeof(text),
             "method=%s\npath=%s\nraw=%s\nquery=%s\nid=%s\nrest=%s\nroute=%s\napp=%s\nendpoint=%s\n"
             "version=%s\nscheme=%s\nlocals=%zu\nhas=%d\n",
             scope->method.ptr, scope->path.ptr, scope->raw_path.ptr, scope->query_string.ptr,
             scope->path_params.items[0].value.ptr, scope->path_params.items[1].value.ptr,
             scope->route.ptr, scope->app.ptr, scope->endpoint.ptr, scope->http_version.ptr,
             scope->scheme.ptr, scope->locals.count, CSGI_HAS(scope, csgi_scope, tls));
    return reply(send, 200, text);
}

/* POST /v1/echo: streams the body back. */
static csgi_status echo(UNUSED void *instance, UNUSED const csgi_scope *scope,
                        csgi_receive *receive, csgi_send *send)
{
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { NULL, 0 }
    };
    csgi_status status = send->call(send, &start.event);
    uint32_t more = CSGI_MORE;

    while (status == CSGI_OK && more) {
        const csgi_event *event;
        const csgi_http_body *piece;
        csgi_http_body body = {
            CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY), { NULL, 0 }, 0, 0, { NULL, 0 }
        };

        status = receive->call(receive, &event);
        if (status != CSGI_OK) break;
        if (event->type != CSGI_HTTP_REQUEST) return CSGI_EDISCONNECTED;
        piece = (const csgi_http_body *)event;
        more = piece->flags & CSGI_MORE;
        body.body = piece->body;
        body.flags = more;
        status = send->call(send, &body.event);
    }
    return status;
}

static void count_deferred(void *arg)
{
    ((app *)arg)->deferred++;
}

static void count_posted(void *arg)
{
    ((app *)arg)->posted++;
}

/* GET /v1/host: each function of the host table. */
static csgi_status show_host(void *instance, const csgi_scope *scope, UNUSED csgi_receive *receive,
                             csgi_send *send)
{
    static const csgi_str why = CSGI_STR("as an example"), line = CSGI_STR("a line of the log");
    app *self = instance;
    const csgi_host *host = self->host;
    csgi_str error = { NULL, 0 };
    csgi_arena *child = NULL;
    csgi_scope *derived = NULL;
    csgi_event *copy = NULL;
    csgi_http_body body = {
        CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY), CSGI_STR("x"), 0, 0, { NULL, 0 }
    };
    int failed, opened, copied, derives;
    void *memory, *in_child = NULL;
    char text[1024];

    failed = host->fail(host, CSGI_EFAIL, why) == CSGI_EFAIL;
    host->last_error(host, &error);
    memory = host->alloc(scope->arena, 100, 64);
    opened = host->arena_open(scope, &child) == CSGI_OK;
    if (opened) in_child = host->alloc(child, 70000, 0);
    copied = host->copy_event(scope->arena, &body.event, &copy) == CSGI_OK && copy &&
             copy->size == sizeof(body) && ((csgi_http_body *)copy)->body.ptr == body.body.ptr;
    derives = host->derive(scope, &derived) == CSGI_OK && derived && derived != scope &&
              derived->size == scope->size && derived->path.len == scope->path.len;
    host->log(host, CSGI_LOG_INFO, line);
    snprintf(text, sizeof(text),
             "major=%u\napp=%s\nworkers=%u of %u\ngeneration=%d\nplugin_dir=%d\nserver_url=%.*s\n"
             "extension=%d\nfail=%d\nlast_error=%.*s\nalloc=%d\narena=%d\ncopy_event=%d\nderive=%"
             "d\n"
             "now=%d\ndeadline=%d\ndraining=%d\ndefer=%d\npost=%d\ngreeting=%s\nstarted=%u\n"
             "deferred=%u\nposted=%u\n",
             host->abi_major, host->app.ptr, host->worker, host->workers, host->generation > 0,
             host->plugin_dir.len > 0, (int)host->server_url.len, host->server_url.ptr,
             host->extension(host, "no.such/1") != NULL, failed, (int)error.len, error.ptr,
             memory && (uintptr_t)memory % 64 == 0, opened && in_child, copied, derives,
             host->now_ns(host) > 0, host->deadline_ns(scope) > host->now_ns(host),
             host->is_draining(scope), host->defer(scope, count_deferred, self) == CSGI_OK,
             host->post(host, count_posted, self) == CSGI_OK, self->greeting, self->started,
             self->deferred, self->posted);
    if (child) host->arena_close(child);
    return reply(send, 200, text);
}

/* GET /v1/fails: an error with its reason. */
static csgi_status fails(void *instance, UNUSED const csgi_scope *scope,
                         UNUSED csgi_receive *receive, UNUSED csgi_send *send)
{
    static const csgi_str why = CSGI_STR("as 1.0 fails");
    const app *self = instance;

    return self->host->fail(self->host, CSGI_EFAIL, why);
}

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    if (!CSGI_HAS(host, csgi_host, is_draining)) return CSGI_ENOSYS;
    the_app.host = host;
    snprintf(the_app.greeting, sizeof(the_app.greeting), "%.*s", (int)config_json.len,
             config_json.ptr);
    *instance = &the_app;
    return CSGI_OK;
}

static void destroy(void *instance)
{
    static const csgi_str line = CSGI_STR("1.0 destroyed");
    app *self = instance;

    self->host->log(self->host, CSGI_LOG_INFO, line);
}

/* Answers start-up and shutdown. */
static csgi_status lifespan(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    csgi_lifespan complete = {
        CSGI_EVENT(csgi_lifespan, CSGI_LIFESPAN_COMPLETE), 0, 0, { NULL, 0 }
    };
    uint32_t type = 0;

    if (scope->type != CSGI_LIFESPAN) return CSGI_ENOTSUP;
    while (type != CSGI_LIFESPAN_SHUTDOWN) {
        const csgi_event *event;
        csgi_status status = receive->call(receive, &event);

        if (status != CSGI_OK) return status;
        type = event->type;
        ((app *)instance)->started += type == CSGI_LIFESPAN_STARTUP;
        status = send->call(send, &complete.event);
        if (status != CSGI_OK) return status;
    }
    return CSGI_OK;
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("scope"), CSGI_STR("/v1/scope/{id:int}/{rest:path}"), CSGI_STR("GET"), CSGI_HTTP, 0,
      show_scope, NULL },
    { CSGI_STR("echo"), CSGI_STR("/v1/echo"), CSGI_STR("POST,PUT"), CSGI_HTTP, 0, echo, NULL },
    { CSGI_STR("host"), CSGI_STR("/v1/host"), CSGI_STR("GET"), CSGI_HTTP | CSGI_WEBSOCKET, 0,
      show_host, NULL },
    { CSGI_STR("fails"), CSGI_STR("/v1/fails"), { NULL, 0 }, CSGI_HTTP, 0, fails, NULL },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("frozen_app"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("an application of 1.0"),
                                    endpoints,
                                    sizeof(endpoints) / sizeof(endpoints[0]),
                                    create,
                                    destroy,
                                    lifespan,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
