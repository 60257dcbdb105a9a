/* SPDX-License-Identifier: MIT
 * The application side of the server: instances of plugins, the contract (scope, receive, send),
 * lifespan, and dispatch of exchanges along the route table. It never names a protocol. */
#ifndef CAPRICORN_APP_APP_H
#define CAPRICORN_APP_APP_H

#include "client/client.h"
#include "exchange/exchange.h"
#include "plugin/plugin.h"
#include "router/router.h"
#include "router/routes_file.h"

typedef struct app_set app_set;   /* all that serves: instances and the table, of one worker */
typedef struct instance instance; /* one app: a plugin with a configuration */

typedef struct app_options {
    csgi_str server_url;
    csgi_str root_path;     /* that a proxy has taken off every path: "/api"; empty: none */
    uint32_t host_flags;    /* CSGI_HOST_*, as every instance is told */
    bool answers_health;    /* /healthz and /readyz, unless an app has such a route */
    size_t max_concurrency; /* calls at once; beyond: 503; 0: no limit */
    /* An app that has not answered startup by then has failed; 0: 30 s. Likewise shutdown: 10 s. */
    uint64_t startup_timeout_ms, shutdown_timeout_ms;
    uint64_t defer_timeout_ms; /* of one call's deferred functions together; 0: 10 s */
    bool notes_waits;          /* app_set_get_call can say what a call waits for */
    /* Told before the server enters a plugin outside of a task ("create"), and with NULL after; may
     * be NULL. */
    void (*on_step)(csgi_str plugin, const char *step);
    /* Asked first about each request but those for health; true: it has answered, or will, and lets
     * go of the application's reference; may be NULL. [loop] */
    bool (*answer_first)(void *arg, exchange *request);
    void *answer_first_arg;
    /* Told when an app that an edition has replaced is gone; may be NULL. [loop] */
    void (*on_retired)(void *arg);
    void *on_retired_arg;
} app_options;

/* Makes an empty set. The loop and the client are borrowed, and outlive it; without a client only
 * "app:" URLs can be fetched. The options are copied. CSGI_ENOMEM. */
csgi_status app_set_new(loop *loop, client *client, const app_options *options, app_set **out);
/* ---- editions: what is to serve next ----
 *
 * At start, and at each reload, an edition is made beside what serves, which goes on undisturbed:
 *
 *     edition_new(set, &next);
 *     edition_add(next, weather, ...);            each app; one that is unchanged is kept
 *     edition_route_defaults(next, &problem);     or edition_route_file
 *     edition_start(next, &problem, on_started, arg);  start-up of the new ones
 *     edition_serve(next, &problem);              the change, in one moment
 *
 * Any step may fail; then, or at any other time before it serves, edition_discard. All [loop]. */
typedef struct edition edition;

csgi_status edition_new(app_set *set, edition **out); /* CSGI_ENOMEM */
/* Is there an app of that plugin which serves? */
bool edition_serves_already(const edition *self, const plugin *plugin);
/* Tells options.on_step, if anyone wants to know: for who loads plugins for the edition. */
void edition_tell_step(const edition *self, csgi_str whose, const char *step);
/* Takes an app into the edition: the one that serves, if it is of the same plugin with the same
 * configuration; else a new instance, which holds the plugin, and is created. On failure *problem
 * is a sentence. CSGI_EINVAL: there is an app of that name. CSGI_EFAIL, CSGI_ENOMEM. */
csgi_status edition_add(edition *self, plugin *plugin, csgi_str name, csgi_str config_json,
                        buffer *problem);
/* Makes the table from the default routes of all its apps, around-endpoints included. On failure
 * *problem is a sentence, and there is no table yet. CSGI_EINVAL, CSGI_ENOMEM. */
csgi_status edition_route_defaults(edition *self, buffer *problem);
/* Makes the table from a routes file, and with it, if the file says so, the default routes of the
 * apps that are named as their plugins. Every app that the file uses is in the edition, or the
 * caller has complained of it. What is wrong is written to *problem, a line for each mistake, all
 * at once, and there is no table yet; apps that no route leads to are warned of. CSGI_EINVAL,
 * CSGI_ENOMEM. */
csgi_status edition_route_file(edition *self, const routes_file *file, buffer *problem);
/* Is an app of it new, or one that serves not in it? */
bool edition_has_news(const edition *self);
size_t edition_route_count(const edition *self); /* once it has its table */
/* Starts the lifespan of the new apps; on_done from the loop when all have answered, failed or run
 * out of time. The status is CSGI_OK or CSGI_EFAIL; *problem then has a line for each failure, and
 * lives until on_done is called or the edition is discarded; NULL: they are logged. */
void edition_start(edition *self, buffer *problem, void (*on_done)(void *arg, csgi_status status),
                   void *arg);
/* From now on requests go along its table, and the edition is gone. State is handed over to new
 * apps; apps that are in it no more end when their last request and job has (app_options.on_retired
 * tells of each). The first one may serve before app_set_startup starts all. CSGI_EFAIL: an app
 * could not take over its predecessor's state, as *problem says; nothing has changed. */
csgi_status edition_serve(edition *self, buffer *problem);
/* Gives it up, also while it starts: its new apps are shut down and end. Harmless with NULL. */
void edition_discard(edition *self);

/* ---- what serves ---- */

/* A route of the table, for those who list it; valid until the table changes. */
typedef struct app_route {
    csgi_str path, methods, host; /* empty methods, empty host: any */
    csgi_str use, file;           /* "APP:ENDPOINT", and its plugin's file */
    uint64_t generation;          /* of the plugin */
    uint64_t timeout_ms;          /* 0: none of its own */
    const csgi_str *around;       /* middleware, outermost first: "APP:ENDPOINT" */
    size_t around_count;
} app_route;

/* An app that serves, or has served and still lives; its texts are valid until the loop runs on. */
typedef struct app_info {
    csgi_str name, plugin, version; /* of the app; of its plugin */
    csgi_str file, hash;            /* of the plugin, and of what is mapped; may be empty */
    uint64_t generation;            /* of the plugin */
    int64_t made_at_ms;             /* since 1970 */
    size_t requests, jobs;          /* that run on it now */
    bool is_serving;                /* false: it has been replaced */
} app_info;

/* Those that serve come first, then the older ones. False: there are not so many. [loop] or task */
bool app_set_get_app(const app_set *self, size_t index, app_info *out);
/* Requests that were answered 503 since the start because no thread was free. */
uint64_t app_set_threads_refused(const app_set *self);
/* A call that is running; its texts are valid until the loop runs on. */
typedef struct app_call {
    csgi_str method, path, app, endpoint;
    uint64_t generation; /* of the plugin that it runs */
    uint64_t began_ns;   /* on loop_clock_ns; 0: it is not known */
    /* "receive", "fetch"; "": it runs. about: "http://...". With app_options.notes_waits; else only
     * the exchange's own waits are known, and others are "something". */
    const char *waits_for;
    csgi_str about;
    size_t tasks; /* that it has spawned, and run */
} app_call;
/* The newest first. False: there are not so many. [loop] or task */
bool app_set_get_call(const app_set *self, size_t index, app_call *out);
size_t app_set_route_count(const app_set *self); /* in the table now */
/* "weather generation 2 (3 requests on generation 1)", of all apps; none: "no app". */
void app_set_print_serving(const app_set *self, buffer *out);
/* The texts that are made for it are in the arena. CSGI_ENOMEM. */
csgi_status app_set_get_route(const app_set *self, size_t index, arena *memory, app_route *out);

/* Starts the lifespan of every app that serves; on_done on the loop when all have answered, failed
 * or run out of time. The status is CSGI_OK or CSGI_EFAIL, each failure logged by name. */
void app_set_startup(app_set *self, void (*on_done)(void *arg, csgi_status status), void *arg);
/* Sends shutdown to those that started; call it when no exchange is running. Jobs that still run
 * are cancelled, and come first. on_done as above. */
void app_set_shutdown(app_set *self, void (*on_done)(void *arg, csgi_status status), void *arg);
/* During app_set_shutdown: cancels those that have not answered. */
void app_set_cut_shutdown(app_set *self);
/* After app_set_shutdown: is there an app whose lifespan or job goes on although it was cancelled?
 * Then
 * the loop will never be empty, nor can it be freed: leave the process. */
bool app_set_is_stuck(const app_set *self);
/* Destroys the instances and the set, after what their threads have posted has run. No call is
 * running (CHECKed); an app that is stuck is left behind, and the set's memory with it. Otherwise
 * the loop may be freed afterwards, and need not run again. Harmless with NULL. */
void app_set_free(app_set *self);

/* Serves one request: routes it, runs the application in a task, answers errors. The exchange's
 * application reference is taken. [loop] */
void app_set_dispatch(app_set *self, exchange *request);
/* Calls running now. */
size_t app_set_running(const app_set *self);
/* A line for each call that is running, with what is to be said of it; no more than ten. */
void app_set_log_calls(const app_set *self, const char *what);
/* Likewise for each job. */
void app_set_log_jobs(const app_set *self, const char *what);
/* Calls fn(arg) once, on the loop, when no call and no job is running; perhaps at once. [loop] */
void app_set_when_idle(app_set *self, void (*fn)(void *arg), void *arg);
/* From now on /readyz says that no more requests should be sent. */
void app_set_announce_stop(app_set *self);
/* From now on is_draining says yes, and calls that asked for it are told; periodic jobs are
 * cancelled. */
void app_set_drain(app_set *self);
/* Cancels every running call and job. */
void app_set_cancel_all(app_set *self);

#endif
