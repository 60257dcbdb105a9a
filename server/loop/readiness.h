/* SPDX-License-Identifier: MIT
 * Waiting for descriptors that are not ours: on an epoll set of our own, which libuv watches as one
 * descriptor. Under uv_poll a descriptor that its owner closes would abort the process. */
#ifndef CAPRICORN_LOOP_READINESS_H
#define CAPRICORN_LOOP_READINESS_H

#include "loop/task.h"

#define READINESS_READ  1u
#define READINESS_WRITE 2u

/* Suspends the running task until the descriptor is ready for what is wanted (READINESS_*), and
 * stores what it is ready for; errors and hang-ups count as what was wanted. UINT64_MAX: no
 * timeout. CSGI_ETIMEDOUT; CSGI_ECANCELED or what task_wait_end returns; CSGI_EBUSY: another task
 * waits for that; CSGI_EINVAL: not open, or nothing to wait for; CSGI_ESTATE: it was closed
 * meanwhile, and another one has its number; CSGI_ELIMIT; CSGI_ENOMEM. [task] [suspends] */
csgi_status readiness_wait(loop *loop, int fd, unsigned wanted, uint64_t timeout_ms,
                           unsigned *ready);

#endif
