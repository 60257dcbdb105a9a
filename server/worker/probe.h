/* SPDX-License-Identifier: MIT
 * Would a plugin load? Tried in a child process, so that a plugin that crashes or hangs is a
 * message. */
#ifndef CAPRICORN_WORKER_PROBE_H
#define CAPRICORN_WORKER_PROBE_H

#include "config/options.h"
#include "worker/plugins.h"

/* How long a plugin may take to be loaded and made. */
#define PROBE_TIMEOUT_MS 10000

/* Would what the user has chosen be served? All of it is loaded in one child. As probe_plugin. */
bool probe_choice(const server_options *options, const plugin_choice *choice, buffer *report);
/* True: it would. *report gets lines for the user either way: what it is, or what is wrong, and
 * warnings. */
bool probe_plugin(const server_options *options, const char *file, buffer *report);

#endif
