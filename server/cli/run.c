/* SPDX-License-Identifier: MIT
 * capricorn run: reads the options and serves. */
#include "cli/command.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "session/access_log.h"
#include "worker/worker.h"

static log_style style_of(const server_options *options)
{
    bool is_terminal = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO);

    const char *refusal = getenv("NO_COLOR"); /* see no-color.org */
    bool is_colored = is_terminal && (!refusal || !*refusal);

    if (options->log_format == LOG_JSON) return LOG_JSON;
    if (options_source(options, "use-colors") != OPTION_BY_DEFAULT)
        is_colored = options->use_colors;
    return is_colored ? LOG_COLORED : LOG_PLAIN;
}

/* Typing mistakes never pass silently, but what is not ours may be another's. */
static void warn_of_strangers(void)
{
    buffer lines = { 0 };
    csgi_str rest;

    options_find_strangers(&lines);
    for (rest = buffer_str(&lines); rest.len;) {
        csgi_str line = str_slice(rest, 0, str_find_char(rest, '\n'));

        log_warning("%.*s", STR_ARG(line));
        rest = str_slice(rest, line.len + 1, SIZE_MAX);
    }
    buffer_fini(&lines);
}

/* The atoms of the access log's lines are not the option table's to know. */
static csgi_status check_access_log_format(const server_options *options, buffer *problem)
{
    access_log *log = NULL;
    csgi_status status = CSGI_OK;

    if (options->access_log_format)
        status = access_log_new(options->access_log_format, &log, problem);
    access_log_free(log);
    if (status == CSGI_EINVAL) buffer_printf(problem, "\n");
    return status;
}

static int run(int argc, char **argv)
{
    server_options options;
    bind_list binds;
    buffer problem = { 0 };
    int file_count, exit_status;

    if (!read_options(&run_command, argc, argv, &options, &file_count, &exit_status))
        return exit_status;
    if (check_access_log_format(&options, &problem) != CSGI_OK ||
        bind_list_choose(&binds, &options, &problem) != CSGI_OK) {
        tell_mistakes(&run_command, &problem);
        return EXIT_USAGE;
    }
    log_init((log_level)options.log_level, style_of(&options));
    warn_of_strangers();
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
