/* SPDX-License-Identifier: MIT
 * capricorn run: reads the options and serves. */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "worker/identity.h"
#include "worker/probe.h"
#include "worker/reload_probe.h"
#include "worker/worker.h"

/* Serves nothing. Where a plugin would crash, a child does. */
static int check_only(const server_options *options, const plugin_choice *choice)
{
    buffer report = { 0 };
    bool would_start = identity_check(options->user, options->group, &report) == CSGI_OK;

    if (would_start)
        would_start = probe_choice(options, choice, &report);
    else
        buffer_append(&report, "\n", 1);
    tell_report(&report, would_start);
    return would_start ? EXIT_SERVED : EXIT_START_FAILED;
}

/* The descriptor of --reload-probe=FD, which a server that reloads adds to its own arguments; or
 * -1.
 */
static int take_probe(int *argc, char **argv, bool *with_startup)
{
    size_t len = sizeof RELOAD_PROBE_FLAG - 1;
    char *end;
    int fd;

    if (*argc == 0 || strncmp(argv[*argc - 1], RELOAD_PROBE_FLAG, len) != 0) return -1;
    fd = (int)strtol(argv[--*argc] + len, &end, 10);
    *with_startup = strcmp(end, RELOAD_PROBE_STARTUP) == 0;
    return fd;
}

static int run(int argc, char **argv)
{
    server_options options;
    bind_list binds;
    buffer problem = { 0 };
    plugin_choice choice;
    routes_file routes;
    bool with_startup = false;
    int file_count, exit_status, probe_fd = take_probe(&argc, argv, &with_startup);
    bool only_checks = take_flag(&argc, argv, "--check");

    if (!read_options(&run_command, argc, argv, &options, &file_count, &exit_status) ||
        !choice_read(&choice, &run_command, &options, argv, file_count, &routes, &exit_status))
        return exit_status;
    if (!check_options(&options, &binds, &problem)) {
        tell_mistakes(&run_command, &problem);
        choice_end(&choice);
        return EXIT_USAGE;
    }
    log_init((log_level)options.log_level, choose_log_style(&options));
    warn_of_strangers();
    if (probe_fd >= 0)
        exit_status = reload_probe_serve(&options, &choice, probe_fd, with_startup);
    else if (only_checks)
        exit_status = check_only(&options, &choice);
    else
        exit_status = worker_run(&options, &binds, &choice);
    choice_end(&choice);
    return exit_status;
}

const command run_command = {
    .name = "run",
    .summary = "serve plugins",
    .synopsis = "[OPTION ...] [ROUTES.json] [FILE.so ...]",
    .about = "Serves what the routes file says; without one, the named plugins, or else every .so "
             "of the plugin directory, at the routes they declare. A plugin NAME.so is configured "
             "by the routes file, or else by the JSON file NAME.json beside it.\n"
             "\n"
             "  --check   load everything, say whether it could be served, and exit\n"
             "\n"
             "SIGINT and SIGTERM end it gracefully; a second SIGINT cuts what is still running. "
             "SIGHUP reloads the plugins and the routes file: requests go on meanwhile, and a "
             "mistake changes nothing.\n"
             "\n"
             "Exit status: 0 stopped, 1 stopped but calls ignored it, 2 wrong usage, 3 start-up "
             "failed.",
    .uses = OPTION_OF_RUN,
    .run = run,
};
