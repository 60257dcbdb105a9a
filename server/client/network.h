/* SPDX-License-Identifier: MIT
 * The connections of a csgi_client that needs its own kind: other trust, a proxy or limits of its
 * own. All others share the server's. */
#ifndef CAPRICORN_CLIENT_NETWORK_H
#define CAPRICORN_CLIENT_NETWORK_H

#include "client/client.h"

/* Makes them, if the options (of full size; the texts end in a NUL and stay) ask for any; else *out
 * is NULL. Reads the files of TLS at once. shared: the server's client, with which they close at
 * the latest. CSGI_EINVAL: *why is a sentence that names the option; CSGI_ENOMEM. [loop] */
csgi_status network_open(const csgi_client_options *options, client *shared, client **out,
                         buffer *why);

#endif
