/* SPDX-License-Identifier: MIT
 * Before anything new is mapped into this process, another one tries it: what crashes, exits or
 * hangs there is a message here. */
#ifndef CAPRICORN_WORKER_RELOAD_PROBE_H
#define CAPRICORN_WORKER_RELOAD_PROBE_H

#include "base/buffer.h"
#include "config/options.h"
#include "loop/loop.h"
#include "worker/plugins.h"

/* The hidden flag of the program that tries: --reload-probe=FD, where the descriptor is of memory
 * that it shares with who started it. */
#define RELOAD_PROBE_FLAG "--reload-probe="
/* Behind the number: the start-up is to be tried too. */
#define RELOAD_PROBE_STARTUP ",start"

/* Runs this program once more, with the arguments (up to NULL; NULL: this process's own) and the
 * flag, for so long at most. CSGI_OK: it could be served; *report is registry_print_opened's lines.
 * CSGI_EFAIL, or CSGI_EBUSY when a file was being written meanwhile: *report is a line for each
 * mistake. CSGI_ECANCELED, CSGI_ENOMEM. [task] [suspends] */
csgi_status reload_probe_run(loop *loop, char *const *arguments, bool with_startup,
                             uint64_t limit_ms, buffer *report);

/* That program's part: loads all as a start would, into a set that is thrown away, prints what
 * reload_probe_run reports, and returns the exit status. with_startup: its apps are started, and
 * shut down. */
int reload_probe_serve(const server_options *options, const plugin_choice *choice, int note_fd,
                       bool with_startup);

#endif
