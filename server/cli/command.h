/* SPDX-License-Identifier: MIT
 * The commands of capricorn, and what they share. Each gets the arguments behind its name and
 * returns the exit status. */
#ifndef CAPRICORN_CLI_COMMAND_H
#define CAPRICORN_CLI_COMMAND_H

#include "config/bind.h"
#include "config/options.h"
#include "worker/plugins.h"

typedef struct command {
    const char *name;
    const char *summary;  /* a phrase */
    const char *synopsis; /* "[OPTION ...] FILE.so ..."; further forms on lines of their own */
    const char *about;    /* paragraphs of --help, with an empty line between them */
    option_use uses;      /* whose options it has; 0: none of the table */
    int (*run)(int argc, char **argv);
} command;

/* Each in the file of its name. */
extern const command run_command, check_command, routes_command, call_command, health_command,
    reload_command, status_command, new_command, schema_command, completion_command, dev_command;

/* All of them, as --help lists them. */
extern const command *const command_table[];
extern const size_t command_count;

/* "capricorn 0.1.0 (CSGI 1.0)". */
void print_version(void);
/* Prints the mistakes in the options, a line each, and frees their text. */
void tell_mistakes(const command *it, buffer *problem);
/* Takes a flag of the command's own ("--json") out of the arguments, whose order stays. Was it
 * there? */
bool take_flag(int *argc, char **argv, const char *flag);
/* Prints what was found, on standard error unless all is well, and frees the text. */
void tell_report(buffer *report, bool is_well);
/* Sets the options from the environment and the arguments, whose files are moved to the front of
 * argv and counted. False: the command ends here, with *exit_status; --help and --version are
 * answered, mistakes are told on standard error. */
bool read_options(const command *it, int argc, char **argv, server_options *options,
                  int *file_count, int *exit_status);
/* What no option says alone, for a start: where to listen, and the access log's format. False: the
 * mistakes are in *problem, a line each. */
bool check_options(const server_options *options, bind_list *binds, buffer *problem);
/* As the options and the terminal say. */
log_style choose_log_style(const server_options *options);
/* Typing mistakes never pass silently, but what is not ours may be another's. */
void warn_of_strangers(void);
/* The plugin files and the routes file that the arguments name: a NAME.json among the files, or
 * else --routes. The routes file is read into *routes, and options are set from it; after true
 * choice_end is owed. False: the mistakes have been told on standard error, and *exit_status is
 * EXIT_USAGE, or EXIT_START_FAILED for those in the file. */
bool choice_read(plugin_choice *self, const command *it, server_options *options, char **files,
                 int file_count, routes_file *routes, int *exit_status);
void choice_end(plugin_choice *self);

#endif
