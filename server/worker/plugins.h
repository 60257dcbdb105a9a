/* SPDX-License-Identifier: MIT
 * Plugin files to instances, and what is served of them: finds, loads and makes them, each with
 * the configuration beside it (NAME.json for NAME.so), or that of the routes file. */
#ifndef CAPRICORN_WORKER_PLUGINS_H
#define CAPRICORN_WORKER_PLUGINS_H

#include "app/app.h"
#include "config/options.h"
#include "router/routes_file.h"

/* What the user has named; borrowed. */
typedef struct plugin_choice {
    char **files; /* NAME.so */
    size_t file_count;
    const routes_file *routes; /* NULL: the default routes of all */
} plugin_choice;

/* Makes the apps of an edition, and its route table: without a routes file of the named plugin
 * files, or else of every plugin in options->plugin_dir; each app has its plugin's name. With one,
 * of the plugins that it names, which are looked for among the named files, then in the directory.
 * Mistakes in plugin files are logged without a routes file, all at once (CSGI_EFAIL); with one,
 * and when the table cannot be made, *problem is a line for each mistake. CSGI_EINVAL, CSGI_ENOMEM.
 */
csgi_status plugins_load(edition *next, const server_options *options, const plugin_choice *choice,
                         buffer *problem);
/* Has what plugins_load makes serve, not started yet, in a set that serves nothing. Likewise. */
csgi_status plugins_serve(app_set *apps, const server_options *options, const plugin_choice *choice,
                          buffer *problem);
/* Makes an app of a loaded plugin, with the configuration beside its file; *problem is a sentence.
 */
csgi_status plugins_add_app(edition *next, const char *file, plugin *loaded, buffer *problem);
/* Logs what plugins_load and others have to say, a line for each. */
void plugins_log_problem(const buffer *problem);

/* ---- for the files of plugins_load ---- */

/* plugin_load by the options; the set is told each step, with the file as its plugin. On failure
 * *problem is a sentence. */
csgi_status plugins_open(const edition *next, const server_options *options, const char *file,
                         plugin **out, buffer *problem);
/* "Loaded weather 1.0.0 from ...". */
void plugins_log_loaded(const plugin *loaded);
/* plugins_load with a routes file (route_plugins.c). */
csgi_status plugins_load_routed(edition *next, const server_options *options,
                                const plugin_choice *choice, buffer *problem);

#endif
