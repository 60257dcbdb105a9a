/* SPDX-License-Identifier: MIT
 * The dashboard's streams of events: a task for each client, which is woken when something is new.
 */
#include <stdlib.h>

#include "base/str.h"
#include "worker/dashboard_inside.h"

/* While something is new all the time, it is shown so often. */
#define PAUSE_MS 200u
/* Live requests grow older without any news. */
#define TICK_MS 1000u

typedef struct client_stream {
    list_node node;
    dashboard *of;
    exchange *request;
    task_wait *waiter;
    bool wants_all;
    bool is_new, is_gone;
    uint64_t pages;                     /* that it was told; UINT64_MAX: none */
    uint64_t shown[DASHBOARD_SECTIONS]; /* a hash of each section that it has */
} client_stream;

static const task_label label = { CSGI_STR("capricorn"), CSGI_STR("dashboard") };

static void wake(client_stream *self)
{
    self->is_new = true;
    if (self->waiter) task_wake(self->waiter, CSGI_OK);
}

static void on_gone(void *arg)
{
    client_stream *self = arg;

    self->is_gone = true;
    wake(self);
}

/* FNV-1a. */
static uint64_t hash_of(csgi_str text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    return hash;
}

/* What is new for this client. A section has no line ends. */
static void print_news(client_stream *self, buffer *out)
{
    buffer section = { 0 };

    if (self->pages != self->of->pages) {
        char serving[48];

        self->pages = self->of->pages;
        dashboard_serving(self->of, serving);
        buffer_printf(out, "event: serving\ndata: %s\n\n", serving);
    }
    for (size_t i = 0; self->wants_all && i < DASHBOARD_SECTIONS; i++) {
        uint64_t hash;

        section.len = 0;
        dashboard_sections[i].print(self->of, &section);
        hash = hash_of(buffer_str(&section));
        if (hash == self->shown[i]) continue;
        self->shown[i] = hash;
        buffer_printf(out, "event: section\ndata: %s %.*s\n\n", dashboard_sections[i].name,
                      STR_ARG(buffer_str(&section)));
    }
    buffer_fini(&section);
}

static csgi_status send_news(client_stream *self)
{
    buffer out = { 0 };
    const char *why;
    csgi_status status = CSGI_OK;

    self->is_new = false;
    print_news(self, &out);
    if (out.len) status = exchange_body(self->request, buffer_str(&out), true, &why);
    buffer_fini(&out);
    return status;
}

static csgi_status begin(client_stream *self)
{
    static const csgi_field headers[] = {
        { CSGI_STR("content-type"), CSGI_STR("text/event-stream"), 0, 0 },
        { CSGI_STR("cache-control"), CSGI_STR("no-store"), 0, 0 },
        { CSGI_STR("x-content-type-options"), CSGI_STR("nosniff"), 0, 0 },
        { CSGI_STR("cross-origin-resource-policy"), CSGI_STR("same-origin"), 0, 0 },
    };
    const char *why;
    csgi_status status = exchange_start(self->request, 200, (csgi_fields){ headers, 4 }, &why);

    if (status != CSGI_OK) return status;
    if (str_eq(self->request->method, STR("HEAD"))) {
        self->is_gone = true;
        return CSGI_OK;
    }
    return exchange_body(self->request, STR("retry: 500\n\n"), true, &why);
}

static csgi_status run(void *arg)
{
    client_stream *self = arg;
    csgi_status status = begin(self);
    const char *why;

    exchange_app_watch(self->request, on_gone, self);
    while (status == CSGI_OK && !self->is_gone && !self->of->is_stopping) {
        status = send_news(self);
        while (status == CSGI_OK && !self->is_new)
            status = task_wait_at(self->of->parts.loop, &self->waiter);
    }
    exchange_app_watch(self->request, NULL, NULL);
    if (status == CSGI_OK) status = exchange_body(self->request, STR(""), false, &why);
    return status;
}

/* ---- when it is told ---- */

static void look_again(dashboard *self, uint64_t after_ms)
{
    if (self->watching && !self->is_stopping) timer_start(self->parts.loop, &self->pause, after_ms);
}

static void wake_all(dashboard *self, bool only_those_that_watch)
{
    LIST_EACH (node, &self->clients) {
        client_stream *each = CONTAINER_OF(node, client_stream, node);

        if (each->wants_all || !only_those_that_watch) wake(each);
    }
}

static void on_pause_over(timer *pause)
{
    dashboard *self = CONTAINER_OF(pause, dashboard, pause);

    self->is_new = false;
    wake_all(self, true);
    look_again(self, TICK_MS);
}

void dashboard_tell(dashboard *self, bool pages)
{
    if (pages) {
        self->pages++;
        wake_all(self, false);
    }
    if (self->is_new) return;
    self->is_new = true;
    look_again(self, PAUSE_MS);
}

static void on_end(void *arg, csgi_status status)
{
    client_stream *self = arg;
    dashboard *of = self->of;

    (void)status;
    list_remove(&self->node);
    of->watching -= self->wants_all;
    if (!of->watching) timer_stop(of->parts.loop, &of->pause);
    exchange_app_release(self->request);
    free(self);
}

void dashboard_begin_events(dashboard *self, exchange *request, bool all)
{
    client_stream *made = calloc(1, sizeof *made);
    task *runner;

    if (made) {
        made->of = self;
        made->request = request;
        made->wants_all = all;
        made->pages = UINT64_MAX;
    }
    if (!made || task_spawn(self->parts.loop, &label, 0, run, on_end, made, &runner) != CSGI_OK) {
        free(made);
        exchange_reply_error(request, 503, "Service Unavailable", (csgi_fields){ NULL, 0 });
        exchange_app_release(request);
        return;
    }
    exchange_app_hold(request, runner);
    list_append(&self->clients, &made->node);
    self->watching += all;
    if (all && !timer_is_running(&self->pause)) look_again(self, TICK_MS);
}

/* ---- life ---- */

csgi_status dashboard_new(const dashboard_parts *parts, dashboard **out)
{
    dashboard *self = calloc(1, sizeof *self);

    if (!self) return CSGI_ENOMEM;
    self->parts = *parts;
    self->began_ms = dashboard_time_ms();
    list_init(&self->clients);
    timer_init(&self->pause, on_pause_over);
    *out = self;
    return CSGI_OK;
}

void dashboard_open(dashboard *self, const app_set *apps, const reloader *reloads)
{
    self->apps = apps;
    self->reloader = reloads;
}

void dashboard_stop(dashboard *self)
{
    if (!self) return;
    self->is_stopping = true;
    timer_stop(self->parts.loop, &self->pause);
    wake_all(self, false);
}

void dashboard_free(dashboard *self)
{
    if (!self) return;
    CHECK(list_is_empty(&self->clients));
    free(self);
}
