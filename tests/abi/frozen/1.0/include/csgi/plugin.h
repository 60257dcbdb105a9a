/* SPDX-License-Identifier: MIT
 * What a plugin offers the server: one exported function that returns a const descriptor. */
#ifndef CSGI_PLUGIN_H
#define CSGI_PLUGIN_H

#include <csgi/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Endpoint flags. */
enum {
    CSGI_BLOCKING = 1 << 16 /* runs on a pool thread with a real stack; a server that cannot do that
                               refuses the plugin */
};

/* An application, or a middleware: exactly one of call and around is set. Frozen; walked by
 * csgi_plugin.endpoint_size.
 *
 * path is where the endpoint is served when no routes file says otherwise: segments that are
 * literal, or a parameter "{name}" or "{name:int}" (str, int, float, uuid, path). Empty: nowhere.
 * Of a middleware it is a literal prefix: without a routes file it wraps every route at or below it
 * ("/" wraps them all), plugins in the order of their names, the first outermost.
 *
 * call and around return when the call is over. CSGI_ENOTSUP: a scope type that the endpoint does
 * not know. Any other failure is logged, and answered with a 500 when nothing was sent. */
typedef struct csgi_endpoint {
    csgi_str name;           /* unique within the plugin */
    csgi_str path;           /* default route, or empty */
    csgi_str methods;        /* "GET,POST"; empty: any. GET answers HEAD too */
    uint32_t accepts, flags; /* CSGI_HTTP | CSGI_WEBSOCKET; CSGI_BLOCKING */
    csgi_status (*call)(void *instance, const csgi_scope *scope, csgi_receive *receive,
                        csgi_send *send);
    csgi_status (*around)(void *instance, csgi_app *inner, const csgi_scope *scope,
                          csgi_receive *receive, csgi_send *send);
} csgi_endpoint;

/* The descriptor: const, with no side effect before create. The first five words are the same in
 * every major. */
typedef struct csgi_plugin {
    uint32_t size, magic, abi_major, abi_minor, abi_minor_required; /* CSGI_PLUGIN_HEAD */
    uint32_t flags;         /* 0; bits 16-31 must be understood by the server */
    uint32_t stack_size;    /* bytes of a task's stack; 0: the server's default (256 KiB) */
    uint32_t endpoint_size; /* sizeof(csgi_endpoint) */
    csgi_str name;          /* letters, digits, "_" and "-"; unique among the loaded plugins */
    csgi_str version, summary;
    const csgi_endpoint *endpoints;
    size_t endpoint_count;

    /* Makes an instance from its configuration (JSON text, "{}" when there is none); do nothing
     * outside the process. On failure say why with host->fail and leave *instance alone. NULL:
     * instances are their csgi_host. [loop] */
    csgi_status (*create)(const csgi_host *host, csgi_str config_json, void **instance);
    /* Ends an instance; no call of it is running. NULL: nothing to do. [loop] */
    void (*destroy)(void *instance);
    /* Receives the lifespan events, one call for the life of the instance. NULL: none. [task]
     * [suspends] */
    csgi_status (*lifespan)(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send);
    /* Hands state to the next generation. They are called at the swap, one at once after the other.
     * restore: CSGI_ENOTSUP for a version that it does not know means a fresh start. NULL: no
     * hand-over. [loop] */
    csgi_status (*save)(void *instance, csgi_sink *out, uint32_t *version);
    csgi_status (*restore)(void *instance, uint32_t version, csgi_str bytes);
    /* Writes a document: "openapi/3.1", "config-schema". CSGI_ENOTSUP: no such document. NULL:
     * none. [loop] */
    csgi_status (*describe)(const csgi_host *host, csgi_str what, csgi_sink *out);
    /* What the plugin offers the host, or NULL. [any-thread] */
    const void *(*extension)(csgi_str id);
} csgi_plugin;

/* The first words of a descriptor. */
#define CSGI_PLUGIN_HEAD                                                       \
    (uint32_t)sizeof(csgi_plugin), CSGI_MAGIC, CSGI_ABI_MAJOR, CSGI_ABI_MINOR, \
        CSGI_ABI_MINOR_REQUIRED

/* The one export of a plugin: no side effects. It is asked with the greatest major that the server
 * has, and may answer with a descriptor of that or of a lower one. */
CSGI_EXPORT const csgi_plugin *csgi_plugin_query(uint32_t host_major);

/* Defines csgi_plugin_query for a plugin with one descriptor: CSGI_PLUGIN(plugin); */
#define CSGI_PLUGIN(descriptor)                               \
    const csgi_plugin *csgi_plugin_query(uint32_t host_major) \
    {                                                         \
        (void)host_major;                                     \
        return &(descriptor);                                 \
    }                                                         \
    extern const csgi_plugin *csgi_plugin_query(uint32_t host_major)

#ifdef __cplusplus
}
#endif

#endif
