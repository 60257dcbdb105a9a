/* SPDX-License-Identifier: MIT
 * Who the process is: root binds, and becomes somebody else before it runs a plugin's code. */
#ifndef CAPRICORN_WORKER_IDENTITY_H
#define CAPRICORN_WORKER_IDENTITY_H

#include <sys/types.h>

#include "base/buffer.h"

/* Gives to the new user and group what will be theirs. On failure *problem is a sentence. */
typedef csgi_status (*identity_give_fn)(void *arg, uid_t user, gid_t group, buffer *problem);

/* Could this process become that user and group? CSGI_EFAIL: *problem is a sentence. */
csgi_status identity_check(const char *user, const char *group, buffer *problem);
/* Becomes that user and group for good, having called give while it is root still; each is a name
 * or a number, or NULL. Without a group it is the user's own; the user's further groups come with
 * it. Who is that user and group already needs not be root. CSGI_EFAIL: *problem is a sentence. */
csgi_status identity_assume(const char *user, const char *group, identity_give_fn give, void *arg,
                            buffer *problem);

#endif
