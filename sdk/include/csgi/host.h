/* SPDX-License-Identifier: MIT
 * What the server offers a plugin: a small core here, all else through extension(). Functions, here
 * and in every other header, say where they may be called:
 *
 *   [task]        by a task of the call, or by the pool thread of its blocking endpoint
 *   [loop]        on the worker's thread; must not suspend
 *   [any-thread]  anywhere
 *   [suspends]    other tasks run meanwhile; hold nothing borrowed across it
 *
 * Beside the statuses that its comment names, a function may return CSGI_EINVAL for a malformed
 * argument, and CSGI_ESTATE when it is called where or when it may not be. */
#ifndef CSGI_HOST_H
#define CSGI_HOST_H

#include <csgi/scope.h>

enum {
    CSGI_HOST_DEV = 1,  /* the server runs in development mode */
    CSGI_HOST_PROBE = 2 /* the result will be thrown away: do nothing outside the process */
};

enum { CSGI_LOG_DEBUG = 10, CSGI_LOG_INFO = 20, CSGI_LOG_WARNING = 30, CSGI_LOG_ERROR = 40 };

/* One for each instance of a plugin, valid from create until destroy has returned. A plugin's own
 * threads have ended by then. New functions come at the end: ask CSGI_HAS for what this header does
 * not promise. */
typedef struct csgi_host csgi_host;
struct csgi_host {
    uint32_t size, flags, abi_major, abi_minor; /* CSGI_HOST_*; the server's ABI version */
    uint32_t worker, workers; /* this worker, counted from 0, and how many there are */
    uint64_t generation;      /* counts the reloads of this app */
    void *server;             /* the server's own */
    csgi_str app;             /* the instance's name */
    csgi_str plugin_dir;      /* where the .so came from; the mapped file may be a copy elsewhere */
    csgi_str server_url;      /* where this server can be reached: "http://127.0.0.1:8000", or
                                 "http+unix://%2Frun%2Fx.sock"; no slash at the end */

    /* A const table for the host's life, or NULL: this server has no such extension. [any-thread]
     */
    const void *(*extension)(const csgi_host *host, const char *id);

    /* Writes one line to the server's log, marked with the app's name; control bytes are escaped.
     * [any-thread] */
    void (*log)(const csgi_host *host, uint32_t level, csgi_str text);

    /* Runs fn(arg) on the worker's thread, soon, in the order of the calls. It is the one way in
     * from a foreign thread. fn must not suspend. CSGI_ENOMEM; CSGI_ESTATE: the instance is being
     * destroyed and fn will not run. [any-thread] */
    csgi_status (*post)(const csgi_host *host, csgi_fn fn, void *arg);

    /* Sets the last error (copied) and returns the code, so that a function can end with
     * return host->fail(host, CSGI_EFAIL, why); [task], and in create, save and restore */
    csgi_status (*fail)(const csgi_host *host, csgi_status code, csgi_str detail);

    /* What the task's last failure that had a detail said (of fail, fetch, send, inner); empty if
     * there was none. Valid until its next failing call. [task] */
    void (*last_error)(const csgi_host *host, csgi_str *detail);

    /* Monotonic, in nanoseconds, from an arbitrary start. [any-thread] */
    uint64_t (*now_ns)(const csgi_host *host);

    /* Memory that lives as long as the arena; not zeroed. align is a power of two, 0 means that of
     * max_align_t. NULL: no memory. [task], and in save and restore */
    void *(*alloc)(csgi_arena *arena, size_t size, size_t align);

    /* A child of the scope's arena, for what need not live as long as the request: a message of a
     * WebSocket, an item of a stream. It ends with arena_close, at the latest with the request.
     * CSGI_ENOMEM [task], and in save and restore */
    csgi_status (*arena_open)(const csgi_scope *scope, csgi_arena **child);
    void (*arena_close)(csgi_arena *child);

    /* Runs fn(arg) in the call's task after the app has returned, last registered first, shielded
     * from cancellation but under a time limit; fn may suspend. CSGI_ENOMEM: fn will not run.
     * [task] */
    csgi_status (*defer)(const csgi_scope *scope, csgi_fn fn, void *arg);

    /* A copy of the scope, of the host's full size, writable until it is passed on. CSGI_ENOMEM
     * [task] */
    csgi_status (*derive)(const csgi_scope *scope, csgi_scope **copy);

    /* A shallow copy of event->size bytes, writable until it is passed on. CSGI_ENOMEM, CSGI_EINVAL
     * [task] */
    csgi_status (*copy_event)(csgi_arena *arena, const csgi_event *event, csgi_event **copy);

    /* When the call must have ended, on now_ns's clock; UINT64_MAX: no deadline. [task] */
    uint64_t (*deadline_ns)(const csgi_scope *scope);

    /* 1 once shutdown or a reload has begun: say goodbye. It is asked, since a scope never changes.
     * [task] */
    int32_t (*is_draining)(const csgi_scope *scope);
};

#endif
