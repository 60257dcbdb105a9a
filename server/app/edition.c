/* SPDX-License-Identifier: MIT
 * What is to serve next: which apps are kept, which are new, and the moment when they change
 * places. */
#include "app/edition.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "log/log.h"

csgi_status edition_new(app_set *set, edition **out)
{
    edition *self = calloc(1, sizeof *self);

    if (!self) return CSGI_ENOMEM;
    self->set = set;
    lifespan_group_init(&self->starting, set->loop);
    *out = self;
    return CSGI_OK;
}

bool edition_serves_already(const edition *self, const plugin *loaded)
{
    LIST_EACH (node, &self->set->instances) {
        if (CONTAINER_OF(node, instance, node)->plugin == loaded) return true;
    }
    return false;
}

void edition_tell_step(const edition *self, csgi_str whose, const char *step)
{
    app_set_tell_step(self->set, whose, step);
}

/* ---- apps ---- */

instance *edition_find(const edition *self, csgi_str name)
{
    for (size_t i = 0; i < self->app_count; i++) {
        if (str_eq(self->apps[i]->name, name)) return self->apps[i];
    }
    return NULL;
}

static bool is_new(const instance *app)
{
    return !app->is_serving;
}

static csgi_status make_room(edition *self)
{
    size_t room = self->app_room ? self->app_room * 2 : 8;
    instance **grown;

    if (self->app_count < self->app_room) return CSGI_OK;
    grown = realloc(self->apps, room * sizeof(instance *));
    if (!grown) return CSGI_ENOMEM;
    self->apps = grown;
    self->app_room = room;
    return CSGI_OK;
}

static csgi_status refuse_twin(const instance *twin, const plugin *loaded, buffer *problem)
{
    buffer_printf(problem,
                  "there are two apps named %.*s, of %s and of %s: take one of them away, or "
                  "give it another name, under \"apps\" of a routes file",
                  STR_ARG(twin->name), twin->plugin->file ? twin->plugin->file : "memory",
                  loaded->file ? loaded->file : "memory");
    return CSGI_EINVAL;
}

csgi_status edition_add(edition *self, plugin *loaded, csgi_str name, csgi_str config_json,
                        buffer *problem)
{
    instance *added = edition_find(self, name);
    csgi_status status;

    if (added) return refuse_twin(added, loaded, problem);
    status = make_room(self);
    added = app_set_find(self->set, name);
    if (added && !instance_is_of(added, loaded, config_json)) added = NULL;
    if (status == CSGI_OK && !added)
        status = instance_new(self->set, loaded, name, config_json, &added, problem);
    if (status == CSGI_ENOMEM) buffer_printf(problem, "no memory for app %.*s", STR_ARG(name));
    if (status != CSGI_OK) return status;
    self->apps[self->app_count++] = added;
    return CSGI_OK;
}

bool edition_has_news(const edition *self)
{
    size_t serving = 0;

    LIST_EACH (node, &self->set->instances) {
        (void)node;
        serving++;
    }
    for (size_t i = 0; i < self->app_count; i++) {
        if (is_new(self->apps[i])) return true;
    }
    return serving != self->app_count;
}

size_t edition_route_count(const edition *self)
{
    return router_count(self->table->routes);
}

void edition_start(edition *self, buffer *problem, void (*on_done)(void *arg, csgi_status status),
                   void *arg)
{
    self->set->takes_jobs = true;
    lifespan_group_expect(&self->starting, on_done, arg);
    self->starting.problem = problem;
    for (size_t i = 0; i < self->app_count; i++) {
        if (is_new(self->apps[i])) lifespan_start(&self->apps[i]->lifespan, &self->starting);
    }
    lifespan_group_close(&self->starting);
}

/* ---- state ---- */

typedef struct kept_state {
    csgi_sink sink;
    buffer bytes;
    csgi_status failure; /* of a write, which save need not have looked at */
} kept_state;

/* What is logged once it is certain, a line for each. */
typedef struct hand_over_report {
    buffer news, warnings;
} hand_over_report;

static csgi_status on_write(csgi_sink *sink, csgi_str bytes)
{
    kept_state *self = CONTAINER_OF(sink, kept_state, sink);

    csgi_status status = CSGI_OK;

    if (bytes.ptr) status = buffer_append_str(&self->bytes, bytes);
    if (!bytes.ptr && bytes.len) status = CSGI_EINVAL;
    if (status != CSGI_OK) self->failure = status;
    return status;
}

/* Its predecessor, if that has state to hand over and this one takes it; or NULL. */
static instance *predecessor_of(const edition *self, const instance *heir)
{
    instance *before = app_set_find(self->set, heir->name);

    if (!before || !is_new(heir) || !str_eq(before->plugin_name, heir->plugin_name)) return NULL;
    if (!before->plugin->descriptor.save || !heir->plugin->descriptor.restore) return NULL;
    return before;
}

static csgi_status restore(instance *heir, uint32_t version, csgi_str bytes,
                           hand_over_report *report, buffer *problem)
{
    char reason[STATUS_REASON_SIZE];
    csgi_status status;

    heir->error.len = 0; /* what create said is no reason */
    app_set_tell_step(heir->set, heir->plugin_name, "restore");
    status = heir->plugin->descriptor.restore(heir->state, version, bytes);
    app_set_tell_step(heir->set, heir->plugin_name, NULL);
    if (status == CSGI_OK) {
        buffer_printf(&report->news,
                      "%.*s took over the state of its predecessor (version %u, %zu bytes)\n",
                      STR_ARG(heir->name), version, bytes.len);
        return CSGI_OK;
    }
    if (status == CSGI_ENOTSUP) {
        buffer_printf(&report->warnings,
                      "%.*s starts afresh: it does not know version %u of its predecessor's "
                      "state\n",
                      STR_ARG(heir->name), version);
        return CSGI_OK;
    }
    status_reason(status, buffer_str(&heir->error), reason);
    buffer_printf(problem, "%.*s could not take over the state (version %u, %zu bytes): %s",
                  STR_ARG(heir->name), version, bytes.len, reason);
    return CSGI_EFAIL;
}

static csgi_status save(instance *from, kept_state *kept, uint32_t *version)
{
    csgi_status status;

    from->error.len = 0;
    app_set_tell_step(from->set, from->plugin_name, "save");
    status = from->plugin->descriptor.save(from->state, &kept->sink, version);
    app_set_tell_step(from->set, from->plugin_name, NULL);
    return status == CSGI_OK ? kept->failure : status;
}

/* What calls of the old code write from now on is not seen by the new. */
static void report_lost(const instance *from, hand_over_report *report)
{
    if (!from->uses) return;
    buffer_printf(&report->news,
                  "%.*s: what the %zu request%s on generation %llu still write%s to its state is "
                  "lost\n",
                  STR_ARG(from->name), from->uses, from->uses == 1 ? "" : "s",
                  (unsigned long long)from->plugin->generation, from->uses == 1 ? "s" : "");
}

static csgi_status hand_over(instance *from, instance *heir, hand_over_report *report,
                             buffer *problem)
{
    kept_state kept = { .sink = { on_write } };
    char reason[STATUS_REASON_SIZE];
    uint32_t version = 0;
    csgi_status status = save(from, &kept, &version);

    if (status == CSGI_OK) {
        status = restore(heir, version, buffer_str(&kept.bytes), report, problem);
        report_lost(from, report);
    } else {
        status_reason(status, buffer_str(&from->error), reason);
        buffer_printf(&report->warnings,
                      "%.*s starts afresh: its predecessor could not save its state: %s\n",
                      STR_ARG(heir->name), reason);
        status = CSGI_OK;
    }
    buffer_fini(&kept.bytes);
    return status;
}

static void log_lines(const buffer *lines, log_level level)
{
    for (csgi_str rest = buffer_str(lines); rest.len;) {
        csgi_str line = str_take(&rest, '\n');

        log_write(level, "%.*s", STR_ARG(line));
    }
}

static csgi_status hand_over_all(edition *self, buffer *problem)
{
    hand_over_report report = { 0 };
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < self->app_count && status == CSGI_OK; i++) {
        instance *before = predecessor_of(self, self->apps[i]);

        if (before) status = hand_over(before, self->apps[i], &report, problem);
    }
    if (status == CSGI_OK) {
        log_lines(&report.news, LOG_INFO);
        log_lines(&report.warnings, LOG_WARNING);
    }
    buffer_fini(&report.news);
    buffer_fini(&report.warnings);
    return status;
}

/* ---- the swap ---- */

static void edition_free(edition *self)
{
    lifespan_group_fini(&self->starting);
    free(self->apps);
    free(self);
}

csgi_status edition_serve(edition *self, buffer *problem)
{
    app_set *set = self->set;
    csgi_status status = hand_over_all(self, problem);
    list_node before, *node;

    CHECK(self->table);
    if (status != CSGI_OK) return status;
    list_init(&before);
    while ((node = list_pop(&set->instances)))
        list_append(&before, node);
    for (size_t i = 0; i < self->app_count; i++) {
        list_remove(&self->apps[i]->node); /* a kept one is in the list before */
        self->apps[i]->is_serving = true;
        list_append(&set->instances, &self->apps[i]->node);
    }
    table_swap_in(self->table, set);
    while ((node = list_pop(&before)))
        instance_retire(CONTAINER_OF(node, instance, node));
    edition_free(self);
    return CSGI_OK;
}

void edition_discard(edition *self)
{
    if (!self) return;
    table_release(self->table);
    for (size_t i = self->app_count; i-- > 0;) {
        if (!is_new(self->apps[i])) continue;
        lifespan_settle(&self->apps[i]->lifespan);
        instance_retire(self->apps[i]);
    }
    edition_free(self);
}
