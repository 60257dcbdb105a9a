/* SPDX-License-Identifier: MIT
 * Plugin files to instances: finds, loads and makes them, each with the configuration beside it
 * (NAME.json for NAME.so). */
#ifndef CAPRICORN_WORKER_PLUGINS_H
#define CAPRICORN_WORKER_PLUGINS_H

#include "app/app.h"
#include "config/options.h"

/* Makes apps of the named plugin files, or else of every plugin in options->plugin_dir, each with
 * its plugin's name, and the route table. Each file's mistake is logged, all at once; CSGI_EFAIL
 * when there was one. Of a table that cannot be made *problem is a sentence. CSGI_EINVAL,
 * CSGI_ENOMEM. */
csgi_status plugins_load(app_set *apps, const server_options *options, char **files,
                         size_t file_count, buffer *problem);
/* Makes an app of a loaded plugin, with the configuration beside its file; *problem is a sentence.
 */
csgi_status plugins_add_app(app_set *apps, const char *file, plugin *loaded, buffer *problem);

#endif
