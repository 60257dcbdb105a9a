/* SPDX-License-Identifier: MIT
 * The plugin files that a worker knows: each is mapped as a copy, once, and a file that has not
 * changed stays the plugin that it is. */
#ifndef CAPRICORN_WORKER_REGISTRY_H
#define CAPRICORN_WORKER_REGISTRY_H

#include "config/options.h"
#include "loop/loop.h"
#include "plugin/plugin.h"

typedef struct registry registry;

/* The options are borrowed. CSGI_ENOMEM. */
csgi_status registry_new(loop *loop, const server_options *options, registry **out);
/* Lets go of its plugins, and removes the copies. Harmless with NULL. */
void registry_free(registry *self);

/* The plugin of a file as it is now, held for the caller: the one that is in use when the file has
 * not changed, else it is loaded, with the next generation's number. In a task the work is done by
 * a thread of the pool. on_step as in plugin_rules, on the loop's own stack only. On failure
 * *problem is a sentence. CSGI_EBUSY: somebody is writing the file, or it is not what was approved:
 * look again in a moment. CSGI_EFAIL, CSGI_ENOMEM, CSGI_ECANCELED. [suspends] */
csgi_status registry_open(registry *self, const char *file, const plugin_rules *rules, plugin **out,
                          buffer *problem);

/* From now on the last REGISTRY_MAPPED plugins that are not in use any more stay mapped, so that
 * backtraces which lead through their code stay readable. No more: each takes of the little room
 * for variables of threads. */
#define REGISTRY_MAPPED 4u
void registry_keep_mapped(registry *self);

/* What was opened since the last commit is in use from now on; other plugins are forgotten. */
void registry_commit(registry *self);
/* What was opened is not used; a plugin whose file has not changed until then will not be loaded
 * again. */
void registry_rollback(registry *self);
/* Is a file of what is in use not there? */
bool registry_misses_file(const registry *self);
/* Was somebody writing a file since the last commit or rollback? */
bool registry_was_busy(const registry *self);

/* A line "HASH FILE" for each that was opened: what a child tells that has tried them. */
csgi_status registry_print_opened(const registry *self, buffer *out);
/* From now on what is new must be in such lines (borrowed); NULL: anything may be opened. */
void registry_approve(registry *self, const csgi_str *lines);

#endif
