/* SPDX-License-Identifier: MIT
 * An application with a lifespan that behaves as its configuration says:
 *   {"startup": "complete" | "fail" | "slow" | "error" | "notsup" | "silent" | "hang"}
 *   {"shutdown": "complete" | "fail" | "slow" | "hang"}
 *   {"create": "fail" | "hang"}
 * GET /state answers with what the start-up made, GET /slow ends when it is told to drain. */
#include <csgi/ext/draft/task.h>
#include <stdlib.h>
#include <unistd.h>

#include "plug.h"

typedef struct state {
    const csgi_host *host;
    const csgi_task_extension *tasks;
    csgi_str config; /* in config_bytes */
    char config_bytes[512];
    char greeting[64];
    unsigned running;
} state;

static int asks(const state *self, const char *key, const char *value)
{
    char member[64];

    snprintf(member, sizeof(member), "\"%s\": \"%s\"", key, value);
    return plug_has(self->config, member);
}

static void say(const state *self, const char *text)
{
    self->host->log(self->host, CSGI_LOG_INFO, plug_str(text));
}

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    state *self;

    if (plug_has(config_json, "\"create\": \"fail\""))
        return host->fail(host, CSGI_EFAIL, plug_str("no such database: tea"));
    if (plug_has(config_json, "\"create\": \"hang\"")) {
        host->log(host, CSGI_LOG_INFO, plug_str("create hangs"));
        for (;;)
            pause();
    }
    self = calloc(1, sizeof(*self));
    if (!self) return CSGI_ENOMEM;
    self->host = host;
    self->tasks = host->extension(host, CSGI_TASK_EXTENSION);
    if (config_json.len > sizeof(self->config_bytes)) config_json.len = sizeof(self->config_bytes);
    memcpy(self->config_bytes, config_json.ptr, config_json.len);
    self->config = (csgi_str){ self->config_bytes, config_json.len };
    *instance = self;
    return CSGI_OK;
}

static void destroy(void *instance)
{
    state *self = instance;

    say(self, "destroyed");
    free(self);
}

static csgi_status answer(csgi_send *send, uint32_t type, const char *message)
{
    csgi_lifespan event = { CSGI_EVENT(csgi_lifespan, type), 0, 0, plug_str(message) };

    return send->call(send, &event.event);
}

static csgi_status start_up(state *self, csgi_send *send)
{
    if (asks(self, "startup", "fail"))
        return answer(send, CSGI_LIFESPAN_FAILED, "the kettle is cold");
    if (asks(self, "startup", "error"))
        return self->host->fail(self->host, CSGI_EFAIL, plug_str("the kettle is broken"));
    if (asks(self, "startup", "hang")) return self->tasks->sleep_ms(self->host, 3600000);
    if (asks(self, "startup", "slow")) self->tasks->sleep_ms(self->host, 300);
    snprintf(self->greeting, sizeof(self->greeting), "made at start-up");
    say(self, "startup done");
    return answer(send, CSGI_LIFESPAN_COMPLETE, "");
}

static csgi_status shut_down(state *self, csgi_send *send)
{
    char line[64];

    snprintf(line, sizeof(line), "shutdown begins with %u running", self->running);
    say(self, line);
    if (asks(self, "shutdown", "fail")) return answer(send, CSGI_LIFESPAN_FAILED, "the tap drips");
    if (asks(self, "shutdown", "hang")) return self->tasks->sleep_ms(self->host, 3600000);
    if (asks(self, "shutdown", "slow")) self->tasks->sleep_ms(self->host, 200);
    say(self, "shutdown done");
    return answer(send, CSGI_LIFESPAN_COMPLETE, "");
}

static csgi_status lifespan(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    state *self = instance;

    if (scope->type != CSGI_LIFESPAN) return CSGI_ENOTSUP;
    say(self, "lifespan call");
    if (asks(self, "startup", "notsup")) return CSGI_ENOTSUP;
    if (asks(self, "startup", "silent")) return CSGI_OK;
    for (;;) {
        const csgi_event *event = NULL;
        csgi_status status = receive->call(receive, &event);

        if (status != CSGI_OK) return status;
        if (event->type == CSGI_LIFESPAN_SHUTDOWN) return shut_down(self, send);
        if (event->type != CSGI_LIFESPAN_STARTUP) continue;
        status = start_up(self, send);
        if (status != CSGI_OK || asks(self, "startup", "fail")) return status;
    }
}

static csgi_status show_state(void *instance, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    state *self = instance;

    (void)scope, (void)receive;
    return plug_reply(send, 200, plug_str(self->greeting));
}

/* A stream that says goodbye when the server drains. */
static csgi_status slow(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    state *self = instance;
    csgi_status status = plug_start(send, 200);

    (void)receive;
    self->running++;
    if (status == CSGI_OK) status = plug_body(send, plug_str("hello\n"), CSGI_MORE);
    while (status == CSGI_OK && !self->host->is_draining(scope)) {
        status = self->tasks->sleep_ms(self->host, 5);
    }
    if (status == CSGI_OK) status = self->tasks->sleep_ms(self->host, 50);
    if (status == CSGI_OK) status = plug_body(send, plug_str("goodbye\n"), 0);
    self->running--;
    return status;
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("state"), CSGI_STR("/state"), CSGI_STR("GET"), CSGI_HTTP, 0, show_state, NULL },
    { CSGI_STR("slow"), CSGI_STR("/slow"), CSGI_STR("GET"), CSGI_HTTP, 0, slow, NULL },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("lifespan"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("starts and stops as it is configured to"),
                                    endpoints,
                                    2,
                                    create,
                                    destroy,
                                    lifespan,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
