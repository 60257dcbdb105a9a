/* SPDX-License-Identifier: MIT
 * A listening socket. Binding and listening are two steps: the server's URL is known before the
 * first plugin is made. */
#ifndef CAPRICORN_NET_LISTENER_H
#define CAPRICORN_NET_LISTENER_H

#include "net/stream.h"

typedef struct listener listener;

/* Gets each accepted stream, to own. */
typedef void (*accept_fn)(void *arg, stream *accepted);

/* Binds. host is numeric or a name; port 0 picks one. On failure *reason is a sentence. CSGI_EFAIL,
 * CSGI_ENOMEM. */
csgi_status listener_bind_tcp(loop *loop, const char *host, uint32_t port, listener **out,
                              buffer *reason);
/* Binds a Unix socket; a stale one (nobody listens) is replaced, a live one is an error. */
csgi_status listener_bind_unix(loop *loop, const char *path, listener **out, buffer *reason);
const address *listener_address(const listener *self);
/* Begins to accept. */
csgi_status listener_start(listener *self, int backlog, accept_fn on_accept, void *arg,
                           buffer *reason);
/* Accepts what already waits in the backlog, then closes; a Unix socket's file is removed. The
 * memory goes by itself. */
void listener_close(listener *self);

#endif
