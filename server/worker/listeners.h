/* SPDX-License-Identifier: MIT
 * All the sockets one worker listens on. */
#ifndef CAPRICORN_WORKER_LISTENERS_H
#define CAPRICORN_WORKER_LISTENERS_H

#include "config/bind.h"
#include "net/listener.h"

#define LISTENERS_MAX 64u /* a name may have several addresses */

/* All zero is none. */
typedef struct listener_set {
    size_t count;
    listener *items[LISTENERS_MAX];
} listener_set;

/* Binds what is listed, in its order, and every address of a name. On failure *problem is a
 * sentence; what was bound is left to listeners_close. */
csgi_status listeners_bind(listener_set *self, loop *loop, const bind_list *binds, buffer *problem);
/* Makes the files of Unix sockets another's. On failure *problem is a sentence. */
csgi_status listeners_give(const listener_set *self, uid_t user, gid_t group, buffer *problem);
/* Begins to accept on each. */
csgi_status listeners_start(listener_set *self, int backlog, accept_fn on_accept, void *arg,
                            buffer *problem);
/* Says of each where it listens. */
void listeners_log(const listener_set *self);
/* Appends the URL at which the server can reach itself by the first that has one. CSGI_ENOMEM. */
csgi_status listeners_print_url(const listener_set *self, buffer *out);
/* Accepts what waits, and closes each; none is left. */
void listeners_close(listener_set *self);

#endif
