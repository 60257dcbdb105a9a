/* SPDX-License-Identifier: MIT
 * A listening socket. Binding and listening are two steps: the server's URL is known before the
 * first plugin is made. */
#ifndef CAPRICORN_NET_LISTENER_H
#define CAPRICORN_NET_LISTENER_H

#include <sys/types.h>

#include "net/stream.h"

typedef struct listener listener;

/* Gets each accepted stream, to own. */
typedef void (*accept_fn)(void *arg, stream *accepted);

/* All addresses of a host, numeric or a name, each once. room is 2 at least; what has no room is
 * left out. Blocks while the name service is asked. On failure *reason is a sentence. CSGI_EFAIL.
 */
csgi_status listener_find_host(const char *host, uint32_t port, address *found, size_t room,
                               size_t *count, buffer *reason);
/* Binds; port 0 picks one. "::" serves IPv4 too, unless ipv6_only. On failure *reason is a
 * sentence. CSGI_EFAIL, CSGI_ENOMEM, CSGI_EUNREACH: this machine has no such address. */
csgi_status listener_bind_tcp(loop *loop, const address *at, bool ipv6_only, listener **out,
                              buffer *reason);
/* Binds a Unix socket; a stale one (nobody listens) is replaced, a live one is an error. */
#define LISTENER_MODE_BY_MASK ((mode_t)-1)
csgi_status listener_bind_unix(loop *loop, const char *path, mode_t mode, listener **out,
                               buffer *reason);
/* Makes the file of a Unix socket that was bound here another's; of others nothing. */
csgi_status listener_give(const listener *self, uid_t user, gid_t group, buffer *reason);
/* Takes a socket that somebody else has bound, and perhaps made listen. CSGI_EFAIL, CSGI_ENOMEM:
 * it stays the caller's. */
csgi_status listener_adopt(loop *loop, int fd, listener **out, buffer *reason);
const address *listener_address(const listener *self);
/* Begins to accept. */
csgi_status listener_start(listener *self, int backlog, accept_fn on_accept, void *arg,
                           buffer *reason);
/* Accepts what already waits in the backlog, then closes; the file of a Unix socket that was bound
 * here is removed. The memory goes by itself. */
void listener_close(listener *self);

#endif
