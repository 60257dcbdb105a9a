/* SPDX-License-Identifier: MIT
 * The TLS config of a dialer: made when it is first needed, off the loop, for reading the system's
 * CA certificates takes tens of milliseconds. */
#ifndef CAPRICORN_CLIENT_SECURE_H
#define CAPRICORN_CLIENT_SECURE_H

#include "client/pending.h"
#include "tls/tls.h"

typedef struct secure {
    loop *loop;
    tls_client_options options;
    tls_config *config; /* NULL: not made yet */
    bool is_loading;
    list_node waiting; /* tasks that need it, while one of them has it made */
} secure;

/* The options' strings stay as long as it does. */
void secure_init(secure *self, loop *loop, const tls_client_options *options);
/* Reads the files that the options name, if any, on this thread. CSGI_EINVAL: why names the option
 * and what is wrong with its file; CSGI_ENOMEM. */
csgi_status secure_load_files(secure *self, buffer *why);
/* Nobody waits any more. */
void secure_fini(secure *self);
/* The config, which is borrowed. On failure the sentence is explained: CSGI_EUNREACH: a file is of
 * no use, which is tried again next time; CSGI_ETIMEDOUT, CSGI_ECANCELED, CSGI_ENOMEM. [suspends]
 */
csgi_status secure_get(secure *self, pending *within, uint64_t due_ms, tls_config **out);

#endif
