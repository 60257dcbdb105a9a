/* SPDX-License-Identifier: MIT
 * The set of apps that one worker serves: adding, draining, ending. */
#include "app/app_set.h"

#include <stdlib.h>

#include "app/blocking.h"
#include "app/event.h"
#include "app/ext_task.h"
#include "app/http_call.h"
#include "app/instance.h"
#include "app/table.h"
#include "base/str.h"
#include "log/log.h"

#define STARTUP_TIMEOUT_MS  30000u
#define SHUTDOWN_TIMEOUT_MS 10000u
#define DEFER_TIMEOUT_MS    10000u
/* No more than these are named. */
#define CALLS_NAMED 10

static void set_default_ms(uint64_t *value, uint64_t otherwise)
{
    if (*value == 0) *value = otherwise;
}

csgi_status app_set_new(loop *runner, client *outbound, const app_options *options, app_set **out)
{
    app_set *self = calloc(1, sizeof *self);

    if (!self) return CSGI_ENOMEM;
    self->loop = runner;
    self->client = outbound;
    self->options = *options;
    set_default_ms(&self->options.startup_timeout_ms, STARTUP_TIMEOUT_MS);
    set_default_ms(&self->options.shutdown_timeout_ms, SHUTDOWN_TIMEOUT_MS);
    set_default_ms(&self->options.defer_timeout_ms, DEFER_TIMEOUT_MS);
    arena_init(&self->memory, NULL, 0);
    list_init(&self->instances);
    list_init(&self->calls);
    list_init(&self->jobs);
    list_init(&self->retired);
    self->settling = calloc(1, sizeof *self->settling);
    self->options.server_url = arena_copy_str(&self->memory, options->server_url);
    if (self->settling) lifespan_group_init(self->settling, runner);
    if (!self->settling || !self->options.server_url.ptr) {
        app_set_free(self);
        return CSGI_ENOMEM;
    }
    *out = self;
    return CSGI_OK;
}

instance *app_set_find(const app_set *self, csgi_str name)
{
    LIST_EACH (node, &self->instances) {
        instance *found = CONTAINER_OF(node, instance, node);

        if (str_eq(found->name, name)) return found;
    }
    return NULL;
}

/* Last made, first ended. One whose lifespan goes on in spite of being cancelled cannot be ended,
 * nor can the memory that it may yet touch be given back. */
static bool end_instances(list_node *instances)
{
    bool all_ended = true;

    for (list_node *node = instances->prev, *prev; node != instances; node = prev) {
        instance *last = CONTAINER_OF(node, instance, node);

        prev = node->prev;
        if (lifespan_is_running(&last->lifespan)) {
            all_ended = false;
            continue;
        }
        list_remove(&last->node);
        instance_free(last);
    }
    return all_ended;
}

static bool has_lifespan(const list_node *instances)
{
    LIST_EACH (node, instances) {
        if (lifespan_is_running(&CONTAINER_OF(node, instance, node)->lifespan)) return true;
    }
    return false;
}

bool app_set_is_stuck(const app_set *self)
{
    return self->job_count || has_lifespan(&self->instances) || has_lifespan(&self->retired);
}

void app_set_free(app_set *self)
{
    if (!self) return;
    CHECK(self->running == 0);
    if (self->settling) lifespan_group_fini(self->settling);
    self->takes_jobs = false;
    if (self->job_count) return;
    if (!end_instances(&self->retired) || !end_instances(&self->instances)) return;
    table_release(self->table);
    arena_reset(&self->memory);
    free(self->settling);
    free(self);
}

size_t app_set_running(const app_set *self)
{
    return self->running;
}

void app_set_when_idle(app_set *self, void (*fn)(void *arg), void *arg)
{
    self->on_idle = fn;
    self->on_idle_arg = arg;
    app_set_tell_if_idle(self);
}

void app_set_tell_if_idle(app_set *self)
{
    void (*on_idle)(void *arg) = self->on_idle;

    if (self->running || self->job_count || !on_idle) return;
    self->on_idle = NULL;
    on_idle(self->on_idle_arg);
}

void app_set_announce_stop(app_set *self)
{
    self->stopping = true;
}

void app_set_drain(app_set *self)
{
    self->draining = true;
    LIST_EACH (node, &self->calls) {
        call_tell_draining(&CONTAINER_OF(node, http_call, node)->base);
    }
    jobs_cancel(self, false);
}

void app_set_cancel_all(app_set *self)
{
    /* The oldest first: who asks in process before who answers it. */
    for (list_node *node = self->calls.prev; node != &self->calls; node = node->prev)
        call_cancel(&CONTAINER_OF(node, http_call, node)->base);
    jobs_cancel(self, true);
}

/* ---- start and stop of all ---- */

void app_set_startup(app_set *self, void (*on_done)(void *arg, csgi_status status), void *arg)
{
    self->takes_jobs = true;
    lifespan_group_expect(self->settling, on_done, arg);
    LIST_EACH (node, &self->instances) {
        lifespan_start(&CONTAINER_OF(node, instance, node)->lifespan, self->settling);
    }
    lifespan_group_close(self->settling);
}

static void stop_all(app_set *self)
{
    LIST_EACH (node, &self->instances) {
        lifespan_stop(&CONTAINER_OF(node, instance, node)->lifespan, self->settling);
    }
    LIST_EACH (node, &self->retired) {
        lifespan_stop(&CONTAINER_OF(node, instance, node)->lifespan, self->settling);
    }
    lifespan_group_close(self->settling);
}

void app_set_shutdown(app_set *self, void (*on_done)(void *arg, csgi_status status), void *arg)
{
    lifespan_group_expect(self->settling, on_done, arg);
    jobs_end(self, stop_all);
}

void app_set_cut_shutdown(app_set *self)
{
    LIST_EACH (node, &self->instances) {
        lifespan_cut(&CONTAINER_OF(node, instance, node)->lifespan);
    }
    LIST_EACH (node, &self->retired) {
        lifespan_cut(&CONTAINER_OF(node, instance, node)->lifespan);
    }
}

void app_set_log_calls(const app_set *self, const char *what)
{
    size_t told = 0;

    LIST_EACH (node, &self->calls) {
        const call *each = &CONTAINER_OF(node, http_call, node)->base;

        if (told++ == CALLS_NAMED) break;
        log_warning("plugin %.*s, endpoint %.*s %s%s", STR_ARG(each->label->plugin),
                    STR_ARG(each->label->endpoint), what,
                    blocking_holds_thread(each) ? ", on a thread" : "");
    }
    if (self->running > CALLS_NAMED)
        log_warning("%zu more calls likewise", self->running - CALLS_NAMED);
}

void app_set_tell_step(const app_set *self, csgi_str whose, const char *step)
{
    if (self->options.on_step) self->options.on_step(whose, step);
}
