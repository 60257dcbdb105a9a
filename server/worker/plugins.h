/* SPDX-License-Identifier: MIT
 * Plugin files to instances: finds, loads and makes them, each with the configuration beside it
 * (NAME.json for NAME.so). */
#ifndef CAPRICORN_WORKER_PLUGINS_H
#define CAPRICORN_WORKER_PLUGINS_H

#include "app/app.h"
#include "config/options.h"

/* Every file becomes an app of its plugin's name. Each mistake is logged, all at once. CSGI_EFAIL
 * when there was one. */
csgi_status plugins_load_files(app_set *apps, const server_options *options, char **files,
                               size_t file_count);
/* Likewise every plugin of options->plugin_dir. CSGI_ENOMEM too, which is not logged. */
csgi_status plugins_load_directory(app_set *apps, const server_options *options);
/* Makes an app of a loaded plugin, with the configuration beside its file; *problem is a sentence.
 */
csgi_status plugins_add_app(app_set *apps, const char *file, plugin *loaded, buffer *problem);

#endif
