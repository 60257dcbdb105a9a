/* SPDX-License-Identifier: MIT
 * capricorn run: reads the options and serves. */
#include "cli/command.h"

#include <stdlib.h>
#include <unistd.h>

#include "worker/worker.h"

static log_style style_of(const server_options *options)
{
    bool is_terminal = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO);

    if (options->log_format == LOG_JSON) return LOG_JSON;
    return is_terminal && !getenv("NO_COLOR") ? LOG_COLORED : LOG_PLAIN;
}

static int run(int argc, char **argv)
{
    server_options options;
    bind_list binds;
    buffer problem = { 0 };
    int file_count, exit_status;

    if (!read_options(&run_command, argc, argv, &options, &file_count, &exit_status))
        return exit_status;
    if (bind_list_choose(&binds, &options, &problem) != CSGI_OK) {
        tell_mistakes(&run_command, &problem);
        return EXIT_USAGE;
    }
    log_init((log_level)options.log_level, style_of(&options));
    return worker_run(&options, &binds, argv, (size_t)file_count);
}

const command run_command = {
    .name = "run",
    .summary = "serve plugins",
    .synopsis = "[OPTION ...] [FILE.so ...]",
    .about = "Serves the named plugins, or else every .so of the plugin directory, at the routes "
             "they declare. A plugin NAME.so is configured by the JSON file NAME.json beside it.\n"
             "\n"
             "SIGINT and SIGTERM end it gracefully; a second SIGINT cuts what is still running.\n"
             "\n"
             "Exit status: 0 stopped, 1 stopped but calls ignored it, 2 wrong usage, 3 start-up "
             "failed.",
    .uses = OPTION_OF_RUN,
    .run = run,
};
