/* SPDX-License-Identifier: MIT
 * One worker: wires loop, listener, plugins, application side and sessions together, and takes them
 * down in order. */
#ifndef CAPRICORN_WORKER_WORKER_H
#define CAPRICORN_WORKER_WORKER_H

#include "config/bind.h"
#include "worker/dev.h"
#include "worker/plugins.h"

/* Exit statuses of the process. */
enum {
    EXIT_SERVED = 0,
    EXIT_STUCK = 1,
    EXIT_WOULD_NOT_LOAD = 1,
    EXIT_CALL_FAILED = 1,
    EXIT_NOT_LISTED = 1,
    EXIT_NOT_MADE = 1,
    EXIT_UNWELL = 1,
    EXIT_USAGE = 2,
    EXIT_START_FAILED = 3
};

/* Serves what plugins_load makes of the choice, until a signal says stop. An empty list of binds is
 * filled with what the service manager passed on, or the default. Returns the exit status;
 * everything is logged. */
int worker_run(const server_options *options, bind_list *binds, const plugin_choice *choice);
/* Likewise, for `capricorn dev`: what the plan says is compiled first, and then whenever it
 * changes, and what cannot be served does not end the start. SIGHUP stops it. */
int worker_develop(const server_options *options, bind_list *binds, dev_plan *plan);

#endif
