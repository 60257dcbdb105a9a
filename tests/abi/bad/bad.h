/* SPDX-License-Identifier: MIT
 * A good plugin in pieces; each source here spoils one of them, by defining it before the include
 * or by what it defines itself. */
#include <csgi/csgi.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "bad"
#endif
#ifndef HEAD
#define HEAD CSGI_PLUGIN_HEAD
#endif
#ifndef PLUGIN_FLAGS
#define PLUGIN_FLAGS 0
#endif
#ifndef CALL
#define CALL call
#endif
#ifndef AROUND
#define AROUND NULL
#endif
#ifndef ENDPOINT_FLAGS
#define ENDPOINT_FLAGS 0
#endif
#ifndef CREATE
#define CREATE NULL
#endif
#ifndef LIFESPAN
#define LIFESPAN NULL
#endif

static inline csgi_status call(void *instance, const csgi_scope *scope, csgi_receive *receive,
                               csgi_send *send)
{
    (void)instance, (void)scope, (void)receive, (void)send;
    return CSGI_OK;
}

#define BAD_PLUGIN                                                                             \
    static const csgi_endpoint endpoints[] = {                                                 \
        { CSGI_STR("one"), CSGI_STR("/one"), CSGI_STR("GET"), CSGI_HTTP, ENDPOINT_FLAGS, CALL, \
          AROUND },                                                                            \
    };                                                                                         \
    static const csgi_plugin plugin = { HEAD,                                                  \
                                        PLUGIN_FLAGS,                                          \
                                        0,                                                     \
                                        sizeof(csgi_endpoint),                                 \
                                        CSGI_STR(PLUGIN_NAME),                                 \
                                        CSGI_STR("1.0.0"),                                     \
                                        CSGI_STR("spoiled"),                                   \
                                        endpoints,                                             \
                                        1,                                                     \
                                        CREATE,                                                \
                                        NULL,                                                  \
                                        LIFESPAN,                                              \
                                        NULL,                                                  \
                                        NULL,                                                  \
                                        NULL,                                                  \
                                        NULL }
