/* SPDX-License-Identifier: MIT
 * What there is to know of a running worker, as one JSON document: for the control socket and the
 * dashboard. */
#ifndef CAPRICORN_WORKER_STATUS_H
#define CAPRICORN_WORKER_STATUS_H

#include "base/json_write.h"
#include "session/session.h"
#include "worker/listeners.h"
#include "worker/reload.h"

/* Where it is taken from; borrowed. What is NULL is left out, the apps excepted. */
typedef struct status_sources {
    const char *mode;  /* "run", "dev" */
    const char *state; /* "starting", "serving", "stopping" */
    csgi_str url;      /* of the server */
    uint64_t began_ns; /* on loop_clock_ns */
    const app_set *apps;
    const listener_set *listeners;
    const session_set *sessions;
    const client *client;
    const reloader *reloader;
} status_sources;

/* Appends
 *
 *     {"server": {"version", "csgi", "pid", "mode", "state", "url", "listening": [...],
 *                 "uptime_ms"},
 *      "apps": [{"name", "plugin", "version", "file", "generation", "hash", "loaded_ms",
 *                "requests", "jobs"}],
 *      "older": [the same, of apps that have been replaced and still live],
 *      "routes": [as status_write_routes],
 *      "counters": {"connections", "requests", "threads_refused",
 *                   "client": {"connections", "idle", "requests", "waiting"}},
 *      "reloading": true,
 *      "reloads": [{"number", "at_ms", "took_ms", "why", "ok", "report"}]}
 *
 * loaded_ms and at_ms are since 1970; what is unknown (a file, a hash) is null. The newest reload
 * is the first, and no more than STATUS_RELOADS are told. CSGI_ENOMEM. [loop] or task */
#define STATUS_RELOADS 20u
csgi_status status_print(const status_sources *from, buffer *out);
/* The array of {"path", "methods", "host", "app", "plugin", "generation", "middleware",
 * "timeout_ms"}, in the order of the table. */
void status_write_routes(json_writer *into, const char *key, const app_set *apps);

#endif
