/* SPDX-License-Identifier: MIT
 * The apps of a server without the server: loaded and routed as run would, with no listener, for
 * the commands that call one of them or list their routes. */
#ifndef CAPRICORN_WORKER_OFFLINE_H
#define CAPRICORN_WORKER_OFFLINE_H

#include "app/app.h"
#include "config/options.h"
#include "exchange/memory_wire.h"
#include "worker/plugins.h"

typedef struct offline {
    loop *loop;
    client *client;
    app_set *apps;
} offline;

/* As plugins_load; *problem has what it does not log. Nothing has been started. host_flags:
 * CSGI_HOST_*, as every instance is told. Their server_url is "app:", which leads back to these
 * apps. After CSGI_OK offline_close is owed. CSGI_EFAIL, CSGI_EINVAL, CSGI_ENOMEM. */
csgi_status offline_open(offline *self, const server_options *options, const plugin_choice *choice,
                         uint32_t host_flags, buffer *problem);
/* Likewise; all that is wrong is logged. */
csgi_status offline_open_logged(offline *self, const server_options *options,
                                const plugin_choice *choice, uint32_t host_flags);
/* Starts the apps, makes one request, and shuts them down; once. on_response is called as
 * memory_done_fn says, unless the start fails, which is logged. CSGI_EFAIL: the start failed, or
 * the call has not ended and waits for nothing. CSGI_EINVAL: as memory_call_new. */
csgi_status offline_call(offline *self, const memory_request *request, memory_done_fn on_response,
                         void *arg);
/* Destroys the apps. One that will not end is left behind, and its memory with it. */
void offline_close(offline *self);

#endif
