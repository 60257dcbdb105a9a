/* SPDX-License-Identifier: MIT
 * The reloader: has what is new in plugin files and the routes file take the place of what serves,
 * or changes nothing and says why. */
#ifndef CAPRICORN_WORKER_RELOAD_H
#define CAPRICORN_WORKER_RELOAD_H

#include "base/list.h"
#include "worker/plugins.h"

typedef struct reloader reloader;

/* What it works with; borrowed. */
typedef struct reloader_parts {
    loop *loop;
    app_set *apps;
    registry *registry;
    const server_options *options;
    const plugin_choice *choice;  /* of the start; the routes file is read again by its name */
    char *const *probe_arguments; /* as reload_probe_run; NULL: this process's own */
    bool tries_startup;           /* in another process too, before it is begun here */
    /* Told after each attempt, from its task; may be NULL. problem: a line for each mistake; empty:
     * it serves. */
    void (*on_attempt)(void *arg, csgi_str problem);
    void *arg;
} reloader_parts;

/* One attempt, of which the last RELOAD_HISTORY are kept. */
#define RELOAD_HISTORY 100u
typedef struct reload_record {
    uint64_t number;  /* from 1 on */
    int64_t at_ms;    /* since 1970 */
    uint64_t took_ms; /* from the request to the swap, or the failure */
    char why[64];     /* what asked for it: "SIGHUP", "weather.so" */
    bool is_ok;
    buffer report; /* what is new, or a line for each mistake */
} reload_record;

/* Who wants to know what became of its request: until on_done is called, once, from a task or the
 * loop. NULL: it was given up, because the server stops or has no memory. */
typedef struct reload_wait reload_wait;
struct reload_wait {
    void (*on_done)(reload_wait *self, const reload_record *outcome);
    list_node node; /* the reloader's */
};

/* CSGI_ENOMEM. */
csgi_status reloader_new(const reloader_parts *parts, reloader **out);
/* Asks for a reload, which begins soon; one that is under way is followed by another. why is
 * copied. [loop] or task */
void reloader_request(reloader *self, const char *why);
/* Likewise, and tells of the attempt that begins after this. */
void reloader_request_told(reloader *self, const char *why, reload_wait *wait);
/* Watches what decides what is served, from now on, and reloads when there is something new in it.
 * To be called before the first loading. CSGI_ENOMEM, CSGI_ELIMIT. */
csgi_status reloader_watch(reloader *self);
bool reloader_is_busy(const reloader *self);
/* Gives up what is under way, and takes no more; on_stopped (may be NULL) perhaps at once. [loop]
 */
void reloader_stop(reloader *self, void (*on_stopped)(void *arg), void *arg);
/* After it has stopped, or was never asked. Harmless with NULL. */
void reloader_free(reloader *self);
/* The newest is 0; NULL: there are not so many. Valid until the next attempt. */
const reload_record *reloader_record(const reloader *self, size_t index);

#endif
