/* SPDX-License-Identifier: MIT
 * The server's options: one table defines each one's flag, environment variable, key in the routes
 * file, default, bounds and help. A flag beats the environment beats the file beats the default. */
#ifndef CAPRICORN_CONFIG_OPTIONS_H
#define CAPRICORN_CONFIG_OPTIONS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "log/log.h"

#define OPTION_LIST_MAX  32u /* elements of a list */
#define OPTION_COUNT_MAX 64u
#define OPTION_NAME_MAX  80u  /* bytes of what option_print_name prints, with a NUL */
#define OPTION_PLACE_MAX 512u /* bytes of what options_print_place prints, with a NUL */

/* What an option that may be given several times was given; borrowed. */
typedef struct option_list {
    csgi_str items[OPTION_LIST_MAX];
    uint32_t count;
} option_list;

/* Who said what an option is. */
typedef enum option_source {
    OPTION_BY_DEFAULT,
    OPTION_FROM_FILE,
    OPTION_FROM_ENVIRONMENT,
    OPTION_FROM_ARGUMENTS
} option_source;

typedef struct server_options {
    const char *host, *uds, *routes, *plugin_dir, *access_log_format;
    const char *env_file, *pid_file, *control_socket, *user, *group, *root_path;
    option_list bind, headers;
    uint64_t fd; /* 0: none */
    uint64_t drain_delay_ms;
    uint64_t port, backlog, limit_concurrency;
    uint64_t limit_request_line, limit_headers, limit_header_size, limit_body;
    uint64_t limit_requests_per_connection;
    uint64_t limit_max_requests, limit_max_requests_jitter; /* 0: none */
    uint64_t timeout_headers_ms, timeout_body_ms, timeout_write_ms;
    uint64_t timeout_keep_alive_ms, timeout_graceful_shutdown_ms, timeout_startup_ms;
    uint64_t stall_threshold_ms, stack_size, threads, thread_queue;
    uint64_t log_level;              /* a log_level */
    uint64_t log_format;             /* LOG_PLAIN or LOG_JSON */
    const char *forwarded_allow_ips; /* a trust_list */
    bool control;                    /* may be reloaded and asked over a control socket */
    bool health, access_log, insecure_plugins, proxy_headers, proxy_protocol;
    bool server_header, date_header;
    bool reload;                       /* watch the files, and reload when they change */
    bool use_colors;                   /* by default, as the terminal: see its source */
    uint8_t sources[OPTION_COUNT_MAX]; /* an option_source for each entry of the table */
    /* Where those stand that the routes file set; its name is borrowed. */
    const char *file_name;
    struct {
        uint32_t line, column;
    } places[OPTION_COUNT_MAX];
} server_options;

typedef enum option_kind {
    OPTION_TEXT,
    OPTION_PATH,   /* a relative one in a file starts at that file's directory */
    OPTION_PREFIX, /* of URL paths: "/api"; nothing in it takes an escape */
    OPTION_SWITCH, /* --name and --no-name */
    OPTION_NUMBER,
    OPTION_DURATION, /* "250ms", "2s", "1m"; a plain number is seconds; kept in milliseconds */
    OPTION_SIZE,     /* "64KiB", "1MiB"; a plain number is bytes */
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_TRUST, /* see trust.h; kept as the text, which is one */
    OPTION_LIST,  /* --name once for each element; commas between them in the environment */
    OPTION_HEADER /* a list of "NAME:VALUE", see header_text.h; a line each in the environment */
} option_kind;

/* What an option is about; the table is in this order. */
typedef enum option_group {
    OPTIONS_LISTEN,
    OPTIONS_PLUGINS,
    OPTIONS_LOGS,
    OPTIONS_PROXIES,
    OPTIONS_RESPONSES,
    OPTIONS_LIMITS,
    OPTIONS_TIMEOUTS,
    OPTIONS_PROCESS
} option_group;

/* The commands that have options; a mask. */
typedef enum option_use {
    OPTION_OF_RUN = 1,
    OPTION_OF_CHECK = 2,
    OPTION_OF_ROUTES = 4,
    OPTION_OF_CALL = 8,
    OPTION_OF_HEALTH = 16,
    OPTION_OF_CONTROL = 32 /* reload and status */
} option_use;

typedef struct option_entry {
    const char *name;     /* "log-level": --log-level, CAPRICORN_LOG_LEVEL, "log_level" */
    const char *metavar;  /* in the help; NULL for switches */
    const char *fallback; /* the default, as it would be written; "": none */
    const char *unset;    /* what happens without it, where the default is none; may be NULL */
    const char *help;     /* a phrase, in one line */
    const char *more;     /* sentences for the reference; NULL: nothing more */
    option_group group;
    option_kind kind;
    unsigned also;       /* which commands have it beside run: option_use */
    bool is_not_in_file; /* it is too late for it when the routes file is read */
    size_t offset;       /* into server_options */
    uint64_t min, max;   /* of numbers, durations (ms) and sizes */
} option_entry;

/* How the values of a kind are written in JSON. A string is what would stand behind the flag. */
typedef struct option_form {
    bool is_boolean, is_integer, is_number, is_string, is_list; /* the types it may have */
    const char *pattern;      /* of the string, anchored, as in ECMA-262; NULL: any */
    const char *const *words; /* all that the string may be; NULL at their end. NULL: any */
} option_form;

extern const option_entry option_table[];
extern const size_t option_count;

/* "Listening". */
const char *option_group_title(option_group group);
/* Does the command have it? */
static inline bool option_is_of(const option_entry *entry, option_use command)
{
    return command == OPTION_OF_RUN || (entry->also & command);
}

/* Sets every option to its default. */
void options_init(server_options *self);
/* Sets from CAPRICORN_* of the environment what the arguments have not set, and the port from PORT
 * when nothing there says where to listen. CSGI_EINVAL: *problem has a sentence a line. */
csgi_status options_read_environment(server_options *self, buffer *problem);
/* Adds a line for each CAPRICORN_* of the environment that is no option. CSGI_ENOMEM. */
csgi_status options_find_strangers(buffer *lines);
/* Whose arguments are read: a command, and the flags of its own that it has taken out of them, for
 * suggestions ("json"). */
#define OPTION_OWN_MAX ((size_t)8)
typedef struct option_taker {
    option_use uses;
    csgi_str own[OPTION_OWN_MAX];
    size_t own_count;
} option_taker;

/* Sets the command's options from the arguments (argv[0] is the first one); what is no option is
 * moved, in order, to the front of argv and counted. Texts are borrowed from argv. --help,
 * --version: reported as *asked
 * ("help", "version"). CSGI_EINVAL: *problem has a sentence a line. */
csgi_status options_read_arguments(server_options *self, const option_taker *command, int argc,
                                   char **argv, int *positional_count, const char **asked,
                                   buffer *problem);

/* The option whose key in the routes file this is ("limit_body"), or NULL. */
const option_entry *options_find_key(csgi_str key);
/* The same among those that cannot stand there. */
const option_entry *options_find_late_key(csgi_str key);
/* The one that may have been meant, or NULL. */
const option_entry *options_suggest_key(csgi_str key);
void option_print_key(const option_entry *entry, char *out, size_t size);
/* Sets from the text that a routes file has for the option, which is borrowed; that of a list is
 * one more element. What the environment or the arguments have set stays so, but the text is
 * checked all the same. CSGI_EINVAL: *problem has "found ..., expected ...", and nothing was
 * set. */
csgi_status options_set_from_file(server_options *self, const option_entry *entry, const char *text,
                                  buffer *problem);

/* How the kind's values stand in JSON. */
option_form option_form_of(option_kind kind);
/* "a size such as 64KiB or 1MiB", for messages. */
const char *option_expects(option_kind kind);

/* Who said what the option of that name is. */
option_source options_source(const server_options *self, const char *name);
/* Notes where in the routes file an option stands that options_set_from_file has set. */
void options_set_place(server_options *self, const option_entry *entry, const char *file_name,
                       uint32_t line, uint32_t column);
/* How the option of that name was given, for messages: "--log-level", "CAPRICORN_LOG_LEVEL" or
 * "routes.json:2:15: \"log_level\"". */
void options_print_place(const server_options *self, const char *name, char *out, size_t size);
/* "--log-level", "CAPRICORN_LOG_LEVEL" or "\"log_level\" in the routes file". */
void option_print_name(const char *name, option_source source, char *out, size_t size);
/* "0 to 65535", "1ms to 8760h", or nothing where there are no bounds. */
void option_print_bounds(const option_entry *entry, buffer *out);
/* The help text of the command's options. */
csgi_status options_print_help(option_use command, buffer *out);

#endif
