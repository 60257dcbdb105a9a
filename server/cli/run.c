/* SPDX-License-Identifier: MIT
 * capricorn run: reads the options and serves. */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "config/options.h"
#include "worker/worker.h"

static const char usage[] =
    "Usage: capricorn run [OPTION ...] [FILE.so ...]\n\n"
    "Serves the named plugins, or else every .so of the plugin directory, at the routes they\n"
    "declare. A plugin NAME.so is configured by the JSON file NAME.json beside it.\n"
    "SIGINT and SIGTERM end it gracefully; a second SIGINT cuts what is still running.\n"
    "Exit status: 0 stopped, 1 stopped but calls ignored it, 2 wrong usage, 3 start-up failed.\n";

int command_run(int argc, char **argv)
{
    server_options options;
    buffer problem = { 0 };
    const char *asked = NULL;
    int file_count = 0;
    csgi_status of_environment, of_arguments;

    options_init(&options);
    of_environment = options_read_environment(&options, &problem);
    of_arguments = options_read_arguments(&options, argc, argv, &file_count, &asked, &problem);
    if (asked && strcmp(asked, "version") == 0) {
        print_version();
    } else if (asked) {
        print_usage(usage, 1);
    } else if (of_environment != CSGI_OK || of_arguments != CSGI_OK) {
        fprintf(stderr, "%.*s\"capricorn run --help\" lists the options.\n",
                STR_ARG(buffer_str(&problem)));
    }
    buffer_fini(&problem);
    if (asked) return EXIT_SERVED;
    if (of_environment != CSGI_OK || of_arguments != CSGI_OK) return EXIT_USAGE;
    log_init((log_level)options.log_level,
             isatty(STDERR_FILENO) && isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
    return worker_run(&options, argv, (size_t)file_count);
}
