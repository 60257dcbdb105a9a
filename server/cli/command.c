/* SPDX-License-Identifier: MIT
 * What every command does first: reads its options, answers --help and --version. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "worker/worker.h"

void print_version(void)
{
    printf("capricorn %s (CSGI %u.%u)\n", CAPRICORN_VERSION, CSGI_ABI_MAJOR, CSGI_ABI_MINOR);
}

static void print_help(const command_help *help)
{
    buffer text = { 0 };

    fputs(help->usage, stdout);
    if (help->lists_options && options_print_help(&text) == CSGI_OK)
        printf("\nOptions (a flag beats the environment beats the default):\n%.*s",
               STR_ARG(buffer_str(&text)));
    buffer_fini(&text);
}

void tell_mistakes(const command_help *help, buffer *problem)
{
    fprintf(stderr, "%.*s\"capricorn %s --help\" says more.\n", STR_ARG(buffer_str(problem)),
            help->name);
    buffer_fini(problem);
}

bool read_options(const command_help *help, int argc, char **argv, server_options *options,
                  int *file_count, int *exit_status)
{
    buffer problem = { 0 };
    const char *asked = NULL;
    bool is_wrong;

    options_init(options);
    is_wrong = options_read_environment(options, &problem) != CSGI_OK;
    is_wrong |=
        options_read_arguments(options, argc, argv, file_count, &asked, &problem) != CSGI_OK;
    *exit_status = asked ? EXIT_SERVED : EXIT_USAGE;
    if (asked && strcmp(asked, "version") == 0) {
        print_version();
    } else if (asked) {
        print_help(help);
    } else if (is_wrong) {
        tell_mistakes(help, &problem);
    }
    buffer_fini(&problem);
    return !asked && !is_wrong;
}
