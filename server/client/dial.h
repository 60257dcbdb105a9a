/* SPDX-License-Identifier: MIT
 * From a URL's origin to a connected stream: addresses, connecting, within the limits of the
 * request that needs it. */
#ifndef CAPRICORN_CLIENT_DIAL_H
#define CAPRICORN_CLIENT_DIAL_H

#include "base/arena.h"
#include "client/names.h"
#include "client/pending.h"
#include "client/url.h"
#include "net/stream.h"

/* What dialling shares: one for each client. */
typedef struct dialer {
    names names;
} dialer;

/* An empty one. */
void dialer_init(dialer *self, loop *loop);
/* Nobody dials any more. */
void dialer_fini(dialer *self);

/* Connects to where the URL leads, within connect_timeout_ms (of name resolution and connecting
 * together). On failure the sentence is explained: CSGI_EUNREACH: the name did not resolve, or
 * nothing answers; CSGI_ETIMEDOUT, CSGI_ECANCELED, CSGI_ENOMEM. [suspends] */
csgi_status dial(dialer *self, const url *to, uint64_t connect_timeout_ms, arena *memory,
                 pending *within, stream **out);

#endif
