/* SPDX-License-Identifier: MIT
 * What `capricorn dev` compiles: from names on the command line to commands. */
#ifndef CAPRICORN_CLI_DEV_TARGETS_H
#define CAPRICORN_CLI_DEV_TARGETS_H

#include "reload/stage.h"
#include "worker/dev.h"

/* What dev's own flags say. */
typedef struct dev_wishes {
    bool is_sanitized, is_colored, leaves_pages;
    const char *command; /* of --build; NULL: none */
} dev_wishes;

typedef struct dev_sources {
    dev_plan plan;
    char **named; /* the names as they were given; the strings are borrowed */
    size_t named_count;
    char **made; /* plugin files that were found in directories, and are ours */
    size_t made_count;
    stage *stage; /* where what we compile goes */
    char **files; /* of the choice, with room for all */
    char **commands;
    char *no_directory; /* where no plugin is, for who looks there when none was made */
} dev_sources;

/* Takes sources and directories out of the names, whose order stays; *count is what is left of
 * them: plugins and the routes file. No name: this directory, unless may_be_none. After true, and
 * after false, dev_sources_fini is owed. False: *problem is a line for each mistake. */
bool dev_sources_take(dev_sources *self, char **names, int *count, bool may_be_none,
                      buffer *problem);
/* Says how each is made and what is served: the choice's files, which the plan then has room for
 * more of. given: the arguments of the options, and the names too. Likewise. */
bool dev_sources_plan(dev_sources *self, const dev_wishes *wishes, plugin_choice *choice,
                      server_options *options, char *const *given, buffer *problem);
void dev_sources_fini(dev_sources *self);

#endif
