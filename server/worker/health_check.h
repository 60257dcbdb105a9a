/* SPDX-License-Identifier: MIT
 * Asks a server of this machine whether it is well, as "capricorn health" does in a container. */
#ifndef CAPRICORN_WORKER_HEALTH_CHECK_H
#define CAPRICORN_WORKER_HEALTH_CHECK_H

#include "config/bind.h"

/* From connecting to the status of the answer. */
#define HEALTH_CHECK_TIMEOUT_MS 2000u

/* GETs the path of the server that listens as the spec says; with is_proxied a PROXY header comes
 * first. False: the answer was not 200, and *why is a sentence. Blocks for as long as the limit. */
bool health_check(const bind_spec *where, const char *path, bool is_proxied, buffer *why);

#endif
