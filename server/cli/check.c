/* SPDX-License-Identifier: MIT
 * capricorn check: runs the loader on plugin files, each in a child process, so that one that
 * crashes is a message. */
#include "cli/command.h"

#include <stdio.h>

#include "base/str.h"
#include "worker/probe.h"
#include "worker/worker.h"

static int run(int argc, char **argv)
{
    server_options options;
    int file_count, exit_status, failures = 0;

    if (!read_options(&check_command, argc, argv, &options, &file_count, &exit_status))
        return exit_status;
    if (file_count == 0) {
        fputs("no file is named; \"capricorn check --help\" says more.\n", stderr);
        return EXIT_USAGE;
    }
    log_init(LOG_INFO, LOG_PLAIN);
    for (int i = 0; i < file_count; i++) {
        buffer report = { 0 };
        bool would_load = probe_plugin(&options, argv[i], &report);

        fprintf(would_load ? stdout : stderr, "%.*s", STR_ARG(buffer_str(&report)));
        buffer_fini(&report);
        if (!would_load) failures++;
    }
    return failures ? EXIT_WOULD_NOT_LOAD : EXIT_SERVED;
}

const command check_command = {
    .name = "check",
    .summary = "say whether plugin files would load, and exactly why not",
    .synopsis = "[OPTION ...] FILE.so ...",
    .about = "Says of each file whether it would load, and exactly why not: looks at its bytes, "
             "then, in a child process, loads it, asks for its descriptor and makes an instance "
             "with the configuration beside it (NAME.json).\n"
             "\n"
             "Exit status: 0 all would load, 1 one would not, 2 wrong usage.",
    .uses = OPTION_OF_CHECK,
    .run = run,
};
