/* SPDX-License-Identifier: MIT
 * A reload, told straight on from a task of its own. */
#include "worker/reload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/call.h"
#include "base/str.h"
#include "log/log.h"
#include "loop/offload.h"
#include "loop/on_loop.h"
#include "reload/watch.h"
#include "worker/inputs.h"
#include "worker/reload_probe.h"

/* Try it again so often, after so long, while somebody is writing a file. */
#define BUSY_PAUSE_MS 20u
#define BUSY_TRIES    500u
/* and so often, before a file that is gone counts as taken away. */
#define MISSING_TRIES 25u
/* What is tried in another process has so long. */
#define PROBE_LIMIT_MS 10000u

static const watch_options watching = { .quiet_ms = 5, .most_ms = 500, .poll_ms = 500 };

/* Who asked for a reload, and when. */
typedef struct request {
    char why[sizeof((reload_record *)0)->why];
    uint64_t began_ns;
} request;

struct reloader {
    reloader_parts parts;
    task *task; /* NULL: none is under way */
    bool is_wanted, is_stopping;
    bool is_asked;          /* by somebody, who wants an answer; not by a watch */
    bool must_tell;         /* of what is under way, even if it turns out to be nothing new */
    watch *watch;           /* NULL: nothing is watched */
    uint64_t fingerprint;   /* of what was tried last, if it is watched */
    request now, next;      /* under way; wanted */
    routes_file *routes;    /* that serves, once one has been read again */
    server_options options; /* as that routes file, or the first, has them */
    uint64_t routes_hash;   /* of its file then */
    reload_record records[RELOAD_HISTORY];
    uint64_t count;
    list_node asked, asking; /* reload_wait: for the attempt that is under way; for the next */
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
};

/* One attempt, on the task's stack. */
typedef struct attempt {
    reloader *of;
    server_options options; /* what a routes file says of plugins counts at once */
    plugin_choice choice;
    routes_file *routes; /* NULL: there is none, or it is kept */
    uint64_t routes_hash;
    edition *next;
    bool is_in_vain; /* what serves is what is there */
    buffer problem, approved;
    task_wait started;
} attempt;

static void begin(reloader *self);

static const task_label label = { CSGI_STR("capricorn"), CSGI_STR("reload") };

/* ---- the steps ---- */

static uint64_t hash_file(const char *path)
{
    char *paths[] = { (char *)path };
    const inputs only = { paths, 1 };

    return inputs_fingerprint(&only);
}

/* What is to be served, by the routes file that serves. */
static plugin_choice choose(const reloader *self)
{
    plugin_choice choice = *self->parts.choice;

    if (self->routes) choice.routes = self->routes;
    return choice;
}

static csgi_status read_routes(attempt *self)
{
    const routes_file *before = self->of->parts.choice->routes;
    csgi_status status;

    if (!before) return CSGI_OK;
    self->routes = calloc(1, sizeof *self->routes);
    if (!self->routes) return CSGI_ENOMEM;
    self->routes_hash = hash_file(before->name.ptr); /* older than what is read, never newer */
    status = routes_file_read(self->routes, before->name.ptr, &self->options, &self->problem);
    if (status != CSGI_OK) {
        free(self->routes);
        self->routes = NULL;
        return status;
    }
    self->choice.routes = self->routes;
    return CSGI_OK;
}

static csgi_status try_elsewhere(attempt *self)
{
    const reloader_parts *parts = &self->of->parts;
    uint64_t startup_ms = parts->tries_startup ? self->options.timeout_startup_ms : 0;
    csgi_status status = reload_probe_run(parts->loop, parts->probe_arguments, parts->tries_startup,
                                          PROBE_LIMIT_MS + startup_ms, &self->approved);

    if (status == CSGI_EFAIL || status == CSGI_EBUSY)
        buffer_append_str(&self->problem, buffer_str(&self->approved));
    return status;
}

static csgi_status load(attempt *self)
{
    const reloader_parts *parts = &self->of->parts;
    csgi_str approved = buffer_str(&self->approved);
    const plugin_loading from = { self->next, &self->options, &self->choice, parts->registry };
    csgi_status status;

    registry_approve(parts->registry, &approved);
    status = plugins_load(&from, &self->problem);
    registry_approve(parts->registry, NULL);
    return status;
}

static void on_started(void *arg, csgi_status status)
{
    attempt *self = arg;

    task_wake(&self->started, status);
}

static csgi_status start(attempt *self)
{
    task_wait_begin(self->of->parts.loop, &self->started);
    edition_start(self->next, &self->problem, on_started, self);
    return task_wait_end(&self->started);
}

static void serve_on_loop(void *arg, csgi_status *status)
{
    attempt *self = arg;

    *status = edition_serve(self->next, &self->problem);
    if (*status == CSGI_OK) self->next = NULL;
}

/* A file may change between being noticed and being loaded: its last event is then of what serves
 * already. */
static bool is_nothing_new(const attempt *self)
{
    const reloader *of = self->of;

    if (of->must_tell || edition_has_news(self->next)) return false;
    return !self->routes || self->routes_hash == of->routes_hash;
}

static csgi_status run_steps(attempt *self)
{
    const reloader_parts *parts = &self->of->parts;
    csgi_status status = try_elsewhere(self);

    if (status == CSGI_OK) status = read_routes(self);
    if (status == CSGI_OK) status = edition_new(parts->apps, &self->next);
    if (status == CSGI_OK) status = load(self);
    if (status == CSGI_OK && is_nothing_new(self)) {
        self->is_in_vain = true;
        return CSGI_OK;
    }
    if (status == CSGI_OK) status = start(self);
    return status == CSGI_OK ? on_loop(parts->loop, serve_on_loop, self) : status;
}

/* ---- what is watched ---- */

static csgi_status watch_inputs(reloader *self, const attempt *of)
{
    const server_options *options = of ? &of->options : &self->options;
    plugin_choice choice = of ? of->choice : choose(self);
    inputs found;
    csgi_status status = inputs_list(&found, options, &choice);

    if (status != CSGI_OK) return status;
    status = watch_set(self->watch, (const char *const *)found.paths, found.count);
    inputs_fini(&found);
    return status;
}

typedef struct look {
    inputs at;
    uint64_t fingerprint;
} look;

static csgi_status do_look(void *arg)
{
    look *self = arg;

    self->fingerprint = inputs_fingerprint(&self->at);
    return CSGI_OK;
}

/* Is there anything new since it was tried last? When that cannot be told, yes. [suspends] */
static bool has_news(reloader *self)
{
    plugin_choice choice = choose(self);
    look begun = { .fingerprint = 0 };
    uint64_t before = self->fingerprint;
    csgi_status result;

    if (!self->watch || inputs_list(&begun.at, &self->options, &choice) != CSGI_OK) return true;
    if (!task_current(self->parts.loop)) {
        do_look(&begun);
    } else if (offload_run(self->parts.loop, do_look, &begun, &result) != CSGI_OK) {
        inputs_fini(&begun.at);
        return true;
    }
    inputs_fini(&begun.at);
    self->fingerprint = begun.fingerprint;
    return begun.fingerprint != before;
}

static void on_change(void *arg, const char *changed)
{
    reloader *self = arg;

    if (self->is_stopping) return;
    if (!self->is_wanted) {
        snprintf(self->next.why, sizeof self->next.why, "%s changed",
                 *changed ? changed : "something");
        self->next.began_ns = loop_clock_ns();
    }
    self->is_wanted = true;
    if (!self->task) begin(self);
}

/* ---- one attempt ---- */

static void discard_on_loop(void *arg, csgi_status *status)
{
    attempt *self = arg;

    edition_discard(self->next);
    registry_rollback(self->of->parts.registry);
    *status = CSGI_OK;
}

static void free_routes(routes_file *self)
{
    if (self) routes_file_fini(self);
    free(self);
}

static void keep(attempt *self)
{
    reloader *of = self->of;

    registry_commit(of->parts.registry);
    if (!self->routes) return;
    free_routes(of->routes);
    of->routes = self->routes;
    of->options = self->options;
    of->routes_hash = self->routes_hash;
    self->routes = NULL;
}

static void end(attempt *self, csgi_status status)
{
    if (self->of->watch) watch_inputs(self->of, self); /* without memory it stays as it was */
    if (status == CSGI_OK && !self->is_in_vain)
        keep(self);
    else
        on_loop(self->of->parts.loop, discard_on_loop, self);
    free_routes(self->routes);
    buffer_fini(&self->approved);
}

static void record(reloader *self, bool is_ok, const buffer *report)
{
    reload_record *into = &self->records[self->count % RELOAD_HISTORY];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    buffer_fini(&into->report);
    *into = (reload_record){ .number = ++self->count,
                             .at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                             .took_ms = (loop_clock_ns() - self->now.began_ns) / 1000000,
                             .is_ok = is_ok };
    memcpy(into->why, self->now.why, sizeof into->why);
    buffer_append_str(&into->report, buffer_str(report));
}

static void tell_waits(list_node *waits, const reload_record *outcome)
{
    list_node *node;

    while ((node = list_pop(waits))) {
        reload_wait *each = CONTAINER_OF(node, reload_wait, node);

        each->on_done(each, outcome);
    }
}

static void move_waits(list_node *from, list_node *to)
{
    list_node *node;

    while ((node = list_pop(from)))
        list_append(to, node);
}

static void tell_failure(reloader *self, const buffer *problem)
{
    /* When there is no memory for what is wrong, that is what is wrong. */
    csgi_str why = problem->len ? buffer_str(problem) : STR("no memory to reload\n");

    if (problem->len)
        plugins_log_problem(problem);
    else
        log_error("no memory to reload");
    log_error("Reload failed (%s): what served before goes on unchanged", self->now.why);
    record(self, false, problem);
    tell_waits(&self->asked, reloader_record(self, 0));
    if (self->parts.on_attempt) self->parts.on_attempt(self->parts.arg, why);
}

static void tell(reloader *self, csgi_status status, buffer *problem)
{
    uint64_t took_ms = (loop_clock_ns() - self->now.began_ns) / 1000000;

    if (status != CSGI_OK) {
        if (status != CSGI_ENOMEM && !problem->len)
            buffer_printf(problem, "it could not be tried: %s\n", status_text(status));
        tell_failure(self, problem);
        return;
    }
    problem->len = 0;
    app_set_print_serving(self->parts.apps, problem);
    log_info("Reloaded in %" PRIu64 " ms (%s): %.*s", took_ms, self->now.why,
             STR_ARG(buffer_str(problem)));
    record(self, true, problem);
    tell_waits(&self->asked, reloader_record(self, 0));
    if (self->parts.on_attempt) self->parts.on_attempt(self->parts.arg, STR(""));
}

/* CSGI_EBUSY: nothing was told, and it is to be tried again. */
static csgi_status try_once(reloader *self, bool may_wait)
{
    attempt made = { .of = self, .options = *self->parts.options, .choice = choose(self) };
    csgi_status status = run_steps(&made);
    bool was_busy =
        status == CSGI_EBUSY || (status != CSGI_OK && registry_was_busy(self->parts.registry));

    end(&made, status);
    if (status == CSGI_ECANCELED || self->is_stopping)
        status = CSGI_ECANCELED;
    else if (was_busy && may_wait)
        status = CSGI_EBUSY;
    else if (!made.is_in_vain)
        tell(self, status, &made.problem);
    buffer_fini(&made.problem);
    return status;
}

/* Did the last attempt? Then it is news that all is well. */
static bool has_failed(const reloader *self)
{
    return self->count && !self->records[(self->count - 1) % RELOAD_HISTORY].is_ok;
}

/* Linkers and install(1) take a file away before they put the new one there. */
static void wait_for_missing(reloader *self)
{
    for (unsigned tries = 0; tries < MISSING_TRIES; tries++) {
        if (!registry_misses_file(self->parts.registry)) return;
        if (task_sleep(self->parts.loop, BUSY_PAUSE_MS) != CSGI_OK) return;
    }
}

static csgi_status run(void *arg)
{
    reloader *self = arg;
    csgi_status status = CSGI_OK;

    while (self->is_wanted && !self->is_stopping) {
        bool is_asked = self->is_asked;

        self->now = self->next;
        self->is_wanted = self->is_asked = false;
        move_waits(&self->asking, &self->asked);
        if (!is_asked) wait_for_missing(self);
        if (!has_news(self) && !is_asked) continue;
        self->must_tell = is_asked || has_failed(self);
        for (unsigned tries = 0; tries <= BUSY_TRIES; tries++) {
            status = try_once(self, tries < BUSY_TRIES);
            if (status != CSGI_EBUSY || task_sleep(self->parts.loop, BUSY_PAUSE_MS) != CSGI_OK)
                break;
        }
    }
    return status;
}

static void on_end(void *arg, csgi_status status);

static void begin(reloader *self)
{
    csgi_status status = task_spawn(self->parts.loop, &label, 0, run, on_end, self, &self->task);

    if (status == CSGI_OK) return;
    self->is_wanted = self->is_asked = false;
    self->now = self->next;
    move_waits(&self->asking, &self->asked);
    tell_failure(self, &(buffer){ 0 });
}

static void on_end(void *arg, csgi_status status)
{
    reloader *self = arg;
    void (*on_stopped)(void *) = self->on_stopped;

    (void)status;
    self->task = NULL;
    tell_waits(&self->asked, NULL);
    if (self->is_stopping) {
        tell_waits(&self->asking, NULL);
        self->on_stopped = NULL;
        if (on_stopped) on_stopped(self->on_stopped_arg);
    } else if (self->is_wanted) {
        begin(self);
    }
}

/* ---- public ---- */

csgi_status reloader_new(const reloader_parts *parts, reloader **out)
{
    reloader *self = calloc(1, sizeof *self);

    if (!self) return CSGI_ENOMEM;
    self->parts = *parts;
    self->options = *parts->options;
    list_init(&self->asked);
    list_init(&self->asking);
    *out = self;
    return CSGI_OK;
}

void reloader_request(reloader *self, const char *why)
{
    if (self->is_stopping) return;
    if (!self->is_wanted) {
        snprintf(self->next.why, sizeof self->next.why, "%s", why);
        self->next.began_ns = loop_clock_ns();
    }
    self->is_wanted = self->is_asked = true;
    if (!self->task) begin(self);
}

void reloader_request_told(reloader *self, const char *why, reload_wait *wait)
{
    if (self->is_stopping) {
        wait->on_done(wait, NULL);
        return;
    }
    list_append(&self->asking, &wait->node);
    reloader_request(self, why);
}

csgi_status reloader_watch(reloader *self)
{
    csgi_status status = watch_new(self->parts.loop, &watching, on_change, self, &self->watch);

    if (status == CSGI_OK) status = watch_inputs(self, NULL);
    if (status == CSGI_OK) has_news(self);
    return status;
}

bool reloader_is_busy(const reloader *self)
{
    return self->task != NULL;
}

void reloader_stop(reloader *self, void (*on_stopped)(void *arg), void *arg)
{
    self->is_stopping = true;
    watch_close(self->watch);
    self->watch = NULL;
    if (!self->task) {
        if (on_stopped) on_stopped(arg);
        return;
    }
    self->on_stopped = on_stopped;
    self->on_stopped_arg = arg;
    task_cancel(self->task);
}

void reloader_free(reloader *self)
{
    if (!self) return;
    CHECK(!self->task);
    free_routes(self->routes);
    for (size_t i = 0; i < RELOAD_HISTORY; i++)
        buffer_fini(&self->records[i].report);
    free(self);
}

const reload_record *reloader_record(const reloader *self, size_t index)
{
    if (index >= self->count || index >= RELOAD_HISTORY) return NULL;
    return &self->records[(self->count - 1 - index) % RELOAD_HISTORY];
}
