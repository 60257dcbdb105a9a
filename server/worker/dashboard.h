/* SPDX-License-Identifier: MIT
 * The dashboard of `dev` at /_capricorn: what serves, what is going on and what went wrong, live
 * over server-sent events; and the script that has open pages reload themselves. Only for clients
 * of this machine: by their peer's real address, and only under a loopback name, so that no page of
 * another site can lead a browser here. Everybody else is answered 404. */
#ifndef CAPRICORN_WORKER_DASHBOARD_H
#define CAPRICORN_WORKER_DASHBOARD_H

#include "worker/reload.h"

typedef struct dashboard dashboard;

/* Borrowed. */
typedef struct dashboard_parts {
    loop *loop;
    csgi_str url;           /* of the server */
    bool has_live_reload;   /* pages get the script */
    bool has_unknown_peers; /* PROXY headers replace their addresses: nobody is of this machine */
    /* Appends the worker's state, a JSON object. CSGI_ENOMEM. */
    csgi_status (*print_status)(void *arg, buffer *out);
    void *arg;
} dashboard_parts;

/* CSGI_ENOMEM. */
csgi_status dashboard_new(const dashboard_parts *parts, dashboard **out);
/* What it shows; borrowed. Before the first request. */
void dashboard_open(dashboard *self, const app_set *apps, const reloader *reloader);
/* Every client has gone. Harmless with NULL. */
void dashboard_free(dashboard *self);

/* As session_options has them; arg: the dashboard. [loop] */
bool dashboard_answer_first(void *arg, exchange *request);
void dashboard_on_answered(void *arg, const exchange *request);
/* A reload was tried, or something else is new. Pages: those that are open are to load again. */
void dashboard_tell(dashboard *self, bool pages);
/* The server stops: the clients' streams end. Harmless with NULL. [loop] */
void dashboard_stop(dashboard *self);

#endif
