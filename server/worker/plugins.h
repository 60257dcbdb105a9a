/* SPDX-License-Identifier: MIT
 * Plugin files to instances, and what is served of them: finds, loads and makes them, each with
 * the configuration beside it (NAME.json for NAME.so), or that of the routes file. */
#ifndef CAPRICORN_WORKER_PLUGINS_H
#define CAPRICORN_WORKER_PLUGINS_H

#include "app/app.h"
#include "config/options.h"
#include "router/routes_file.h"
#include "worker/registry.h"

/* What the user has named; borrowed. */
typedef struct plugin_choice {
    char **files; /* NAME.so */
    size_t file_count;
    const routes_file *routes; /* NULL: the default routes of all */
} plugin_choice;

/* What loading is about; borrowed. */
typedef struct plugin_loading {
    edition *next; /* that gets the apps */
    const server_options *options;
    const plugin_choice *choice;
    registry *registry; /* whose plugins are taken; NULL: the files themselves are mapped */
} plugin_loading;

/* Makes the apps of an edition, and its route table: without a routes file of the named plugin
 * files, or else of every plugin in options->plugin_dir; each app has its plugin's name. With one,
 * of the plugins that it names, which are looked for among the named files, then in the directory.
 * On failure *problem is a line for each mistake, all at once. CSGI_EFAIL, CSGI_EINVAL,
 * CSGI_ENOMEM; in a task CSGI_ECANCELED. [suspends] */
csgi_status plugins_load(const plugin_loading *from, buffer *problem);
/* Has what plugins_load makes serve, not started yet, in a set that serves nothing. Likewise. */
csgi_status plugins_serve(app_set *apps, const server_options *options, const plugin_choice *choice,
                          registry *registry, buffer *problem);
/* Has nothing serve yet: what there is will come by a reload. As above. */
csgi_status plugins_serve_none(app_set *apps, buffer *problem);
/* Makes an app of a loaded plugin, with the configuration beside its file; *problem is a sentence.
 */
csgi_status plugins_add_app(edition *next, const char *file, plugin *loaded, buffer *problem);
/* Logs what plugins_load and others have to say, a line for each. */
void plugins_log_problem(const buffer *problem);

/* ---- for the files of plugins_load ---- */

/* The plugin of a file, with a crash report that names the file. On failure *problem is a sentence.
 */
csgi_status plugins_open(const plugin_loading *from, const char *file, plugin **out,
                         buffer *problem);
/* "Loaded weather 1.0.0 from ..."; not of one that serves already. */
void plugins_log_loaded(const plugin_loading *from, const plugin *loaded);
/* plugins_load with a routes file (route_plugins.c). */
csgi_status plugins_load_routed(const plugin_loading *from, buffer *problem);

#endif
