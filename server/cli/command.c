/* SPDX-License-Identifier: MIT
 * What every command does first: reads its options, answers --help and --version. */
#include "cli/command.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/own_options.h"
#include "config/env_file.h"
#include "session/access_log.h"
#include "worker/worker.h"

#define HELP_WIDTH 90u

void print_version(void)
{
    printf("capricorn %s (CSGI %u.%u)\n", CAPRICORN_VERSION, CSGI_ABI_MAJOR, CSGI_ABI_MINOR);
}

/* In lines of at most HELP_WIDTH columns; the text's own line ends stay, and its lines that begin
 * with two spaces stay as they are. */
static void print_text_wrapped(csgi_str text, buffer *out)
{
    size_t column = 0;

    while (text.len) {
        size_t word = 0;

        if (!column && str_starts_with(text, STR("  "))) {
            size_t line = str_find_char(text, '\n');

            buffer_append(out, text.ptr, line);
            buffer_append(out, "\n", 1);
            text = str_slice(text, line + 1, SIZE_MAX);
            continue;
        }
        while (word < text.len && text.ptr[word] != ' ' && text.ptr[word] != '\n')
            word++;
        if (column && column + 1 + word > HELP_WIDTH) {
            buffer_append(out, "\n", 1);
            column = 0;
        }
        if (column && word) buffer_append(out, " ", 1);
        buffer_append(out, text.ptr, word);
        column += word + (column > 0);
        if (word < text.len && text.ptr[word] == '\n') {
            buffer_append(out, "\n", 1);
            column = 0;
        }
        text = str_slice(text, word + 1, SIZE_MAX);
    }
    buffer_append(out, "\n", 1);
}

static void print_help(const command *it)
{
    buffer text = { 0 };
    const char *before = "Usage:";

    for (csgi_str rest = str_from(it->synopsis); rest.len; before = "      ") {
        csgi_str line = str_take(&rest, '\n');

        printf("%s capricorn %s %.*s\n", before, it->name, STR_ARG(line));
    }
    print_text_wrapped(str_from(it->about), &text);
    printf("\n%.*s", STR_ARG(buffer_str(&text)));
    text.len = 0;
    if (it->uses && options_print_help(it->uses, &text) == CSGI_OK)
        printf("\nEvery option can be set in the environment too, by the name in brackets. A flag "
               "beats the\nenvironment beats the routes file beats the default.\n%.*s",
               STR_ARG(buffer_str(&text)));
    buffer_fini(&text);
}

void tell_mistakes(const command *it, buffer *problem)
{
    fprintf(stderr, "%.*s\"capricorn %s --help\" says more.\n", STR_ARG(buffer_str(problem)),
            it->name);
    buffer_fini(problem);
}

void tell_report(buffer *report, bool is_well)
{
    fprintf(is_well ? stdout : stderr, "%.*s", STR_ARG(buffer_str(report)));
    buffer_fini(report);
}

bool take_flag(int *argc, char **argv, const char *flag)
{
    int left = 0;
    bool is_there;

    for (int at = 0; at < *argc; at++) {
        if (strcmp(argv[at], flag) != 0) argv[left++] = argv[at];
    }
    is_there = left < *argc;
    *argc = left;
    return is_there;
}

static bool is_folder(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* "PREFIX/lib/capricorn/plugins" of a program that is installed as PREFIX/bin/capricorn, if there
 * is such a folder; else NULL. The same string each time. */
static const char *find_installed_plugins(void)
{
    static char path[PATH_MAX];
    static const char bin[] = "/bin", plugins[] = "/lib/capricorn/plugins";
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof plugins);
    char *end;

    if (len <= 0) return NULL;
    path[len] = '\0';
    end = strrchr(path, '/');
    if (!end || end - path < (ptrdiff_t)sizeof bin - 1) return NULL;
    end -= sizeof bin - 1;
    if (memcmp(end, bin, sizeof bin - 1) != 0) return NULL;
    memcpy(end, plugins, sizeof plugins);
    return is_folder(path) ? path : NULL;
}

/* When nobody says where the plugins are and there is no folder of the default's name here. */
static void choose_plugin_dir(server_options *options)
{
    const char *installed;

    if (options_source(options, "plugin-dir") != OPTION_BY_DEFAULT) return;
    if (is_folder(options->plugin_dir) || !(installed = find_installed_plugins())) return;
    options->plugin_dir = installed;
}

/* Its variables count for the options, and for plugins, but none beats what is set already. */
static csgi_status load_env_file(const server_options *options, buffer *problem)
{
    const char *path = options->env_file ? options->env_file : getenv("CAPRICORN_ENV_FILE");

    return path && *path ? env_file_load(path, problem) : CSGI_OK;
}

/* The atoms of the access log's lines are not the option table's to know. */
static csgi_status check_access_log_format(const server_options *options, buffer *problem)
{
    char name[OPTION_PLACE_MAX];
    access_log *log = NULL;
    csgi_status status = CSGI_OK;
    buffer why = { 0 };

    if (options->access_log_format) status = access_log_new(options->access_log_format, &log, &why);
    access_log_free(log);
    options_print_place(options, "access-log-format", name, sizeof name);
    if (status != CSGI_OK) buffer_printf(problem, "%s: %.*s\n", name, STR_ARG(buffer_str(&why)));
    buffer_fini(&why);
    return status;
}

bool check_options(const server_options *options, bind_list *binds, buffer *problem)
{
    bool is_right = check_access_log_format(options, problem) == CSGI_OK;

    return (bind_list_choose(binds, options, problem) == CSGI_OK) && is_right;
}

/* "--json" of its help is known as "json". */
static option_taker taker_of(const command *it)
{
    option_taker self = { .uses = it->uses };
    csgi_str about = str_from(it->about);
    own_option each;

    while (self.own_count < OPTION_OWN_MAX && own_option_next(&about, &each)) {
        if (str_starts_with(each.flag, STR("--")))
            self.own[self.own_count++] = str_slice(each.flag, 2, SIZE_MAX);
    }
    return self;
}

bool read_options(const command *it, int argc, char **argv, server_options *options,
                  int *file_count, int *exit_status)
{
    buffer problem = { 0 };
    const char *asked = NULL;
    const option_taker taker = taker_of(it);
    bool is_wrong;

    options_init(options);
    is_wrong = options_read_arguments(options, &taker, argc, argv, file_count, &asked, &problem) !=
               CSGI_OK;
    if (!asked && it->uses) {
        is_wrong |= load_env_file(options, &problem) != CSGI_OK;
        is_wrong |= options_read_environment(options, &problem) != CSGI_OK;
    }
    *exit_status = asked ? EXIT_SERVED : EXIT_USAGE;
    if (asked && strcmp(asked, "version") == 0) {
        print_version();
    } else if (asked) {
        print_help(it);
    } else if (is_wrong) {
        tell_mistakes(it, &problem);
    }
    choose_plugin_dir(options);
    buffer_fini(&problem);
    return !asked && !is_wrong;
}

log_style choose_log_style(const server_options *options)
{
    bool is_terminal = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO);

    const char *refusal = getenv("NO_COLOR"); /* see no-color.org */
    bool is_colored = is_terminal && (!refusal || !*refusal);

    if (options->log_format == LOG_JSON) return LOG_JSON;
    if (options_source(options, "use-colors") != OPTION_BY_DEFAULT)
        is_colored = options->use_colors;
    return is_colored ? LOG_COLORED : LOG_PLAIN;
}

void warn_of_strangers(void)
{
    buffer lines = { 0 };

    options_find_strangers(&lines);
    for (csgi_str rest = buffer_str(&lines); rest.len;) {
        csgi_str line = str_take(&rest, '\n');

        log_warning("%.*s", STR_ARG(line));
    }
    buffer_fini(&lines);
}
