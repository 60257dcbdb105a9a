/* SPDX-License-Identifier: MIT
 * The server's options in the words of those who act on them. */
#ifndef CAPRICORN_WORKER_SETTINGS_H
#define CAPRICORN_WORKER_SETTINGS_H

#include "config/options.h"
#include "session/session.h"

/* What the options say alone, with the lines of --header, which are borrowed. */
session_options settings_of_sessions(const server_options *options, csgi_str fixed_lines);
/* --limit-max-requests with its jitter: several that are started together are not to stop together.
 * 0: no limit. */
uint64_t settings_choose_max_requests(const server_options *options);

/* Whose word on the client is taken. CSGI_ENOMEM. */
csgi_status settings_read_proxies(const server_options *options, trust_list *out);

#endif
