/* SPDX-License-Identifier: MIT
 * capricorn check: runs the loader on plugin files, each in a child process, so that one that
 * crashes is a message. */
#include "cli/command.h"

#include <stdio.h>

#include "worker/probe.h"
#include "worker/worker.h"

static int check_routes(const server_options *options, const plugin_choice *choice)
{
    buffer report = { 0 };
    bind_list binds;
    bool is_right = check_options(options, &binds, &report);
    bool would_load;

    if (!is_right) tell_report(&report, false);
    log_init(LOG_WARNING, LOG_PLAIN);
    would_load = probe_choice(options, choice, &report);
    if (is_right || !would_load) tell_report(&report, would_load);
    buffer_fini(&report);
    return is_right && would_load ? EXIT_SERVED : EXIT_WOULD_NOT_LOAD;
}

static int run(int argc, char **argv)
{
    server_options options;
    plugin_choice choice;
    routes_file routes;
    int file_count, exit_status, failures = 0;

    if (!read_options(&check_command, argc, argv, &options, &file_count, &exit_status))
        return exit_status;
    if (!choice_read(&choice, &check_command, &options, argv, file_count, &routes, &exit_status))
        return exit_status == EXIT_USAGE ? exit_status : EXIT_WOULD_NOT_LOAD;
    if (choice.routes) {
        exit_status = check_routes(&options, &choice);
        choice_end(&choice);
        return exit_status;
    }
    if (file_count == 0) {
        fputs("no file is named; \"capricorn check --help\" says more.\n", stderr);
        return EXIT_USAGE;
    }
    log_init(LOG_INFO, LOG_PLAIN);
    for (int i = 0; i < file_count; i++) {
        buffer report = { 0 };
        bool would_load = probe_plugin(&options, argv[i], &report);

        tell_report(&report, would_load);
        if (!would_load) failures++;
    }
    return failures ? EXIT_WOULD_NOT_LOAD : EXIT_SERVED;
}

const command check_command = {
    .name = "check",
    .summary = "say whether plugins, or a routes file, would load, and exactly why not",
    .synopsis = "[OPTION ...] FILE.so ...\n[OPTION ...] ROUTES.json [FILE.so ...]",
    .about = "Says of each file whether it would load, and exactly why not: looks at its bytes, "
             "then, in a child process, loads it, asks for its descriptor and makes an instance "
             "with the configuration beside it (NAME.json).\n"
             "\n"
             "Of a routes file, every mistake: in its text, and in what it says of plugins, "
             "endpoints and routes, all of which a child process loads.\n"
             "\n"
             "Exit status: 0 all would load, 1 one would not, 2 wrong usage.",
    .uses = OPTION_OF_CHECK,
    .run = run,
};
