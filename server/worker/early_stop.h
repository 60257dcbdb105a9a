/* SPDX-License-Identifier: MIT
 * Signals that come while plugins are loaded, before the loop can tell them: a plugin's create that
 * never returns holds its thread. */
#ifndef CAPRICORN_WORKER_EARLY_STOP_H
#define CAPRICORN_WORKER_EARLY_STOP_H

#include <stdbool.h>

/* From now on the first signal to stop is noted; a second SIGINT ends the process. */
void early_stop_watch(void);
bool early_stop_was_asked(void);
/* Under nohup a closed terminal is not to end the server. */
bool early_stop_heeds_hangup(void);

/* All is done but freeing memory: a signal that comes now must not make a failure of it. */
void late_stop_ignore(void);

#endif
