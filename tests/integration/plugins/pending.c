/* SPDX-License-Identifier: MIT
 * Handlers that wait for ever, each for something else: GET /pending?how=0, 1, 2 ...; GET /counts
 * says how many have begun, ended, and were cleaned up after, and how many ways there are. */
#define _GNU_SOURCE /* pipe2 */
#include <csgi/ext/draft/client.h>
#include <csgi/ext/draft/task.h>
#include <csgi/ext/draft/wait.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "plug.h"

typedef struct state {
    const csgi_host *host;
    const csgi_task_extension *tasks;
    const csgi_wait_extension *wait;
    const csgi_client_extension *client;
    csgi_task_event *never;
    csgi_semaphore *none;
    csgi_queue *empty, *full;
    unsigned begun, ended, cleaned;
} state;

/* One call; in its arena. */
typedef struct waiting {
    state *of;
    const csgi_scope *scope;
    csgi_group *group;
    int ends[2], copy;
} waiting;

typedef csgi_status (*wait_fn)(waiting *self);

static csgi_status sleep_on(waiting *self)
{
    return self->of->tasks->sleep_ms(self->of->host, 600000);
}

static void close_ends(void *arg)
{
    waiting *self = arg;

    close(self->ends[0]);
    close(self->ends[1]);
    if (self->copy >= 0) close(self->copy);
}

static csgi_status open_ends(waiting *self)
{
    self->copy = -1;
    if (pipe2(self->ends, O_CLOEXEC | O_NONBLOCK)) return CSGI_EFAIL;
    return self->of->host->defer(self->scope, close_ends, self);
}

static csgi_status wait_readable(waiting *self)
{
    return self->of->wait->fd(self->of->host, self->ends[0], CSGI_READABLE, CSGI_NO_TIMEOUT, NULL);
}

static csgi_status by_descriptor(waiting *self)
{
    csgi_status status = open_ends(self);

    return status == CSGI_OK ? wait_readable(self) : status;
}

/* What is waited for is closed, another gets its number, and that is waited for as well. */
static csgi_status spoil(void *arg)
{
    waiting *self = arg;
    int other[2];

    self->of->tasks->sleep_ms(self->of->host, 1);
    if (pipe2(other, O_CLOEXEC | O_NONBLOCK)) return CSGI_EFAIL;
    self->copy = dup(self->ends[0]);
    dup2(other[0], self->ends[0]);
    close(other[0]);
    close(self->ends[1]);
    self->ends[1] = other[1];
    return wait_readable(self);
}

static csgi_status by_spoilt_descriptor(waiting *self)
{
    csgi_status status = open_ends(self);
    csgi_task *child;

    if (status == CSGI_OK) status = self->of->tasks->spawn(self->scope, spoil, self, &child);
    if (status == CSGI_OK) status = wait_readable(self);
    return status == CSGI_ESTATE ? sleep_on(self) : status;
}

static csgi_status block(void *arg)
{
    const struct timespec a_while = { .tv_nsec = 20000000 };

    (void)arg;
    nanosleep(&a_while, NULL);
    return CSGI_OK;
}

static csgi_status by_offload(waiting *self)
{
    csgi_status status = CSGI_OK, result;

    while (status == CSGI_OK)
        status = self->of->wait->offload(self->of->host, block, NULL, &result);
    return status == CSGI_ELIMIT ? sleep_on(self) : status;
}

static csgi_status by_file(waiting *self)
{
    csgi_status status = CSGI_OK;
    csgi_arena *own;
    csgi_str content;

    while (status == CSGI_OK) {
        status = self->of->host->arena_open(self->scope, &own);
        if (status != CSGI_OK) break;
        status = self->of->wait->read_file(self->of->host, own, plug_str("/proc/self/maps"),
                                           1 << 22, &content);
        self->of->host->arena_close(own);
        if (status == CSGI_OK) status = self->of->tasks->sleep_ms(self->of->host, 5);
    }
    return status == CSGI_ELIMIT ? sleep_on(self) : status;
}

static csgi_status by_name(waiting *self)
{
    csgi_addresses found;
    csgi_status status = self->of->wait->resolve(self->of->host, self->scope->arena,
                                                 plug_str("nobody.invalid"), &found);

    return status == CSGI_ECANCELED ? status : sleep_on(self);
}

static csgi_status by_event(waiting *self)
{
    return self->of->tasks->sync->event_wait(self->of->never, CSGI_FOREVER);
}

static csgi_status by_semaphore(waiting *self)
{
    return self->of->tasks->sync->semaphore_acquire(self->of->none, CSGI_FOREVER);
}

static csgi_status by_get(waiting *self)
{
    void *item;

    return self->of->tasks->sync->queue_get(self->of->empty, &item, CSGI_FOREVER);
}

static csgi_status by_put(waiting *self)
{
    csgi_status status = self->of->tasks->sync->queue_put(self->of->full, self, 0);

    if (status != CSGI_OK && status != CSGI_ETIMEDOUT) return status;
    return self->of->tasks->sync->queue_put(self->of->full, self, CSGI_FOREVER);
}

static csgi_status sleep_task(void *arg)
{
    return sleep_on(arg);
}

static csgi_status inner_group(void *arg)
{
    waiting *self = arg;
    csgi_group *inner;
    csgi_status status = self->of->tasks->group_open(self->scope, &inner);

    if (status != CSGI_OK) return status;
    self->of->tasks->group_spawn(inner, sleep_task, self);
    self->of->tasks->group_spawn(inner, sleep_task, self);
    return self->of->tasks->group_wait(inner);
}

static csgi_status by_group(waiting *self)
{
    csgi_status status = self->of->tasks->group_open(self->scope, &self->group);

    if (status != CSGI_OK) return status;
    self->of->tasks->group_spawn(self->group, inner_group, self);
    self->of->tasks->group_spawn(self->group, sleep_task, self);
    return self->of->tasks->group_wait(self->group);
}

/* Nobody waits for it. */
static csgi_status by_open_group(waiting *self)
{
    csgi_status status = self->of->tasks->group_open(self->scope, &self->group);

    if (status == CSGI_OK) self->of->tasks->group_spawn(self->group, inner_group, self);
    return sleep_on(self);
}

static csgi_status by_join(waiting *self)
{
    csgi_task *child;
    csgi_status result, status;

    status = self->of->tasks->spawn(self->scope, inner_group, self, &child);
    return status == CSGI_OK ? self->of->tasks->join(child, &result) : status;
}

static csgi_status by_shield(waiting *self)
{
    const csgi_task_extension *tasks = self->of->tasks;
    csgi_deadline *deadline;
    csgi_status status = tasks->deadline_enter(self->of->host, 5, &deadline);

    if (status != CSGI_OK) return status;
    tasks->shield_enter(self->of->host);
    tasks->sleep_ms(self->of->host, 50);
    tasks->shield_leave(self->of->host);
    sleep_on(self);
    tasks->deadline_leave(self->of->host, deadline);
    return sleep_on(self);
}

static csgi_status by_stubbornness(waiting *self)
{
    csgi_status status = CSGI_OK;

    for (int i = 0; i < 8; i++)
        status = sleep_on(self);
    return status;
}

static csgi_status fetch(waiting *self, const char *url)
{
    csgi_client_request request = { .size = sizeof(request), .url = plug_str(url) };
    const csgi_client_response *response;

    request.read_timeout_ms = request.total_timeout_ms = 600000;
    return self->of->client->fetch(self->of->host, self->scope->arena, &request, &response);
}

static csgi_status by_app(waiting *self)
{
    return fetch(self, "app:pending/pending?how=7");
}

static csgi_status by_fetch(waiting *self)
{
    plug_text *url = self->of->host->alloc(self->scope->arena, sizeof(*url), 0);

    if (!url) return CSGI_ENOMEM;
    url->len = 0;
    plug_addf(url, "%.*s/pending?how=7", (int)self->of->host->server_url.len,
              self->of->host->server_url.ptr);
    url->bytes[url->len] = '\0';
    return fetch(self, url->bytes);
}

static const wait_fn ways[] = { by_descriptor, by_spoilt_descriptor, by_offload, by_file,   by_name,
                                by_event,      by_semaphore,         sleep_on,   by_get,    by_put,
                                by_group,      by_open_group,        by_join,    by_shield, by_app,
                                by_fetch,      by_stubbornness };

#define WAYS (sizeof ways / sizeof ways[0])

static void clean(void *arg)
{
    waiting *self = arg;

    self->of->tasks->sleep_ms(self->of->host, 1);
    self->of->cleaned++;
}

static csgi_status pending(void *instance, const csgi_scope *scope, csgi_receive *receive,
                           csgi_send *send)
{
    state *of = instance;
    waiting *self = of->host->alloc(scope->arena, sizeof(*self), 0);
    uint64_t how = plug_number(scope, "how", WAYS);
    csgi_status status;

    (void)receive;
    if (!self || how >= WAYS) return CSGI_EINVAL;
    *self = (waiting){ .of = of, .scope = scope };
    status = of->host->defer(scope, clean, self);
    if (status != CSGI_OK) return status;
    of->begun++;
    status = ways[how](self);
    of->ended++;
    return status == CSGI_OK ? plug_reply(send, 200, plug_str("waited")) : status;
}

static csgi_status tell(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    const state *self = instance;
    plug_text *text = self->host->alloc(scope->arena, sizeof(*text), 0);

    (void)receive;
    if (!text) return CSGI_ENOMEM;
    text->len = 0;
    plug_addf(text, "%u %u %u %zu", self->begun, self->ended, self->cleaned, WAYS);
    return plug_reply(send, 200, (csgi_str){ text->bytes, text->len });
}

/* All of it may be freed: nobody waits any more. */
static void destroy(void *instance)
{
    state *self = instance;
    const csgi_sync_functions *sync = self->tasks->sync;

    if (sync->event_free(self->never) || sync->semaphore_free(self->none) ||
        sync->queue_free(self->empty) || sync->queue_free(self->full))
        self->host->log(self->host, CSGI_LOG_ERROR, plug_str("somebody still waits"));
    free(self);
}

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    state *self = calloc(1, sizeof(*self));

    (void)config_json;
    if (!self) return CSGI_ENOMEM;
    self->host = host;
    self->tasks = host->extension(host, CSGI_TASK_EXTENSION);
    self->wait = host->extension(host, CSGI_WAIT_EXTENSION);
    self->client = host->extension(host, CSGI_CLIENT_EXTENSION);
    if (self->tasks->sync->event_new(host, &self->never) ||
        self->tasks->sync->semaphore_new(host, 0, &self->none) ||
        self->tasks->sync->queue_new(host, 1, &self->empty) ||
        self->tasks->sync->queue_new(host, 1, &self->full)) {
        destroy(self);
        return CSGI_ENOMEM;
    }
    *instance = self;
    return CSGI_OK;
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("pending"), CSGI_STR("/pending"), CSGI_STR("GET"), CSGI_HTTP, 0, pending, NULL },
    { CSGI_STR("counts"), CSGI_STR("/counts"), CSGI_STR("GET"), CSGI_HTTP, 0, tell, NULL },
};

static const csgi_plugin plugin = {
    CSGI_PLUGIN_HEAD,
    .endpoint_size = sizeof(csgi_endpoint),
    .name = CSGI_STR("pending"),
    .version = CSGI_STR("1.0.0"),
    .endpoints = endpoints,
    .endpoint_count = sizeof endpoints / sizeof endpoints[0],
    .create = create,
    .destroy = destroy,
};

CSGI_PLUGIN(plugin);
