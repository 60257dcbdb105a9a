/* SPDX-License-Identifier: MIT
 * The commands of capricorn. Each gets the arguments behind its name and returns the exit status.
 */
#ifndef CAPRICORN_CLI_COMMAND_H
#define CAPRICORN_CLI_COMMAND_H

/* capricorn run; capricorn check. */
int command_run(int argc, char **argv);
int command_check(int argc, char **argv);

/* Prints a command's usage and, if asked for, the options of the server. */
void print_usage(const char *usage, int with_options);
/* "capricorn 0.1.0 (CSGI 1.0, libuv 1.44.2)". */
void print_version(void);

#endif
