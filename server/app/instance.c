/* SPDX-License-Identifier: MIT
 * Making and ending an instance of a plugin. */
#include "app/instance.h"

#include <stdlib.h>
#include <time.h>

#include "app/event.h"
#include "app/ext_task.h"
#include "app/extensions.h"
#include "app/http_call.h"
#include "base/str.h"
#include "loop/on_loop.h"

static csgi_status copy_str(arena *memory, csgi_str text, csgi_str *out)
{
    *out = arena_copy_str(memory, text);
    return out->ptr ? CSGI_OK : CSGI_ENOMEM;
}

static csgi_status endpoint_init(app_endpoint *self, instance *owner, const csgi_endpoint *from)
{
    arena *memory = &owner->memory;
    csgi_status status;

    self->endpoint = from;
    self->instance = owner;
    self->label.plugin = owner->plugin_name;
    status = copy_str(memory, from->name, &self->label.endpoint);
    if (status != CSGI_OK) return status;
    return copy_str(memory, from->path, &self->path);
}

static csgi_status endpoints_init(instance *self)
{
    size_t count = self->plugin->descriptor.endpoint_count;
    csgi_status status = CSGI_OK;

    self->endpoints =
        arena_alloc(&self->memory, count * sizeof *self->endpoints + 1, _Alignof(app_endpoint));
    if (!self->endpoints) return CSGI_ENOMEM;
    self->endpoint_count = count;
    for (size_t i = 0; i < count && status == CSGI_OK; i++)
        status = endpoint_init(&self->endpoints[i], self, &self->plugin->endpoints[i]);
    return status;
}

/* All that create needs. */
static csgi_status prepare(instance *self, csgi_str name, csgi_str config_json)
{
    arena *memory = &self->memory;
    csgi_status status = copy_str(memory, name, &self->name);

    if (status != CSGI_OK) return status;
    status = copy_str(memory, self->plugin->descriptor.name, &self->plugin_name);
    if (status != CSGI_OK) return status;
    status = copy_str(memory, config_json.len ? config_json : STR("{}"), &self->config);
    if (status != CSGI_OK) return status;
    status = endpoints_init(self);
    if (status != CSGI_OK) return status;
    self->posts = post_queue_new(self);
    if (!self->posts) return CSGI_ENOMEM;
    host_init(&self->host, self);
    lifespan_init(&self->lifespan, self);
    return CSGI_OK;
}

/* On the loop's own stack, as plugin.h says. */
static void call_create(void *arg, csgi_status *status)
{
    instance *self = arg;

    app_set_tell_step(self->set, self->plugin_name, "create");
    *status = self->plugin->descriptor.create(&self->host, self->config, &self->state);
    app_set_tell_step(self->set, self->plugin_name, NULL);
}

static csgi_status create(instance *self, buffer *problem)
{
    char reason[STATUS_REASON_SIZE];
    csgi_status status;

    if (!self->plugin->descriptor.create) {
        self->state = &self->host;
        return CSGI_OK;
    }
    status = on_loop(self->set->loop, call_create, self);
    if (status == CSGI_OK) return CSGI_OK;
    status_reason(status, buffer_str(&self->error), reason);
    buffer_printf(problem, "%.*s (%s) could not be created: its create failed with %s",
                  STR_ARG(self->name), self->plugin->file ? self->plugin->file : "in memory",
                  reason);
    return CSGI_EFAIL;
}

/* Ends what prepare made, whether or not it got to the end. */
static void release(instance *self)
{
    ext_client_free_all(self);
    post_queue_release(self->posts);
    buffer_fini(&self->error);
    arena_reset(&self->memory);
    plugin_release(self->plugin);
    free(self);
}

/* ---- the end of one that has been replaced ---- */

/* Its lifespan has ended, or is left behind: that has been said. */
static void on_ended(void *arg, csgi_status status)
{
    instance *self = arg;
    app_set *set = self->set;

    (void)status;
    if (lifespan_is_running(&self->lifespan)) return;
    list_remove(&self->node);
    instance_free(self);
    if (set->options.on_retired) set->options.on_retired(set->options.on_retired_arg);
}

static void on_unused(timer *unused)
{
    instance *self = CONTAINER_OF(unused, instance, unused);

    if (self->uses || self->is_ending) return;
    self->is_ending = true;
    lifespan_group_expect(&self->ending, on_ended, self);
    lifespan_stop(&self->lifespan, &self->ending);
    lifespan_group_close(&self->ending);
}

void instance_release(instance *self)
{
    CHECK(self->uses > 0);
    if (--self->uses == 0 && self->is_retired) timer_start(self->set->loop, &self->unused, 0);
}

void instance_retire(instance *self)
{
    CHECK(!self->is_retired);
    self->is_retired = true;
    list_append(&self->set->retired, &self->node);
    calls_tell_outdated(self);
    jobs_cancel_of(self);
    if (self->uses == 0) timer_start(self->set->loop, &self->unused, 0);
}

bool instance_is_of(const instance *self, const plugin *loaded, csgi_str config_json)
{
    csgi_str config = config_json.len ? config_json : STR("{}");

    return self->plugin == loaded && str_eq(self->config, config);
}

static int64_t time_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

csgi_status instance_new(app_set *set, plugin *loaded, csgi_str name, csgi_str config_json,
                         instance **out, buffer *problem)
{
    instance *self = calloc(1, sizeof *self);
    csgi_status status;

    if (!self) return CSGI_ENOMEM;
    self->set = set;
    self->plugin = plugin_hold(loaded);
    self->made_at_ms = time_ms();
    list_init(&self->node);
    arena_init(&self->memory, NULL, 0);
    timer_init(&self->unused, on_unused);
    lifespan_group_init(&self->ending, set->loop);
    list_init(&self->clients);
    status = prepare(self, name, config_json);
    if (status == CSGI_OK) status = create(self, problem);
    if (status != CSGI_OK) {
        if (self->posts) post_queue_close(self->posts);
        release(self);
        return status;
    }
    *out = self;
    return CSGI_OK;
}

void instance_free(instance *self)
{
    const csgi_plugin *descriptor = &self->plugin->descriptor;

    CHECK(self->uses == 0);
    timer_stop(self->set->loop, &self->unused);
    lifespan_group_fini(&self->ending);
    post_queue_close(self->posts);
    lifespan_fini(&self->lifespan);
    if (descriptor->destroy) {
        app_set_tell_step(self->set, self->plugin_name, "destroy");
        descriptor->destroy(self->state);
        app_set_tell_step(self->set, self->plugin_name, NULL);
    }
    release(self);
}
