/* SPDX-License-Identifier: MIT
 * A csgi_client: settings that many requests share, checked once. */
#ifndef CAPRICORN_CLIENT_SETTINGS_H
#define CAPRICORN_CLIENT_SETTINGS_H

#include <csgi/ext/draft/client.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/list.h"
#include "client/client.h"
#include "client/cookies.h"

/* All flags that a request may have; a client may have further ones. */
#define SETTINGS_REQUEST_FLAGS                                                               \
    ((uint32_t)(CSGI_CLIENT_FOLLOW_REDIRECTS | CSGI_CLIENT_RETRY | CSGI_CLIENT_KEEP_CODING | \
                CSGI_CLIENT_NO_TRACE))
#define SETTINGS_CLIENT_FLAGS \
    (SETTINGS_REQUEST_FLAGS | \
     (uint32_t)(CSGI_CLIENT_COOKIES | CSGI_CLIENT_INSECURE | CSGI_CLIENT_NO_ENVIRONMENT))

typedef struct csgi_client settings;

struct csgi_client {
    list_node node; /* of the app's */
    size_t holders;
    arena memory;
    csgi_client_options options; /* the texts are in memory */
    csgi_str authorization;      /* the value of the header; empty: none */
    cookies *jar;                /* NULL: cookies are not kept */
    client *network;             /* its own connections; NULL: the server's */
};

/* Checks the options and copies them; one holder. shared: the server's client, beside which its
 * own connections are made, if it needs any; NULL: there is none. CSGI_EINVAL: *why is a sentence
 * that names the option. CSGI_ENOMEM. */
csgi_status settings_new(const csgi_client_options *options, client *shared, settings **out,
                         buffer *why);
settings *settings_hold(settings *self);
/* Ends it with its last holder. */
void settings_release(settings *self);

/* The value of an Authorization header: Basic of user and password, or Bearer, in the arena; empty:
 * all three are. what: whose they are, for the sentence. CSGI_EINVAL, CSGI_ENOMEM. */
csgi_status settings_make_authorization(csgi_str user, csgi_str password, csgi_str bearer,
                                        const char *what, arena *memory, csgi_str *out,
                                        buffer *why);

#endif
