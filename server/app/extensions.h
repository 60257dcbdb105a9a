/* SPDX-License-Identifier: MIT
 * The extension tables that this server offers. */
#ifndef CAPRICORN_APP_EXTENSIONS_H
#define CAPRICORN_APP_EXTENSIONS_H

#include <csgi/ext/draft/client.h>
#include <csgi/ext/draft/notice.h>
#include <csgi/ext/draft/task.h>
#include <csgi/ext/draft/wait.h>

#include "base/buffer.h"
#include "app/app_set.h"

extern const csgi_task_extension ext_task;
extern const csgi_client_extension ext_client;
extern const csgi_notice_extension ext_notice;
extern const csgi_wait_extension ext_wait;

/* The task, client and wait extensions for `dev`: what each function is about to wait for, its task
 * says while it does (task_set_note). NULL: another extension, for which there is nothing to say.
 * [loop] */
const void *ext_noted(const csgi_host *host, const char *id);

/* Frees the clients that an app has left. [loop] */
void ext_client_free_all(instance *owner);

/* A request of an app, as it was given to one of the client's functions, checked and completed. */
typedef struct client_asking {
    const csgi_client_request *request; /* of full size */
    csgi_client *with;                  /* NULL: none */
    csgi_fields inbound;                /* of the request that is being served */
    csgi_client_request room;
} client_asking;

/* into and out are what else open needs. CSGI_EINVAL: *why is a sentence. */
csgi_status ext_client_take(const instance *self, const arena *into,
                            const csgi_client_request *request, const void *out,
                            client_asking *taken, buffer *why);

/* The functions for transfers (ext_client_transfer.c). */
csgi_status ext_client_open(const csgi_host *host, csgi_arena *into,
                            const csgi_client_request *request, csgi_transfer **out);
csgi_status ext_client_write(csgi_transfer *self, csgi_str piece, int32_t last);
csgi_status ext_client_head(csgi_transfer *self, const csgi_client_response **response);
csgi_status ext_client_read(csgi_transfer *self, csgi_str *piece);
void ext_client_close(csgi_transfer *self);

/* An in-process call may lead to further ones, this deep. */
#define APP_CALL_MAX_DEPTH 16u

/* csgi_client_extension.fetch for "app:NAME/path", or "app:/path" for the routes of all
 * apps (in_process.c); on failure *why is a sentence.
 * [task] [suspends] */
csgi_status in_process_fetch(app_set *set, arena *arena, const csgi_client_request *request,
                             const csgi_client_response **response, buffer *why);

#endif
