/* SPDX-License-Identifier: MIT
 * Endpoints that suspend in every way a task can: sleeping, further tasks, cancellation, deferred
 * functions, deep stacks, foreign threads. Each says what it saw in its reply or in the log. */
#include <csgi/ext/draft/task.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "plug.h"

/* One call's own things, in its arena. */
typedef struct visit {
    const csgi_host *host;
    const csgi_scope *scope;
    csgi_receive *receive;
    csgi_send *send;
    const csgi_task_extension *tasks;
    unsigned sum, number;
    atomic_int posted;
} visit;

static visit *visit_new(const csgi_host *host, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send)
{
    visit *self = host->alloc(scope->arena, sizeof(*self), 0);

    if (!self) return NULL;
    memset(self, 0, sizeof(*self));
    self->host = host;
    self->scope = scope;
    self->receive = receive;
    self->send = send;
    self->tasks = host->extension(host, CSGI_TASK_EXTENSION);
    return self;
}

static void say(const visit *self, const char *what, int number)
{
    char line[128];

    snprintf(line, sizeof(line), "%s %d", what, number);
    self->host->log(self->host, CSGI_LOG_INFO, plug_str(line));
}

static csgi_status reply_number(const visit *self, long number)
{
    char text[32];

    snprintf(text, sizeof(text), "%ld", number);
    return plug_reply(self->send, 200, plug_str(text));
}

/* Every endpoint is a function of a visit. */
#define ENDPOINT(name)                                                                      \
    static csgi_status name##_visit(visit *self);                                           \
    static csgi_status name(void *instance, const csgi_scope *scope, csgi_receive *receive, \
                            csgi_send *send)                                                \
    {                                                                                       \
        visit *self = visit_new(instance, scope, receive, send);                            \
        return self ? name##_visit(self) : CSGI_ENOMEM;                                     \
    }                                                                                       \
    static csgi_status name##_visit(visit *self)

/* GET /hello: no suspension but the sends. */
ENDPOINT(hello)
{
    return plug_reply(self->send, 200, plug_str("hello"));
}

/* GET /sleep?ms=N */
ENDPOINT(doze)
{
    csgi_status status = self->tasks->sleep_ms(self->host, plug_number(self->scope, "ms", 10));

    return status == CSGI_OK ? plug_reply(self->send, 200, plug_str("slept")) : status;
}

/* GET /spawn?n=N: N tasks that sleep and add up; the reply is their sum. */
static csgi_status add_one(void *arg)
{
    visit *self = arg;
    unsigned mine = ++self->number;
    csgi_status status = self->tasks->sleep_ms(self->host, 5);

    self->sum += mine;
    return status == CSGI_OK ? CSGI_OK : CSGI_EFAIL;
}

ENDPOINT(spawn)
{
    csgi_task *tasks[64];
    size_t count = (size_t)plug_number(self->scope, "n", 8);

    if (count > 64) return CSGI_EINVAL;
    for (size_t i = 0; i < count; i++) {
        csgi_status status = self->tasks->spawn(self->scope, add_one, self, &tasks[i]);
        if (status != CSGI_OK) return status;
    }
    for (size_t i = 0; i < count; i++) {
        csgi_status result = CSGI_EFAIL, status = self->tasks->join(tasks[i], &result);
        if (status != CSGI_OK || result != CSGI_OK) return CSGI_EFAIL;
    }
    return reply_number(self, (long)self->sum);
}

/* GET /join: what a task returns, its joiner gets. */
static csgi_status fail_limit(void *arg)
{
    (void)arg;
    return CSGI_ELIMIT;
}

ENDPOINT(joined)
{
    csgi_task *task = NULL;
    csgi_status result = CSGI_OK, status = self->tasks->spawn(self->scope, fail_limit, self, &task);

    if (status == CSGI_OK) status = self->tasks->sleep_ms(self->host, 20); /* it has ended by now */
    if (status == CSGI_OK) status = self->tasks->join(task, &result);
    return status == CSGI_OK ? reply_number(self, result) : status;
}

/* GET /cancel: a task that would sleep for an hour is cancelled; twice it is told so. */
static csgi_status sleep_for_an_hour(void *arg)
{
    visit *self = arg;
    csgi_status first = self->tasks->sleep_ms(self->host, 3600000);
    csgi_status second = self->tasks->sleep_ms(self->host, 3600000);

    return first == second ? second : CSGI_EFAIL;
}

ENDPOINT(cancel)
{
    csgi_task *task = NULL;
    csgi_status result = CSGI_OK,
                status = self->tasks->spawn(self->scope, sleep_for_an_hour, self, &task);

    if (status == CSGI_OK) status = self->tasks->sleep_ms(self->host, 5);
    if (status != CSGI_OK) return status;
    self->tasks->cancel(task);
    status = self->tasks->join(task, &result);
    return status == CSGI_OK ? reply_number(self, result) : status;
}

/* GET /abandon: returns while a task of it still sleeps. */
static csgi_status abandoned(void *arg)
{
    visit *self = arg;
    csgi_status status = self->tasks->sleep_ms(self->host, 3600000);

    say(self, "abandoned task got", status);
    return status;
}

ENDPOINT(abandon)
{
    csgi_task *task = NULL;
    csgi_status status = self->tasks->spawn(self->scope, abandoned, self, &task);

    if (status == CSGI_OK) status = self->tasks->sleep_ms(self->host, 5);
    return status == CSGI_OK ? plug_reply(self->send, 200, plug_str("left")) : status;
}

/* GET /wait: sleeps until it is cancelled, and says what it saw. */
static void deferred(void *arg)
{
    visit *self = arg;
    csgi_status status = self->tasks->sleep_ms(self->host, 5);

    say(self, "deferred slept with", status);
}

ENDPOINT(waiting)
{
    csgi_status first, second;

    if (self->host->defer(self->scope, deferred, self) != CSGI_OK) return CSGI_ENOMEM;
    say(self, "waiting", 0);
    first = self->tasks->sleep_ms(self->host, 3600000);
    second = self->tasks->sleep_ms(self->host, 3600000);
    say(self, "sleep returned", first);
    say(self, "and then", second);
    return second;
}

/* GET /gone: receives until the client is gone, then sends. */
ENDPOINT(gone)
{
    const csgi_event *event = NULL;
    csgi_status status;

    say(self, "gone waits", 0);
    do {
        status = self->receive->call(self->receive, &event);
        if (status != CSGI_OK) return status;
    } while (event->type != CSGI_HTTP_DISCONNECT);
    status = self->receive->call(self->receive, &event);
    say(self, "disconnect again", status == CSGI_OK && event->type == CSGI_HTTP_DISCONNECT);
    status = plug_start(self->send, 200);
    if (status == CSGI_OK) status = plug_body(self->send, plug_str("too late"), 0);
    say(self, "send returned", status);
    return status;
}

/* GET /background?ms=N: answers whole, then works on. */
ENDPOINT(background)
{
    csgi_status status = plug_reply(self->send, 200, plug_str("accepted"));

    if (status == CSGI_OK)
        status = self->tasks->sleep_ms(self->host, plug_number(self->scope, "ms", 100));
    say(self, "background work ended with", status);
    return CSGI_OK;
}

/* GET /defer: three deferred functions, each of which suspends. */
static void defer_first(void *arg)
{
    visit *self = arg;

    self->tasks->sleep_ms(self->host, 1);
    say(self, "deferred", 1);
}

static void defer_second(void *arg)
{
    visit *self = arg;

    self->tasks->sleep_ms(self->host, 30);
    say(self, "deferred", 2);
}

static void defer_third(void *arg)
{
    visit *self = arg;

    say(self, "deferred", 3);
    self->host->defer(self->scope, defer_second, self);
}

ENDPOINT(deferring)
{
    csgi_status status = self->host->defer(self->scope, defer_first, self);

    if (status == CSGI_OK) status = self->host->defer(self->scope, defer_second, self);
    if (status == CSGI_OK) status = self->host->defer(self->scope, defer_third, self);
    say(self, "deferring returns", status);
    return status == CSGI_OK ? plug_reply(self->send, 200, plug_str("deferred")) : status;
}

/* POST /busy: two tasks of the call receive at once. */
static csgi_status receive_once(void *arg)
{
    visit *self = arg;
    const csgi_event *event = NULL;

    return self->receive->call(self->receive, &event);
}

ENDPOINT(busy)
{
    csgi_task *task = NULL;
    csgi_status result = CSGI_OK, mine = CSGI_OK, status;
    const csgi_event *event = NULL;

    status = self->tasks->spawn(self->scope, receive_once, self, &task);
    if (status == CSGI_OK) status = self->tasks->sleep_ms(self->host, 5);
    if (status != CSGI_OK) return status;
    mine = self->receive->call(self->receive, &event);
    plug_start(self->send, 200);
    plug_body(self->send, plug_str("ready\n"), CSGI_MORE);
    status = self->tasks->join(task, &result);
    if (status != CSGI_OK) return status;
    self->sum = (unsigned)(mine == CSGI_EBUSY && result == CSGI_OK);
    return plug_body(self->send, plug_str(self->sum ? "second was refused" : "both received"), 0);
}

/* GET /order?n=N: three tasks send at once, pieces larger than the high-water mark. */
static csgi_status send_letters(void *arg)
{
    visit *self = arg;
    size_t size = (size_t)plug_number(self->scope, "n", 1 << 20);
    char *bytes = self->host->alloc(self->scope->arena, size, 1);

    if (!bytes) return CSGI_ENOMEM;
    memset(bytes, 'a' + (int)self->number++, size);
    return plug_body(self->send, (csgi_str){ bytes, size }, CSGI_MORE);
}

ENDPOINT(order)
{
    csgi_task *tasks[3];
    csgi_status status = plug_start(self->send, 200);

    for (int i = 0; i < 3 && status == CSGI_OK; i++) {
        status = self->tasks->spawn(self->scope, send_letters, self, &tasks[i]);
    }
    for (int i = 0; i < 3 && status == CSGI_OK; i++) {
        csgi_status result = CSGI_OK;
        status = self->tasks->join(tasks[i], &result);
        if (status == CSGI_OK) status = result;
    }
    return status == CSGI_OK ? plug_body(self->send, plug_str("end"), 0) : status;
}

/* GET /deep?kib=N: touches that much stack, suspends down there, and comes back. */
static long dive(visit *self, unsigned depth)
{
    volatile char frame[1024];

    memset((char *)frame, (int)depth, sizeof(frame));
    if (depth == 0) {
        self->tasks->sleep_ms(self->host, 1);
        return 0;
    }
    return dive(self, depth - 1) + (frame[depth % sizeof(frame)] == (char)depth);
}

ENDPOINT(deep)
{
    return reply_number(self, dive(self, (unsigned)plug_number(self->scope, "kib", 100)));
}

/* GET /post: a foreign thread logs, and posts back to the loop. */
static void on_posted(void *arg)
{
    visit *self = arg;

    self->number++;
    atomic_store(&self->posted, 1);
}

static void *foreign(void *arg)
{
    visit *self = arg;

    say(self, "said by a foreign thread", 1);
    for (int i = 0; i < 99; i++) {
        self->host->post(self->host, on_posted, self);
    }
    return self->host->post(self->host, on_posted, self) == CSGI_OK ? self : NULL;
}

ENDPOINT(posting)
{
    pthread_t thread;
    csgi_status status = CSGI_OK;
    void *result = NULL;

    if (pthread_create(&thread, NULL, foreign, self)) return CSGI_ENOMEM;
    while (status == CSGI_OK && self->number < 100) {
        status = self->tasks->sleep_ms(self->host, 1);
    }
    pthread_join(thread, &result);
    return result ? reply_number(self, (long)self->number) : CSGI_EFAIL;
}

/* GET /arena: alignment, child arenas, and memory that is the call's own across a suspension. */
ENDPOINT(arena)
{
    csgi_arena *child = NULL;
    unsigned wrong = 0;

    for (size_t align = 1; align <= 4096; align *= 2) {
        char *bytes = self->host->alloc(self->scope->arena, 3, align);
        if (!bytes || (uintptr_t)bytes % align) wrong++;
    }
    for (int round = 0; round < 1000; round++) {
        char *bytes;
        if (self->host->arena_open(self->scope, &child) != CSGI_OK) return CSGI_ENOMEM;
        bytes = self->host->alloc(child, 65536, 0);
        if (!bytes) return CSGI_ENOMEM;
        memset(bytes, round, 65536);
        if (round % 100 == 0) self->tasks->sleep_ms(self->host, 1);
        if (bytes[65535] != (char)round) wrong++;
        if (round < 990) self->host->arena_close(child); /* the others end with the request */
    }
    return reply_number(self, (long)wrong);
}

/* GET /errors: the last error is each task's own. */
static csgi_status fail_other(void *arg)
{
    visit *self = arg;

    return self->host->fail(self->host, CSGI_EFAIL, plug_str("the other's"));
}

ENDPOINT(errors)
{
    csgi_task *task = NULL;
    csgi_status result = CSGI_OK;
    csgi_str detail;

    self->host->last_error(self->host, &detail);
    if (detail.len != 0) return CSGI_EFAIL;
    self->host->fail(self->host, CSGI_EFAIL, plug_str("my own"));
    if (self->tasks->spawn(self->scope, fail_other, self, &task) != CSGI_OK) return CSGI_ENOMEM;
    if (self->tasks->join(task, &result) != CSGI_OK) return CSGI_EFAIL;
    self->host->last_error(self->host, &detail);
    return plug_reply(self->send, 200, detail);
}

/* GET /group?fail=N: three that sleep; the one of that number fails. The reply tells what the wait
 * returned and how many were cancelled. */
static csgi_status of_three(void *arg)
{
    visit *self = arg;
    unsigned mine = ++self->number;

    if (mine == plug_number(self->scope, "fail", 0)) {
        self->tasks->sleep_ms(self->host, 5);
        return self->host->fail(self->host, CSGI_EPROTO, plug_str("one of three"));
    }
    if (self->tasks->sleep_ms(self->host, plug_number(self->scope, "ms", 20)) == CSGI_ECANCELED)
        self->sum++;
    return CSGI_OK;
}

ENDPOINT(grouped)
{
    csgi_group *group;
    csgi_str detail;
    char text[128];
    csgi_status status = self->tasks->group_open(self->scope, &group);

    for (int i = 0; i < 3 && status == CSGI_OK; i++)
        status = self->tasks->group_spawn(group, of_three, self);
    status = self->tasks->group_wait(group);
    self->host->last_error(self->host, &detail);
    snprintf(text, sizeof(text), "%d %u %.*s", (int)status, self->sum, (int)detail.len, detail.ptr);
    if (status == CSGI_ECANCELED) say(self, "group wait was cancelled with", (int)self->sum);
    return plug_reply(self->send, 200, plug_str(text));
}

/* GET /deadline?ms=N: sleeps for 200 ms under a deadline of N; then again, shielded, and tells what
 * each returned. */
ENDPOINT(deadline)
{
    csgi_deadline *deadline;
    char text[64];
    int slept[2], left[2];

    for (int i = 0; i < 2; i++) {
        csgi_status status =
            self->tasks->deadline_enter(self->host, plug_number(self->scope, "ms", 5), &deadline);
        if (status != CSGI_OK) return status;
        if (i) self->tasks->shield_enter(self->host);
        slept[i] = self->tasks->sleep_ms(self->host, 200);
        if (i) self->tasks->shield_leave(self->host);
        left[i] = self->tasks->deadline_leave(self->host, deadline);
    }
    snprintf(text, sizeof(text), "%d %d, %d %d", slept[0], left[0], slept[1], left[1]);
    return plug_reply(self->send, 200, plug_str(text));
}

/* GET /queue?n=N: a producer and two consumers at a queue of two; the reply is the sum. */
typedef struct queued {
    visit *visit;
    csgi_queue *queue;
} queued;

static csgi_status consume(void *arg)
{
    queued *self = arg;
    void *item;
    csgi_status status;

    while ((status = self->visit->tasks->sync->queue_get(self->queue, &item, 5000)) == CSGI_OK)
        self->visit->sum += *(const unsigned char *)item;
    return status == CSGI_ESTATE ? CSGI_OK : status;
}

ENDPOINT(queue)
{
    static unsigned char ones[2] = { 1, 1 };
    const csgi_sync_functions *sync = self->tasks->sync;
    queued shared = { self, NULL };
    csgi_group *group;
    csgi_status status = sync->queue_new(self->host, 2, &shared.queue), failed;

    if (status != CSGI_OK) return status;
    status = self->tasks->group_open(self->scope, &group);
    for (int i = 0; i < 2 && status == CSGI_OK; i++)
        status = self->tasks->group_spawn(group, consume, &shared);
    for (uint64_t i = plug_number(self->scope, "n", 100); i && status == CSGI_OK; i--)
        status = sync->queue_put(shared.queue, &ones[i % 2], 5000);
    sync->queue_close(shared.queue);
    failed = self->tasks->group_wait(group);
    if (status == CSGI_OK) status = failed;
    if (sync->queue_free(shared.queue) != CSGI_OK) return CSGI_EFAIL;
    return status == CSGI_OK ? reply_number(self, (long)self->sum) : status;
}

#define GET(name, path, function)                                                     \
    {                                                                                 \
        CSGI_STR(name), CSGI_STR(path), CSGI_STR("GET"), CSGI_HTTP, 0, function, NULL \
    }

/* What the service manager's sockets leave in the environment. */
ENDPOINT(sockets)
{
    const char *left = getenv("LISTEN_FDS");

    return plug_reply(self->send, 200, plug_str(left ? left : "(none)"));
}

static const csgi_endpoint endpoints[] = {
    GET("hello", "/hello", hello),
    GET("sleep", "/sleep", doze),
    GET("spawn", "/spawn", spawn),
    GET("join", "/join", joined),
    GET("cancel", "/cancel", cancel),
    GET("abandon", "/abandon", abandon),
    GET("wait", "/wait", waiting),
    GET("gone", "/gone", gone),
    GET("background", "/background", background),
    GET("defer", "/defer", deferring),
    { CSGI_STR("busy"), CSGI_STR("/busy"), CSGI_STR("POST"), CSGI_HTTP, 0, busy, NULL },
    GET("order", "/order", order),
    GET("deep", "/deep", deep),
    GET("post", "/post", posting),
    GET("arena", "/arena", arena),
    GET("errors", "/errors", errors),
    GET("sockets", "/sockets", sockets),
    GET("deadline", "/deadline", deadline),
    GET("queue", "/queue", queue),
    GET("group", "/group", grouped),
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("tasks"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("suspends in every way"),
                                    endpoints,
                                    sizeof(endpoints) / sizeof(endpoints[0]),
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
