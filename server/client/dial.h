/* SPDX-License-Identifier: MIT
 * From a URL's origin to a connected stream: addresses, connecting, within the limits of the
 * request that needs it. */
#ifndef CAPRICORN_CLIENT_DIAL_H
#define CAPRICORN_CLIENT_DIAL_H

#include "base/arena.h"
#include "client/client.h"
#include "client/names.h"
#include "client/pending.h"
#include "client/proxies.h"
#include "client/secure.h"
#include "client/url.h"
#include "net/stream.h"

/* All zero is the usual. The strings are the owner's, and stay as long as the dialer. */
struct dialer_options {
    tls_client_options tls;
    csgi_str proxy;                    /* for all URLs; empty: what the environment says */
    bool ignores_environment;          /* no proxy but that one */
    char *(*getenv)(const char *name); /* NULL: the C library's */
};

/* What dialling shares: one for each client. */
typedef struct dialer {
    names names;
    secure secure;
    proxies proxies;
    url own; /* what no proxy is for, by host and port; its port is 0: nothing */
} dialer;

/* options NULL: the usual. The environment is read now, and so are the files that the options name.
 * CSGI_EINVAL: why names the option (proxy, ca_file, cert_file, key_file) and what is wrong with
 * it; CSGI_ENOMEM. */
csgi_status dialer_init(dialer *self, loop *loop, const dialer_options *options, buffer *why);
/* Nobody dials any more. */
void dialer_fini(dialer *self);
/* The server itself is reached there: never through a proxy. */
void dialer_set_own_url(dialer *self, csgi_str text);

/* The proxy that must be told the whole URL, and gets the bytes of the request; NULL: none. An
 * https URL's proxy only carries the connection: dial alone has to do with it. */
const proxy *dialer_find_proxy(const dialer *self, const url *to);

/* Connects to where the URL leads, within connect_timeout_ms: resolving the name, connecting, the
 * proxy's tunnel and TLS together. On failure the sentence is explained: CSGI_EUNREACH: the name
 * did not resolve, nothing answers, the proxy refuses, or TLS does not trust what answers;
 * CSGI_EPROTO: it speaks no TLS, or is no proxy; CSGI_ETIMEDOUT, CSGI_ECANCELED, CSGI_ENOMEM.
 * [suspends] */
csgi_status dial(dialer *self, const url *to, uint64_t connect_timeout_ms, arena *memory,
                 pending *within, stream **out);

#endif
