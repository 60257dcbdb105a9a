/* SPDX-License-Identifier: MIT
 * A host made of plain functions, to call a plugin in this process: it keeps what was sent, logged
 * and asked for. Everything is static, for each test is one program with one plugin. */
#ifndef CSGI_TEST_FAKE_HOST_H
#define CSGI_TEST_FAKE_HOST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <csgi/csgi.h>
#include <csgi/ext/draft/client.h>
#include <csgi/ext/draft/task.h>
#include <csgi/ext/draft/wait.h>

typedef struct fake_block {
    struct fake_block *next;
    max_align_t bytes[];
} fake_block;

struct csgi_arena {
    fake_block *blocks;
};

/* What the plugin was given and has said. The closures come first, so that they find the rest. */
typedef struct fake_call {
    csgi_send send;
    csgi_receive receive;
    csgi_scope scope;
    csgi_arena arena;
    uint32_t status; /* of the response; 0: none */
    char content_type[64], body[4096];
    char headers[512]; /* "name: value\n"... */
    size_t body_length;
    int is_complete;
    csgi_status send_fails_with;
    const uint32_t *events; /* what receive gives, one after the other; 0 ends them */
    char lifespan_message[256];
    uint32_t lifespan_answer;
} fake_call;

/* The upstream: what fetch returns, and what it was asked. */
static struct {
    csgi_status fails_with;
    uint32_t status;
    const char *body;
    int asked;
    char url[512], method[16], request_body[512];
    uint64_t total_timeout_ms;
    csgi_client_request request; /* as it was, its texts gone */
    char request_headers[512];   /* "name: value\n"... */
    csgi_fields headers;         /* of the response */
    csgi_client_options options; /* of the client that was made last */
    csgi_status client_fails_with;
} fake_upstream;

/* How long sleeping was asked for, and what it returns. */
static uint64_t fake_slept_ms;
static csgi_status fake_sleep_fails_with;

static char fake_log_text[4096], fake_error[1024];

static inline void *fake_alloc(csgi_arena *arena, size_t size, size_t align)
{
    fake_block *block = malloc(sizeof(*block) + size);

    (void)align;
    if (!block) return NULL;
    memset(block->bytes, 0xa5, size); /* what is not written must not be read */
    block->next = arena->blocks;
    arena->blocks = block;
    return block->bytes;
}

/* So many child arenas are refused. */
static int fake_arenas_fail;

static inline csgi_status fake_arena_open(const csgi_scope *scope, csgi_arena **child)
{
    (void)scope;
    if (fake_arenas_fail > 0) return fake_arenas_fail--, CSGI_ENOMEM;
    *child = calloc(1, sizeof(**child));
    return *child ? CSGI_OK : CSGI_ENOMEM;
}

static inline void fake_arena_close(csgi_arena *child)
{
    fake_block *next;

    for (fake_block *at = child->blocks; at; at = next) {
        next = at->next;
        free(at);
    }
    free(child);
}

/* The one copy. */
static inline csgi_status fake_derive(const csgi_scope *scope, csgi_scope **derived)
{
    static csgi_scope copy;

    copy = *scope;
    *derived = &copy;
    return CSGI_OK;
}

static inline void fake_log(const csgi_host *host, uint32_t level, csgi_str text)
{
    size_t used = strlen(fake_log_text);

    (void)host, (void)level;
    snprintf(fake_log_text + used, sizeof(fake_log_text) - used, "%.*s\n", (int)text.len, text.ptr);
}

static inline csgi_status fake_fail(const csgi_host *host, csgi_status code, csgi_str detail)
{
    (void)host;
    snprintf(fake_error, sizeof(fake_error), "%.*s", (int)detail.len, detail.ptr);
    return code;
}

static inline void fake_last_error(const csgi_host *host, csgi_str *detail)
{
    (void)host;
    *detail = (csgi_str){ fake_error, strlen(fake_error) };
}

static inline void fake_copy(char *to, size_t size, csgi_str from)
{
    assert_true(from.len < size);
    if (from.len) memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
}

static inline csgi_status fake_fetch(const csgi_host *host, csgi_arena *arena,
                                     const csgi_client_request *request,
                                     const csgi_client_response **response)
{
    csgi_client_response *made;
    size_t i, used = 0;

    assert_int_equal(request->size, sizeof(*request));
    fake_upstream.asked++;
    fake_copy(fake_upstream.url, sizeof(fake_upstream.url), request->url);
    fake_copy(fake_upstream.method, sizeof(fake_upstream.method), request->method);
    fake_copy(fake_upstream.request_body, sizeof(fake_upstream.request_body), request->body);
    fake_upstream.total_timeout_ms = request->total_timeout_ms;
    fake_upstream.request = *request;
    fake_upstream.request_headers[0] = '\0';
    for (i = 0; i < request->headers.count; i++) {
        used += (size_t)snprintf(fake_upstream.request_headers + used,
                                 sizeof(fake_upstream.request_headers) - used, "%s: %s\n",
                                 request->headers.items[i].name.ptr,
                                 request->headers.items[i].value.ptr);
        assert_true(used < sizeof(fake_upstream.request_headers));
    }
    if (fake_upstream.fails_with != CSGI_OK)
        return fake_fail(host, fake_upstream.fails_with,
                         (csgi_str)CSGI_STR("the fake upstream says so"));
    made = fake_alloc(arena, sizeof(*made), 0);
    if (!made) return CSGI_ENOMEM;
    memset(made, 0, sizeof(*made));
    made->size = sizeof(*made);
    made->status = fake_upstream.status;
    made->body = (csgi_str){ fake_upstream.body, strlen(fake_upstream.body) };
    made->headers = fake_upstream.headers;
    made->url = request->url;
    *response = made;
    return CSGI_OK;
}

/* What waiting returns, and what it was asked for; of a group, its parts, which run when it is
 * waited for, the next one when one sleeps. is_missing: the server has neither. */
#define FAKE_GROUP_MAX 8
static struct {
    csgi_status fails_with, group_fails_with;
    csgi_status group_failed_with;
    int is_missing, fd, open_groups, cancelled, part_count, next_part;
    uint32_t wanted, ready;
    uint64_t timeout_ms, max_size;
    const char *content;
    struct {
        csgi_task_fn fn;
        void *arg;
    } parts[FAKE_GROUP_MAX];
} fake_wait;

static inline void fake_run_parts(void)
{
    while (fake_wait.next_part < fake_wait.part_count) {
        int at = fake_wait.next_part++;
        csgi_status status = fake_wait.parts[at].fn(fake_wait.parts[at].arg);

        if (fake_wait.group_failed_with == CSGI_OK) fake_wait.group_failed_with = status;
        if (status != CSGI_OK) fake_sleep_fails_with = CSGI_ECANCELED;
    }
}

static inline csgi_status fake_client_new(const csgi_host *host, const csgi_client_options *options,
                                          csgi_client **out)
{
    assert_int_equal(options->size, sizeof(*options));
    fake_upstream.options = *options;
    if (fake_upstream.client_fails_with != CSGI_OK)
        return fake_fail(host, fake_upstream.client_fails_with,
                         (csgi_str)CSGI_STR("client_new: base_url: it has no host"));
    *out = (csgi_client *)(void *)&fake_upstream;
    return CSGI_OK;
}

static inline void fake_client_free(csgi_client *self)
{
    (void)self;
}

static inline csgi_status fake_sleep_ms(const csgi_host *host, uint64_t ms)
{
    (void)host;
    fake_slept_ms += ms;
    fake_run_parts();
    return fake_sleep_fails_with;
}

/* The job that was started last, for a test to run; and what starting one returns. */
static struct {
    csgi_status fails_with;
    int started;
    csgi_job_fn fn;
    void *arg;
    uint32_t flags;
    char name[64];
} fake_job;

static inline csgi_status fake_start_job(const csgi_host *host, csgi_str name, uint32_t flags,
                                         csgi_job_fn fn, void *arg)
{
    (void)host;
    if (fake_job.fails_with != CSGI_OK) return fake_job.fails_with;
    fake_job.started++;
    fake_job.fn = fn;
    fake_job.arg = arg;
    fake_job.flags = flags;
    fake_copy(fake_job.name, sizeof(fake_job.name), name);
    return CSGI_OK;
}

static inline csgi_status fake_wait_fails(const csgi_host *host)
{
    if (fake_wait.fails_with == CSGI_OK) return CSGI_OK;
    return fake_fail(host, fake_wait.fails_with, (csgi_str)CSGI_STR("the fake wait says so"));
}

static inline csgi_status fake_wait_fd(const csgi_host *host, int32_t fd, uint32_t wanted,
                                       uint64_t timeout_ms, uint32_t *ready)
{
    fake_wait.fd = fd;
    fake_wait.wanted = wanted;
    fake_wait.timeout_ms = timeout_ms;
    if (fake_wait.fails_with == CSGI_OK) *ready = fake_wait.ready;
    return fake_wait_fails(host);
}

static inline csgi_status fake_offload(const csgi_host *host, csgi_status (*fn)(void *arg),
                                       void *arg, csgi_status *result)
{
    if (fake_wait.fails_with == CSGI_OK) *result = fn(arg);
    return fake_wait_fails(host);
}

static inline csgi_status fake_read_file(const csgi_host *host, csgi_arena *arena, csgi_str path,
                                         uint64_t max_size, csgi_str *content)
{
    (void)arena;
    assert_string_equal(path.ptr, "prices.csv");
    fake_wait.max_size = max_size;
    if (fake_wait.fails_with == CSGI_OK)
        *content = (csgi_str){ fake_wait.content, strlen(fake_wait.content) };
    return fake_wait_fails(host);
}

static inline csgi_status fake_group_open(const csgi_scope *scope, csgi_group **group)
{
    (void)scope;
    if (fake_wait.group_fails_with == CSGI_ENOMEM) return CSGI_ENOMEM;
    fake_wait.open_groups++;
    fake_wait.part_count = fake_wait.next_part = fake_wait.cancelled = 0;
    fake_wait.group_failed_with = CSGI_OK;
    *group = (csgi_group *)(void *)&fake_wait;
    return CSGI_OK;
}

static inline csgi_status fake_group_spawn(csgi_group *group, csgi_task_fn fn, void *arg)
{
    (void)group;
    if (fake_wait.part_count && fake_wait.group_fails_with == CSGI_ELIMIT) return CSGI_ELIMIT;
    assert_true(fake_wait.part_count < FAKE_GROUP_MAX);
    fake_wait.parts[fake_wait.part_count].fn = fn;
    fake_wait.parts[fake_wait.part_count++].arg = arg;
    return CSGI_OK;
}

static inline csgi_status fake_group_wait(csgi_group *group)
{
    (void)group;
    fake_run_parts();
    fake_sleep_fails_with = CSGI_OK;
    fake_wait.open_groups--;
    return fake_wait.group_failed_with;
}

static inline void fake_group_cancel(csgi_group *group)
{
    (void)group;
    fake_wait.cancelled++;
}

static inline const void *fake_extension(const csgi_host *host, const char *id)
{
    static const csgi_client_extension client = { .size = sizeof(client),
                                                  .fetch = fake_fetch,
                                                  .client_new = fake_client_new,
                                                  .client_free = fake_client_free };
    static const csgi_task_extension tasks = { .size = sizeof(tasks),
                                               .sleep_ms = fake_sleep_ms,
                                               .start_job = fake_start_job,
                                               .group_open = fake_group_open,
                                               .group_spawn = fake_group_spawn,
                                               .group_wait = fake_group_wait,
                                               .group_cancel = fake_group_cancel };
    static const csgi_wait_extension wait = { .size = sizeof(wait),
                                              .fd = fake_wait_fd,
                                              .offload = fake_offload,
                                              .read_file = fake_read_file };

    (void)host;
    if (fake_wait.is_missing) return NULL;
    if (strcmp(id, CSGI_TASK_EXTENSION) == 0) return &tasks;
    if (strcmp(id, CSGI_WAIT_EXTENSION) == 0) return &wait;
    return strcmp(id, CSGI_CLIENT_EXTENSION) == 0 ? &client : NULL;
}

static const csgi_host fake_host = {
    .size = sizeof(fake_host),
    .flags = CSGI_HOST_DEV,
    .abi_major = CSGI_ABI_MAJOR,
    .abi_minor = CSGI_ABI_MINOR,
    .workers = 1,
    .generation = 1,
    .server_url = CSGI_STR("http://127.0.0.1:8000"),
    .extension = fake_extension,
    .log = fake_log,
    .fail = fake_fail,
    .last_error = fake_last_error,
    .alloc = fake_alloc,
    .arena_open = fake_arena_open,
    .arena_close = fake_arena_close,
    .derive = fake_derive,
};

/* Exactly one of them says the type. */
static inline void fake_take_headers(fake_call *self, csgi_fields headers)
{
    size_t i, length = 0;

    for (i = 0; i < headers.count; i++) {
        csgi_field each = headers.items[i];

        length += (size_t)snprintf(self->headers + length, sizeof(self->headers) - length,
                                   "%s: %s\n", each.name.ptr, each.value.ptr);
        assert_true(length < sizeof(self->headers));
        if (strcasecmp(each.name.ptr, "content-type") != 0) continue;
        assert_string_equal(self->content_type, "");
        fake_copy(self->content_type, sizeof(self->content_type), each.value);
    }
    assert_true(self->content_type[0]);
}

static inline csgi_status fake_send(csgi_send *closure, const csgi_event *event)
{
    fake_call *self = (fake_call *)(void *)closure;
    const csgi_http_start *start = (const void *)event;
    const csgi_http_body *body = (const void *)event;
    const csgi_lifespan *lifespan = (const void *)event;

    if (self->send_fails_with != CSGI_OK) return self->send_fails_with;
    switch (event->type) {
    case CSGI_HTTP_RESPONSE_START:
        assert_int_equal(self->status, 0);
        self->status = start->status;
        fake_take_headers(self, start->headers);
        return CSGI_OK;
    case CSGI_HTTP_RESPONSE_BODY:
        assert_true(self->status != 0 && !self->is_complete);
        assert_true(self->body_length + body->body.len < sizeof(self->body));
        memcpy(self->body + self->body_length, body->body.ptr, body->body.len);
        self->body_length += body->body.len;
        self->is_complete = !(body->flags & CSGI_MORE);
        return CSGI_OK;
    default:
        self->lifespan_answer = event->type;
        fake_copy(self->lifespan_message, sizeof(self->lifespan_message), lifespan->message);
        return CSGI_OK;
    }
}

static inline csgi_status fake_receive(csgi_receive *closure, const csgi_event **event)
{
    static csgi_lifespan given;
    fake_call *self = (fake_call *)(void *)((char *)closure - offsetof(fake_call, receive));

    if (!*self->events) return CSGI_ECANCELED;
    given = (csgi_lifespan){ .event = { sizeof(given), *self->events++ } };
    *event = &given.event;
    return CSGI_OK;
}

static inline void fake_call_init(fake_call *self, uint32_t type)
{
    memset(self, 0, sizeof(*self));
    self->send.call = fake_send;
    self->receive.call = fake_receive;
    self->scope.size = sizeof(self->scope);
    self->scope.type = type;
    self->scope.arena = &self->arena;
    fake_log_text[0] = fake_error[0] = '\0';
    fake_upstream.asked = 0;
    fake_slept_ms = 0;
}

static inline void fake_call_fini(fake_call *self)
{
    fake_block *block;

    while ((block = self->arena.blocks)) {
        self->arena.blocks = block->next;
        free(block);
    }
}

static inline csgi_status fake_create(const char *config, void **instance)
{
    const csgi_plugin *plugin = csgi_plugin_query(CSGI_ABI_MAJOR);

    fake_error[0] = '\0';
    return plugin->create(&fake_host, (csgi_str){ config, strlen(config) }, instance);
}

static inline void fake_destroy(void *instance)
{
    csgi_plugin_query(CSGI_ABI_MAJOR)->destroy(instance);
}

/* Calls an endpoint with what stands after "?"; path_param is "name=value" or NULL. */
static inline csgi_status fake_get(fake_call *self, void *instance, const char *endpoint,
                                   const char *query, const char *path_param)
{
    const csgi_plugin *plugin = csgi_plugin_query(CSGI_ABI_MAJOR);
    csgi_field param = { .flags = 0 };
    size_t i;

    if (path_param) {
        param.name = (csgi_str){ path_param, strcspn(path_param, "=") };
        param.value.ptr = path_param + param.name.len + 1;
        param.value.len = strlen(param.value.ptr);
        self->scope.path_params = (csgi_fields){ &param, 1 };
    }
    self->scope.query_string = (csgi_str){ query, strlen(query) };
    for (i = 0; i < plugin->endpoint_count; i++)
        if (strcmp(plugin->endpoints[i].name.ptr, endpoint) == 0)
            return plugin->endpoints[i].call(instance, &self->scope, &self->receive, &self->send);
    fail_msg("there is no endpoint %s", endpoint);
    return CSGI_EFAIL;
}

/* The same with a plain configuration, from create to destroy. The response is in *self until
 * fake_call_fini. */
static inline csgi_status fake_get_once(fake_call *self, const char *endpoint, const char *query,
                                        const char *path_param)
{
    csgi_status status;
    void *instance;

    assert_int_equal(fake_create("{}", &instance), CSGI_OK);
    fake_call_init(self, CSGI_HTTP);
    status = fake_get(self, instance, endpoint, query, path_param);
    fake_destroy(instance);
    return status;
}

/* One call of an endpoint, and what it must answer; all as JSON. */
static inline void assert_answer(const char *endpoint, const char *query, const char *path_param,
                                 uint32_t status, const char *body)
{
    fake_call call;

    assert_int_equal(fake_get_once(&call, endpoint, query, path_param), CSGI_OK);
    assert_string_equal(call.body, body);
    assert_int_equal(call.status, status);
    assert_string_equal(call.content_type, "application/json");
    assert_true(call.is_complete);
    fake_call_fini(&call);
}

#endif
