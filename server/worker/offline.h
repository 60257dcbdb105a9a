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

/* What for; the rest is as the options say. */
typedef struct offline_purpose {
    csgi_str server_url; /* as every instance is told, as the flags are */
    uint32_t host_flags; /* CSGI_HOST_* */
    /* As app_options.on_step. NULL: crashes are told as a server tells them. */
    void (*on_step)(csgi_str plugin, const char *step);
} offline_purpose;

/* Without any app. After CSGI_OK offline_close is owed. CSGI_ENOMEM, CSGI_EFAIL. */
csgi_status offline_init(offline *self, const server_options *options,
                         const offline_purpose *purpose);
/* With apps, as plugins_load; *problem has what it does not log. Nothing has been started. After
 * CSGI_OK offline_close is owed. CSGI_EFAIL, CSGI_EINVAL, CSGI_ENOMEM. */
csgi_status offline_open(offline *self, const server_options *options, const plugin_choice *choice,
                         const offline_purpose *purpose, buffer *problem);
/* Likewise; all that is wrong is logged. Their server_url is "app:", which leads back to these
 * apps. */
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
