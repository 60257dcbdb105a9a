/* SPDX-License-Identifier: MIT
 * What a command is to serve, check, list or call: the plugin files and the routes file among its
 * arguments. */
#include <stdio.h>

#include "base/str.h"
#include "cli/command.h"
#include "worker/probe.h"
#include "worker/worker.h"

static bool ends_with(csgi_str text, csgi_str end)
{
    return text.len >= end.len && str_eq(str_slice(text, text.len - end.len, end.len), end);
}

/* Takes the routes file out of the arguments, whose order stays. */
static const char *take_routes(plugin_choice *self, int file_count, buffer *problem)
{
    const char *found = NULL;

    for (int i = 0; i < file_count; i++) {
        char *file = self->files[i];

        if (!ends_with(str_from(file), STR(".json")))
            self->files[self->file_count++] = file;
        else if (found)
            buffer_printf(problem, "found \"%s\" after \"%s\", expected one routes file\n", file,
                          found);
        else
            found = file;
    }
    return found;
}

static bool tell(const command *it, int status, buffer *problem, int *exit_status)
{
    *exit_status = status;
    if (status == EXIT_USAGE)
        tell_mistakes(it, problem);
    else
        fprintf(stderr, "%.*s", STR_ARG(buffer_str(problem)));
    buffer_fini(problem);
    return false;
}

/* The text of the routes file has mistakes: adds those in what the rest of it names, as if there
 * were no others, so that all are told at once. */
static void add_wrong_names(const plugin_choice *self, const command *it,
                            const server_options *options, const routes_file *routes,
                            buffer *problem)
{
    const plugin_choice part = { self->files, self->file_count, routes };
    buffer report = { 0 };

    if (it->uses == OPTION_OF_HEALTH) return; /* which loads nothing */
    log_init(LOG_WARNING, LOG_PLAIN);
    if (!probe_choice(options, &part, &report)) buffer_append_str(problem, buffer_str(&report));
    routes_file_sort_complaints(routes, problem);
    buffer_fini(&report);
}

bool choice_read(plugin_choice *self, const command *it, server_options *options, char **files,
                 int file_count, routes_file *routes, int *exit_status)
{
    buffer problem = { 0 };
    const char *named;
    csgi_status status;

    *self = (plugin_choice){ .files = files };
    named = take_routes(self, file_count, &problem);
    if (named && options->routes && options_source(options, "routes") == OPTION_FROM_ARGUMENTS)
        buffer_printf(&problem, "found \"%s\" beside --routes %s, expected one routes file\n",
                      named, options->routes);
    if (problem.len) return tell(it, EXIT_USAGE, &problem, exit_status);
    if (!named) named = options->routes;
    if (!named) return true;
    status = routes_file_read_part(routes, named, options, &problem);
    if (status == CSGI_EINVAL && routes->is_part) {
        add_wrong_names(self, it, options, routes, &problem);
        routes_file_fini(routes);
    }
    if (status == CSGI_ENOMEM) buffer_printf(&problem, "%s: no memory to read it\n", named);
    if (status != CSGI_OK) return tell(it, EXIT_START_FAILED, &problem, exit_status);
    buffer_fini(&problem);
    self->routes = routes;
    return true;
}

void choice_end(plugin_choice *self)
{
    if (self->routes) routes_file_fini((routes_file *)(uintptr_t)self->routes);
    self->routes = NULL;
}
