/* SPDX-License-Identifier: MIT
 * The worker's state as JSON. */
#include "worker/status.h"

#include <stdio.h>
#include <unistd.h>

#include "base/str.h"

/* ---- apps ---- */

static void write_app(json_writer *into, const app_info *it)
{
    json_write_open(into, NULL, '{');
    json_write_text(into, "name", it->name);
    json_write_text(into, "plugin", it->plugin);
    json_write_text(into, "version", it->version);
    json_write_text_or_null(into, "file", it->file);
    json_write_number(into, "generation", it->generation);
    json_write_text_or_null(into, "hash", it->hash);
    json_write_number(into, "loaded_ms", (uint64_t)it->made_at_ms);
    json_write_number(into, "requests", it->requests);
    json_write_number(into, "jobs", it->jobs);
    json_write_close(into, '}');
}

static void write_apps(json_writer *into, const char *key, const app_set *apps, bool that_serve)
{
    app_info each;

    json_write_open(into, key, '[');
    for (size_t i = 0; app_set_get_app(apps, i, &each); i++) {
        if (each.is_serving == that_serve) write_app(into, &each);
    }
    json_write_close(into, ']');
}

/* ---- routes ---- */

static void write_methods(json_writer *into, csgi_str methods)
{
    json_write_open(into, "methods", '[');
    while (methods.len)
        json_write_text(into, NULL, str_trim(str_take(&methods, ',')));
    json_write_close(into, ']');
}

static void write_route(json_writer *into, const app_route *it)
{
    json_write_open(into, NULL, '{');
    json_write_text(into, "path", it->path);
    write_methods(into, it->methods);
    json_write_text_or_null(into, "host", it->host);
    json_write_text(into, "app", it->use);
    json_write_text_or_null(into, "plugin", it->file);
    json_write_number(into, "generation", it->generation);
    json_write_open(into, "middleware", '[');
    for (size_t i = 0; i < it->around_count; i++)
        json_write_text(into, NULL, it->around[i]);
    json_write_close(into, ']');
    json_write_number(into, "timeout_ms", it->timeout_ms);
    json_write_close(into, '}');
}

void status_write_routes(json_writer *into, const char *key, const app_set *apps)
{
    arena memory;

    arena_init(&memory, NULL, 0);
    json_write_open(into, key, '[');
    for (size_t i = 0; i < app_set_route_count(apps) && into->status == CSGI_OK; i++) {
        app_route each;

        into->status = app_set_get_route(apps, i, &memory, &each);
        if (into->status == CSGI_OK) write_route(into, &each);
    }
    json_write_close(into, ']');
    arena_reset(&memory);
}

/* ---- the rest ---- */

static void write_listeners(json_writer *into, const listener_set *listeners)
{
    json_write_open(into, "listening", '[');
    for (size_t i = 0; i < listeners->count; i++) {
        const address *at = listener_address(listeners->items[i]);
        buffer text = { 0 };

        if (address_is_unix(at)) buffer_append_str(&text, STR("unix:"));
        if (address_print(at, &text) != CSGI_OK) into->status = CSGI_ENOMEM;
        json_write_text(into, NULL, buffer_str(&text));
        buffer_fini(&text);
    }
    json_write_close(into, ']');
}

static void write_server(json_writer *into, const status_sources *from)
{
    char csgi[16];
    int len = snprintf(csgi, sizeof csgi, "%u.%u", CSGI_ABI_MAJOR, CSGI_ABI_MINOR);

    json_write_open(into, "server", '{');
    json_write_text(into, "version", STR(CAPRICORN_VERSION));
    json_write_text(into, "csgi", (csgi_str){ csgi, (size_t)len });
    json_write_number(into, "pid", (uint64_t)getpid());
    json_write_text_or_null(into, "mode", str_from(from->mode));
    json_write_text_or_null(into, "state", str_from(from->state));
    json_write_text_or_null(into, "url", from->url);
    if (from->listeners) write_listeners(into, from->listeners);
    json_write_number(into, "uptime_ms", (loop_clock_ns() - from->began_ns) / 1000000);
    json_write_close(into, '}');
}

static void write_client(json_writer *into, client_counts counts)
{
    json_write_open(into, "client", '{');
    json_write_number(into, "connections", counts.connections);
    json_write_number(into, "idle", counts.idle);
    json_write_number(into, "requests", counts.requests);
    json_write_number(into, "waiting", counts.waiting);
    json_write_close(into, '}');
}

static void write_counters(json_writer *into, const status_sources *from)
{
    json_write_open(into, "counters", '{');
    if (from->sessions) json_write_number(into, "connections", session_set_count(from->sessions));
    json_write_number(into, "requests", app_set_running(from->apps));
    json_write_number(into, "threads_refused", app_set_threads_refused(from->apps));
    if (from->client) write_client(into, client_get_counts(from->client));
    json_write_close(into, '}');
}

static void write_reloads(json_writer *into, const reloader *from)
{
    const reload_record *each;

    json_write_bool(into, "reloading", reloader_is_busy(from));
    json_write_open(into, "reloads", '[');
    for (size_t i = 0; i < STATUS_RELOADS && (each = reloader_record(from, i)); i++) {
        json_write_open(into, NULL, '{');
        json_write_number(into, "number", each->number);
        json_write_number(into, "at_ms", (uint64_t)each->at_ms);
        json_write_number(into, "took_ms", each->took_ms);
        json_write_text(into, "why", str_from(each->why));
        json_write_bool(into, "ok", each->is_ok);
        json_write_text(into, "report", buffer_str(&each->report));
        json_write_close(into, '}');
    }
    json_write_close(into, ']');
}

csgi_status status_print(const status_sources *from, buffer *out)
{
    json_writer into = { .out = out };

    json_write_open(&into, NULL, '{');
    write_server(&into, from);
    write_apps(&into, "apps", from->apps, true);
    write_apps(&into, "older", from->apps, false);
    status_write_routes(&into, "routes", from->apps);
    write_counters(&into, from);
    if (from->reloader) write_reloads(&into, from->reloader);
    json_write_close(&into, '}');
    return into.status;
}
