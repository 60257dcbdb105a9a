/* SPDX-License-Identifier: MIT
 * The control socket: a Unix socket, only its owner's, at which a running server is asked over
 * HTTP/1.1 what it does, and told to reload.
 *
 *     GET /status     200, the document of status.h
 *     POST /reload    answered when the reload is done, {"ok", "number", "took_ms", "report"}:
 *                     200 with what serves; 422 with the mistakes, and nothing has changed
 *                     503 {"detail"}: the server stops */
#ifndef CAPRICORN_WORKER_CONTROL_H
#define CAPRICORN_WORKER_CONTROL_H

#include "config/options.h"
#include "worker/reload.h"

typedef struct control control;

/* What it works with; borrowed. */
typedef struct control_parts {
    reloader *reloader;
    csgi_status (*print_status)(void *arg, buffer *out); /* appends the document */
    void *arg;
} control_parts;

/* Binds the socket where the options say, or else in a directory of the user's own; *out is NULL
 * when they want none, or when that has no place, which is logged. CSGI_EFAIL: not there, as
 * *problem says; CSGI_ENOMEM. */
csgi_status control_bind(loop *loop, const server_options *options, control **out, buffer *problem);
/* Begins to answer. CSGI_ENOMEM, CSGI_EFAIL, as *problem says. [loop] */
csgi_status control_start(control *self, const control_parts *parts, buffer *problem);
/* From now on no reload is begun. Harmless with NULL. */
void control_announce_stop(control *self);
/* Removes the socket, and cuts who is connected; the reloader has stopped. Harmless with NULL, and
 * twice. [loop] */
void control_close(control *self);
/* After that, once the loop has run out. Harmless with NULL. */
void control_free(control *self);

#endif
