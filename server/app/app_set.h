/* SPDX-License-Identifier: MIT
 * The insides of an app_set, for the files of app/ alone. */
#ifndef CAPRICORN_APP_APP_SET_H
#define CAPRICORN_APP_APP_SET_H

#include "app/app.h"

/* An endpoint of an instance, with the texts that others point at. */
typedef struct app_endpoint {
    const csgi_endpoint *endpoint; /* the plugin's */
    instance *instance;
    csgi_str path;    /* its default route, NUL-terminated */
    task_label label; /* plugin and endpoint, NUL-terminated */
} app_endpoint;

typedef struct app_table app_table;
typedef struct app_target app_target;
typedef struct lifespan_group lifespan_group;

struct app_set {
    loop *loop;
    client *client;
    app_options options; /* zeros replaced by the defaults */
    arena memory;        /* names; until the set ends */
    list_node instances; /* that serve, in the order of adding */
    list_node retired;   /* that have been replaced, or were never served, and have yet to end */
    list_node calls;     /* of HTTP, newest first */
    size_t running;
    list_node jobs; /* tasks of the apps (ext_task_job.c), the oldest first */
    size_t job_count;
    bool takes_jobs;                  /* between start-up and shut-down */
    void (*on_no_jobs)(app_set *set); /* shut-down waits for the last of them, */
    timer jobs_limit;                 /* but not for longer */
    bool stopping;                    /* announced: balancers are to look away */
    bool draining;
    void (*on_idle)(void *arg);
    void *on_idle_arg;
    app_table *table;        /* what is served; NULL before there is one */
    uint64_t full_logged_ms; /* when a 503 was last logged */
    uint64_t threads_refused, threads_refused_logged_ms; /* 503 for want of a thread; likewise */
    lifespan_group *settling;                            /* the start-up or shut-down of all */
};

/* The instance of that name that serves, or NULL. */
instance *app_set_find(const app_set *self, csgi_str name);
/* As app_set_dispatch, along other routes; depth counts the in-process calls that led here. */
void app_set_dispatch_along(app_set *self, const router *routes, exchange *request, unsigned depth);
/* Tells options.on_step, if anyone wants to know. */
void app_set_tell_step(const app_set *self, csgi_str whose, const char *step);
/* Calls what app_set_when_idle was given, if no call is running. [loop] */
void app_set_tell_if_idle(app_set *self);

#endif
