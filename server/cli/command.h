/* SPDX-License-Identifier: MIT
 * The commands of capricorn, and what they share. Each gets the arguments behind its name and
 * returns the exit status. */
#ifndef CAPRICORN_CLI_COMMAND_H
#define CAPRICORN_CLI_COMMAND_H

#include "config/options.h"

/* capricorn run; capricorn check. */
int command_run(int argc, char **argv);
int command_check(int argc, char **argv);

typedef struct command_help {
    const char *name, *usage;
    bool lists_options; /* --help ends with the server's options */
} command_help;

/* "capricorn 0.1.0 (CSGI 1.0)". */
void print_version(void);
/* Prints the mistakes in the options, a line each, and frees their text. */
void tell_mistakes(const command_help *help, buffer *problem);
/* Sets the options from the environment and the arguments, whose files are moved to the front of
 * argv and counted. False: the command ends here, with *exit_status; --help and --version are
 * answered, mistakes are told on standard error. */
bool read_options(const command_help *help, int argc, char **argv, server_options *options,
                  int *file_count, int *exit_status);

#endif
