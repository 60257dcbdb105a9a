/* SPDX-License-Identifier: MIT
 * Compiling and serving what changes, told straight on from a task of its own. */
#include "worker/dev.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "log/log.h"
#include "loop/on_loop.h"
#include "loop/task.h"
#include "reload/diagnostics.h"
#include "reload/watch.h"
#include "worker/dev_page.h"
#include "worker/inputs.h"

/* A swap is looked for as often as this. */
#define SWAP_PAUSE_MS 2u
#define WHY_MAX       64u

static const watch_options watching = { .quiet_ms = 5, .most_ms = 200, .poll_ms = 500 };
static const task_label label = { CSGI_STR("capricorn"), CSGI_STR("dev") };

struct dev {
    dev_parts parts;
    task *task;
    task_wait *sleeper;
    watch *watch;
    build build;
    dev_target *building; /* NULL: none */
    bool is_changed, is_ready, is_stopping;
    bool was_served; /* once there was good code */
    char why[WHY_MAX];
    uint64_t inputs; /* what was served last: see inputs_fingerprint */
    buffer refusal;  /* of the last reload; empty: it serves */
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
};

/* ---- what is wrong ---- */

/* Their places and lines, or a line of a file that was refused; *texts hold what they borrow. */
typedef struct trouble_list {
    size_t count;
    dev_trouble *items;
    buffer *texts;
} trouble_list;

static void troubles_fini(trouble_list *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free((char *)(uintptr_t)self->items[i].headline);
        buffer_fini(&self->texts[i]);
    }
    free(self->items);
    free(self->texts);
}

static csgi_status add_trouble(trouble_list *self, const char *what, const char *how, csgi_str said,
                               const char *directory)
{
    dev_trouble *item = &self->items[self->count];
    buffer *text = &self->texts[self->count];
    char *headline;
    csgi_status status = diagnostics_strip(said, text);

    if (status != CSGI_OK || asprintf(&headline, "%s%s", what, how) < 0) {
        buffer_fini(text);
        return CSGI_ENOMEM;
    }
    *item = (dev_trouble){ headline, buffer_str(text), directory };
    self->count++;
    return CSGI_OK;
}

static csgi_status list_troubles(const dev *self, trouble_list *out)
{
    const dev_plan *plan = self->parts.plan;
    csgi_status status = CSGI_OK;

    *out = (trouble_list){ 0 };
    out->items = calloc(plan->target_count + 1, sizeof *out->items);
    out->texts = calloc(plan->target_count + 1, sizeof *out->texts);
    if (!out->items || !out->texts) status = CSGI_ENOMEM;
    for (size_t i = 0; i < plan->target_count && status == CSGI_OK; i++) {
        const dev_target *each = &plan->targets[i];

        if (each->is_broken)
            status = add_trouble(out, each->source, " does not compile", buffer_str(&each->said),
                                 each->depends || !*each->directory ? NULL : each->directory);
    }
    if (status == CSGI_OK && self->refusal.len)
        status =
            add_trouble(out, "the new code", " was not taken", buffer_str(&self->refusal), NULL);
    if (status != CSGI_OK) troubles_fini(out);
    return status;
}

static bool is_wrong(const dev *self)
{
    const dev_plan *plan = self->parts.plan;

    for (size_t i = 0; i < plan->target_count; i++) {
        if (plan->targets[i].is_broken) return true;
    }
    return self->refusal.len > 0;
}

static csgi_str accept_of(const exchange *request)
{
    for (size_t i = 0; i < request->headers.count; i++) {
        if (str_eq(request->headers.items[i].name, STR("accept")))
            return request->headers.items[i].value;
    }
    return STR("");
}

static csgi_status print_page(const dev *self, dev_format format, buffer *out)
{
    trouble_list found;
    csgi_status status = list_troubles(self, &found);

    if (status != CSGI_OK) return status;
    status = format == DEV_FORMAT_HTML ? dev_page_html(found.items, found.count, out)
                                       : dev_page_json(found.items, found.count, out);
    troubles_fini(&found);
    return status;
}

bool dev_answer(dev *self, exchange *request)
{
    static const csgi_field html[] = { { CSGI_STR("content-type"),
                                         CSGI_STR("text/html; charset=utf-8"), 0, 0 },
                                       { CSGI_STR("cache-control"), CSGI_STR("no-store"), 0, 0 },
                                       { CSGI_STR("vary"), CSGI_STR("accept"), 0, 0 } };
    static const csgi_field json[] = { { CSGI_STR("content-type"), CSGI_STR("application/json"), 0,
                                         0 },
                                       { CSGI_STR("cache-control"), CSGI_STR("no-store"), 0, 0 },
                                       { CSGI_STR("vary"), CSGI_STR("accept"), 0, 0 } };
    dev_format format;
    buffer page = { 0 };

    if (!is_wrong(self)) return false;
    format = dev_format_of(accept_of(request));
    if (format == DEV_FORMAT_NONE && self->was_served) return false;
    if (print_page(self, format, &page) == CSGI_OK)
        exchange_reply(request, 500, (csgi_fields){ format == DEV_FORMAT_HTML ? html : json, 3 },
                       buffer_str(&page));
    else
        exchange_reply_error(request, 503, "Service Unavailable", (csgi_fields){ NULL, 0 });
    exchange_app_release(request);
    buffer_fini(&page);
    return true;
}

/* ---- compiling ---- */

/* As the compiler says it, colours too. */
static void show(const buffer *said)
{
    size_t done = 0;

    log_flush();
    while (done < said->len) {
        ssize_t count = write(STDERR_FILENO, said->bytes + done, said->len - done);

        if (count <= 0) return;
        done += (size_t)count;
    }
}

static void tell(const dev *self, const dev_target *of)
{
    show(&of->said);
    if (of->is_broken)
        log_error("%s does not compile (%" PRIu64 " ms): %s", of->source, of->took_ms,
                  self->was_served ? "the last good code goes on serving"
                                   : "nothing is served of it until it does");
}

static void add_file(dev *self, dev_target *of)
{
    dev_plan *plan = self->parts.plan;

    if (of->is_served) return;
    of->is_served = true;
    plan->probe_arguments[plan->probe_count++] = of->file;
    plan->choice->files[plan->choice->file_count++] = of->file;
}

/* [suspends] */
static csgi_status make(dev *self, dev_target *of)
{
    csgi_status status;

    self->building = of;
    status = dev_target_build(of, &self->build, self->parts.loop);
    self->building = NULL;
    if (status != CSGI_OK) return status;
    tell(self, of);
    if (of->is_broken) return CSGI_OK;
    add_file(self, of);
    snprintf(self->why, sizeof self->why, "%.40s, compiled in %" PRIu64 " ms", of->source,
             of->took_ms);
    return CSGI_OK;
}

/* CSGI_EBUSY: something was saved meanwhile. [suspends] */
static csgi_status make_all(dev *self)
{
    const dev_plan *plan = self->parts.plan;
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < plan->target_count && status == CSGI_OK; i++) {
        dev_target *each = &plan->targets[i];

        if (dev_target_is_stale(each)) status = make(self, each);
        if (status == CSGI_OK) dev_target_link_config(each);
    }
    return status;
}

/* ---- serving ---- */

/* A make that fails may take away what was there: what serves stays, until it succeeds. */
static bool is_file_lost(const dev_plan *plan)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        const dev_target *each = &plan->targets[i];

        if (each->is_served && each->is_broken && access(each->file, F_OK) != 0) return true;
    }
    return false;
}

/* Without memory: as if there were something new. */
static bool has_news(dev *self)
{
    const dev_plan *plan = self->parts.plan;
    inputs found;
    uint64_t before = self->inputs;

    if (!plan->choice->file_count && !plan->choice->routes) return false;
    if (is_file_lost(plan)) return false;
    if (inputs_list(&found, self->parts.options, plan->choice) != CSGI_OK) return true;
    self->inputs = inputs_fingerprint(&found);
    inputs_fini(&found);
    return self->inputs != before;
}

/* [suspends] */
static csgi_status serve(dev *self)
{
    csgi_status status = CSGI_OK;

    if (!has_news(self)) return CSGI_OK;
    reloader_request(self->parts.reloader, *self->why ? self->why : "a file changed");
    self->why[0] = '\0';
    while (reloader_is_busy(self->parts.reloader) && status == CSGI_OK)
        status = task_sleep(self->parts.loop, SWAP_PAUSE_MS);
    return status;
}

void dev_note_attempt(dev *self, csgi_str problem)
{
    if (!self) return;
    self->refusal.len = 0;
    buffer_append_str(&self->refusal, problem);
    if (!problem.len) self->was_served = true;
}

/* ---- watching ---- */

static csgi_status list_watched(const dev *self, buffer *paths)
{
    const dev_plan *plan = self->parts.plan;
    inputs found;
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < plan->target_count && status == CSGI_OK; i++)
        status = dev_target_list_watched(&plan->targets[i], paths);
    if (status == CSGI_OK) status = inputs_list(&found, self->parts.options, plan->choice);
    if (status != CSGI_OK) return status;
    for (size_t i = 0; i < found.count && status == CSGI_OK; i++)
        status = buffer_append(paths, found.paths[i], strlen(found.paths[i]) + 1);
    inputs_fini(&found);
    return status;
}

static csgi_status watch_all(dev *self)
{
    buffer paths = { 0 };
    const char **list = NULL;
    size_t count = 0;
    csgi_status status = list_watched(self, &paths);

    if (status == CSGI_OK) list = calloc(paths.len + 1, sizeof *list);
    if (list) {
        for (csgi_str rest = buffer_str(&paths); rest.len;)
            list[count++] = str_take(&rest, '\0').ptr;
        status = watch_set(self->watch, list, count);
    }
    free(list);
    buffer_fini(&paths);
    return list ? status : CSGI_ENOMEM;
}

/* Sources are told when they have been compiled; others write other files too. */
static bool is_told(csgi_str name)
{
    return (name.len > 3 && str_eq(str_slice(name, name.len - 3, 3), STR(".so"))) ||
           (name.len > 5 && str_eq(str_slice(name, name.len - 5, 5), STR(".json")));
}

static void on_change(void *arg, const char *changed)
{
    dev *self = arg;

    if (is_told(str_from(changed))) snprintf(self->why, sizeof self->why, "%.50s changed", changed);
    self->is_changed = true;
    if (self->building && dev_target_is_stale(self->building)) build_stop(&self->build);
    if (self->sleeper) task_wake(self->sleeper, CSGI_OK);
}

/* [suspends] */
static csgi_status wait_for_change(dev *self)
{
    return self->is_changed ? CSGI_OK : task_wait_at(self->parts.loop, &self->sleeper);
}

static void be_ready_on_loop(void *arg, csgi_status *status)
{
    dev *self = arg;

    *status = CSGI_OK;
    self->is_ready = true;
    if (!self->is_stopping) self->parts.on_ready(self->parts.arg);
}

static csgi_status run(void *arg)
{
    dev *self = arg;
    csgi_status status = CSGI_OK;

    while (status == CSGI_OK && !self->is_stopping) {
        self->is_changed = false;
        status = make_all(self);
        if (status == CSGI_EBUSY) {
            status = CSGI_OK;
            continue;
        }
        if (status == CSGI_OK) status = serve(self);
        if (self->is_stopping) break;
        if (status == CSGI_OK && watch_all(self) != CSGI_OK)
            log_warning("no memory to watch what has changed");
        if (status == CSGI_OK && !self->is_ready) on_loop(self->parts.loop, be_ready_on_loop, self);
        if (status == CSGI_OK) status = wait_for_change(self);
    }
    return status;
}

static void on_end(void *arg, csgi_status status)
{
    dev *self = arg;

    if (status == CSGI_ENOMEM) log_error("no memory to compile: nothing is watched any more");
    self->task = NULL;
    if (self->is_stopping && self->on_stopped) self->on_stopped(self->on_stopped_arg);
}

/* ---- public ---- */

csgi_status dev_new(const dev_parts *parts, dev **out)
{
    dev *self = calloc(1, sizeof *self);
    csgi_status status;

    if (!self) return CSGI_ENOMEM;
    self->parts = *parts;
    status = watch_new(parts->loop, &watching, on_change, self, &self->watch);
    if (status == CSGI_OK) status = watch_all(self);
    if (status == CSGI_OK)
        status = task_spawn(parts->loop, &label, 0, run, on_end, self, &self->task);
    if (status == CSGI_OK) {
        *out = self;
        return CSGI_OK;
    }
    watch_close(self->watch);
    free(self);
    return status;
}

void dev_stop(dev *self, void (*on_stopped)(void *arg), void *arg)
{
    self->is_stopping = true;
    watch_close(self->watch);
    self->watch = NULL;
    if (!self->task) {
        on_stopped(arg);
        return;
    }
    self->on_stopped = on_stopped;
    self->on_stopped_arg = arg;
    task_cancel(self->task);
}

void dev_free(dev *self)
{
    if (!self) return;
    CHECK(!self->task);
    buffer_fini(&self->refusal);
    free(self);
}
