/* SPDX-License-Identifier: MIT
 * Who the process is: root binds, and becomes somebody else before it runs a plugin's code. */
#ifndef CAPRICORN_WORKER_IDENTITY_H
#define CAPRICORN_WORKER_IDENTITY_H

#include "base/buffer.h"

/* Becomes that user and group for good; each is a name or a number, or NULL. Without a group it is
 * the user's own; the user's further groups come with it. Who is that user and group
 * already needs not be root. CSGI_EFAIL: *problem is a sentence. */
csgi_status identity_assume(const char *user, const char *group, buffer *problem);

#endif
