/* SPDX-License-Identifier: MIT
 * The server's own /healthz and /readyz: does the process serve, and should it be sent requests?
 * They run no application's code and no limit holds them up. */
#ifndef CAPRICORN_APP_HEALTH_H
#define CAPRICORN_APP_HEALTH_H

#include "app/app_set.h"
#include "base/str.h"

#define HEALTH_PATH "/healthz"
#define READY_PATH  "/readyz"

/* Is the path one of the two? All that a request for something else pays. */
static inline bool health_has_path(csgi_str raw_path)
{
    return str_eq(raw_path, STR(HEALTH_PATH)) || str_eq(raw_path, STR(READY_PATH));
}

/* Answers a request for one of the two paths, and marks it as not worth a line in the access log.
 * False: an app has a route of exactly that path, at that host, and nothing was done. */
bool health_answer(const app_set *self, exchange *request, csgi_str host);

#endif
