/* SPDX-License-Identifier: MIT
 * The files and directories that decide what is served: for watching them, and for telling whether
 * there is anything new in them. */
#ifndef CAPRICORN_WORKER_INPUTS_H
#define CAPRICORN_WORKER_INPUTS_H

#include "worker/plugins.h"

typedef struct inputs {
    char **paths;
    size_t count;
} inputs;

/* The routes file, the plugin directory, the named plugin files, and the configurations beside
 * them. After CSGI_OK inputs_fini is owed. CSGI_ENOMEM. */
csgi_status inputs_list(inputs *self, const server_options *options, const plugin_choice *choice);
void inputs_fini(inputs *self);
/* A number that changes with what is in them, and with who may write them. It reads them all.
 * [any-thread] */
uint64_t inputs_fingerprint(const inputs *self);

#endif
