/* SPDX-License-Identifier: MIT
 * The insides of a dashboard, for its files alone. */
#ifndef CAPRICORN_WORKER_DASHBOARD_INSIDE_H
#define CAPRICORN_WORKER_DASHBOARD_INSIDE_H

#include "base/list.h"
#include "loop/timer.h"
#include "worker/dashboard.h"

/* A request that has been answered. */
typedef struct recent_request {
    char method[16], path[128], app[48], endpoint[48]; /* cut to fit */
    uint32_t status;
    uint64_t took_us, bytes;
    int64_t at_ms;
} recent_request;
#define RECENT_KEPT 100u

struct dashboard {
    dashboard_parts parts;
    const app_set *apps;
    const reloader *reloader;
    int64_t began_ms;  /* since 1970 */
    uint64_t pages;    /* how often those that are open were told to load again */
    list_node clients; /* of the events */
    size_t watching;   /* of these, those that show the dashboard */
    timer pause;       /* between two looks at what is new */
    bool is_new;       /* something is, since the last look */
    bool is_stopping;
    recent_request recent[RECENT_KEPT];
    uint64_t recent_count;
};

/* Since 1970. */
int64_t dashboard_time_ms(void);
/* What open pages compare: it changes when they are to load again. */
csgi_str dashboard_serving(const dashboard *self, char out[48]);
/* The newest is 0; NULL: there are not so many. */
const recent_request *dashboard_recent(const dashboard *self, size_t index);

/* The parts of the page that change; each replaces the content of the element of its name. */
typedef struct dashboard_section {
    const char *name;
    void (*print)(const dashboard *self, buffer *out);
} dashboard_section;
#define DASHBOARD_SECTIONS 7
extern const dashboard_section dashboard_sections[DASHBOARD_SECTIONS];

/* Answers with the stream of events, and takes the exchange over. all: those of the dashboard too,
 * not only that pages are to load again. */
void dashboard_begin_events(dashboard *self, exchange *request, bool all);

#endif
