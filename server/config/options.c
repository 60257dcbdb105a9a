/* SPDX-License-Identifier: MIT
 * Reading the options of the table from arguments, environment and the routes file. */
#include "config/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "base/suggest.h"
#include "config/option_values.h"

/* Adds a line to *problem: source ("--port", "CAPRICORN_PORT"), and what was found there. */
static void report_found(const char *source, buffer *found, buffer *problem)
{
    if (found->len) buffer_printf(problem, "%s: %.*s\n", source, STR_ARG(buffer_str(found)));
    buffer_fini(found);
}

static void set_option(server_options *self, const option_entry *entry, const char *source,
                       const char *text, buffer *problem)
{
    buffer found = { 0 };

    option_set(self, entry, text, &found);
    report_found(source, &found, problem);
}

void options_init(server_options *self)
{
    buffer problem = { 0 };

    memset(self, 0, sizeof *self);
    for (size_t i = 0; i < option_count; i++) {
        if (!*option_table[i].fallback) continue;
        set_option(self, &option_table[i], option_table[i].name, option_table[i].fallback,
                   &problem);
    }
    CHECK(problem.len == 0);
}

static void environment_name(const option_entry *entry, char *out, size_t size)
{
    snprintf(out, size, "CAPRICORN_%s", entry->name);
    for (; *out; out++) {
        if (*out == '-') *out = '_';
        if (*out >= 'a' && *out <= 'z') *out = (char)(*out - 'a' + 'A');
    }
}

/* Sets a list from text with commas between its elements. */
static void set_list(server_options *self, const option_entry *entry, const char *source,
                     csgi_str text, buffer *problem)
{
    buffer found = { 0 };

    option_list_of(self, entry)->count = 0;
    for (size_t start = 0; start <= text.len;) {
        csgi_str rest = str_slice(text, start, SIZE_MAX);
        csgi_str item =
            str_slice(rest, 0, str_find_char(rest, entry->kind == OPTION_HEADER ? '\n' : ','));

        start += item.len + 1;
        item = str_trim(item);
        if (item.len == 0)
            buffer_printf(&found, "found \"%.*s\", expected text between the %s", STR_ARG(text),
                          entry->kind == OPTION_HEADER ? "line ends" : "commas");
        else
            option_append(self, entry, item, &found);
        report_found(source, &found, problem);
    }
}

/* Kubernetes and Docker tell of a service named capricorn by CAPRICORN_PORT=tcp://10.0.0.1:8000,
 * CAPRICORN_PORT_8000_TCP and CAPRICORN_SERVICE_HOST: those are not said to us. */
static bool is_service_link(csgi_str name, csgi_str value)
{
    return str_starts_with(name, STR("CAPRICORN_SERVICE_")) ||
           str_starts_with(name, STR("CAPRICORN_PORT_")) ||
           (str_eq(name, STR("CAPRICORN_PORT")) &&
            str_starts_with(str_slice(value, str_find_char(value, ':'), SIZE_MAX), STR("://")));
}

/* What a variable of ours says, or NULL: an empty one, as Compose makes of what is not set there,
 * says nothing. */
static const char *own_variable(const char *name)
{
    const char *text = getenv(name);

    return !text || !*text || is_service_link(str_from(name), str_from(text)) ? NULL : text;
}

/* PORT is how platforms say the port; it counts where nothing of ours says where to listen. */
static void read_port(server_options *self, buffer *problem)
{
    static const char *const rivals[] = { "CAPRICORN_PORT", "CAPRICORN_BIND", "CAPRICORN_UDS",
                                          "CAPRICORN_FD" };
    const char *text = getenv("PORT");
    const option_entry *entry = options_find_key(STR("port"));

    for (size_t i = 0; i < COUNT_OF(rivals); i++) {
        if (own_variable(rivals[i])) return;
    }
    if (!text || !*text || options_source(self, "port") == OPTION_FROM_ARGUMENTS) return;
    self->sources[entry - option_table] = OPTION_FROM_ENVIRONMENT;
    set_option(self, entry, "PORT", text, problem);
}

csgi_status options_read_environment(server_options *self, buffer *problem)
{
    size_t before = problem->len;

    for (size_t i = 0; i < option_count; i++) {
        char name[OPTION_NAME_MAX];
        const char *text;
        server_options trial, *into = &trial;

        environment_name(&option_table[i], name, sizeof name);
        text = own_variable(name);
        if (!text) continue;
        if (self->sources[i] != OPTION_FROM_ARGUMENTS) into = self;
        into->sources[i] = OPTION_FROM_ENVIRONMENT;
        if (option_is_list(&option_table[i]))
            set_list(into, &option_table[i], name, str_from(text), problem);
        else
            set_option(into, &option_table[i], name, text, problem);
    }
    read_port(self, problem);
    return problem->len > before ? CSGI_EINVAL : CSGI_OK;
}

csgi_status options_find_strangers(buffer *lines)
{
    char own[OPTION_COUNT_MAX][OPTION_NAME_MAX];
    csgi_str known[OPTION_COUNT_MAX];
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < option_count; i++) {
        environment_name(&option_table[i], own[i], sizeof own[i]);
        known[i] = str_from(own[i]);
    }
    for (char **variable = environ; *variable && status == CSGI_OK; variable++) {
        csgi_str name = str_slice(str_from(*variable), 0, strcspn(*variable, "="));
        csgi_str value = str_slice(str_from(*variable), name.len + 1, SIZE_MAX);
        bool is_known = !str_starts_with(name, STR("CAPRICORN_")) || is_service_link(name, value);
        csgi_str nearest;

        for (size_t i = 0; i < option_count; i++)
            is_known |= str_eq(name, known[i]);
        if (is_known) continue;
        nearest = suggest_nearest(name, known, option_count);
        status = buffer_printf(lines, "%.*s in the environment: there is no such option%s%.*s%s\n",
                               STR_ARG(name), nearest.len ? " (did you mean " : "",
                               STR_ARG(nearest), nearest.len ? "?)" : "");
    }
    return status;
}

/* The option of "name" or, for a switch, "no-name". */
static const option_entry *find_option(csgi_str name, bool *negated)
{
    for (size_t i = 0; i < option_count; i++) {
        const option_entry *entry = &option_table[i];

        *negated = false;
        if (str_eq(name, str_from(entry->name))) return entry;
        *negated = true;
        if (entry->kind == OPTION_SWITCH && str_starts_with(name, STR("no-")) &&
            str_eq(str_slice(name, 3, SIZE_MAX), str_from(entry->name)))
            return entry;
    }
    return NULL;
}

static void report_unknown(csgi_str name, const option_taker *command, buffer *problem)
{
    bool negated = str_starts_with(name, STR("no-"));
    csgi_str known[OPTION_COUNT_MAX + OPTION_OWN_MAX];
    csgi_str nearest;
    size_t count = 0;

    for (size_t i = 0; i < option_count; i++) {
        if (!option_is_of(&option_table[i], command->uses)) continue;
        if (!negated || option_table[i].kind == OPTION_SWITCH)
            known[count++] = str_from(option_table[i].name);
    }
    for (size_t i = 0; i < command->own_count && !negated; i++)
        known[count++] = command->own[i];
    nearest = suggest_nearest(str_slice(name, negated ? 3 : 0, SIZE_MAX), known, count);
    buffer_printf(problem, "--%.*s: there is no such option", STR_ARG(name));
    if (nearest.len)
        buffer_printf(problem, " (did you mean --%s%.*s?)", negated ? "no-" : "", STR_ARG(nearest));
    buffer_printf(problem, "\n");
}

/* The arguments' elements replace the environment's. */
static void begin_argument(server_options *self, const option_entry *entry)
{
    size_t index = (size_t)(entry - option_table);

    if (option_is_list(entry) && self->sources[index] != OPTION_FROM_ARGUMENTS)
        option_list_of(self, entry)->count = 0;
    self->sources[index] = OPTION_FROM_ARGUMENTS;
}

typedef struct argument_list {
    server_options *options;
    const option_taker *command;
    char **argv;
    int argc;
    buffer *problem;
} argument_list;

/* Reads the option at argv[at]; returns how many arguments it took. */
static int read_option(const argument_list *self, int at)
{
    csgi_str argument = str_from(self->argv[at] + 2);
    size_t equals = str_find_char(argument, '=');
    bool has_value = equals < argument.len, negated;
    csgi_str name = str_slice(argument, 0, equals);
    const option_entry *entry = find_option(name, &negated);
    const char *value;
    char source[OPTION_NAME_MAX];

    if (!entry) {
        report_unknown(name, self->command, self->problem);
        return 1;
    }
    snprintf(source, sizeof source, "--%.*s", STR_ARG(name));
    if (!option_is_of(entry, self->command->uses)) {
        buffer_printf(self->problem, "%s: this command has no such option; capricorn run has\n",
                      source);
        return has_value || entry->kind == OPTION_SWITCH ? 1 : 2;
    }
    begin_argument(self->options, entry);
    if (entry->kind == OPTION_SWITCH) {
        if (has_value)
            buffer_printf(self->problem, "%s: takes no value\n", source);
        else
            set_option(self->options, entry, source, negated ? "no" : "yes", self->problem);
        return 1;
    }
    value = has_value ? argument.ptr + equals + 1 : at + 1 < self->argc ? self->argv[at + 1] : NULL;
    if (value)
        set_option(self->options, entry, source, value, self->problem);
    else
        buffer_printf(self->problem, "%s: a value is missing, expected %s\n", source,
                      option_expects(entry->kind));
    return has_value ? 1 : 2;
}

csgi_status options_read_arguments(server_options *self, const option_taker *command, int argc,
                                   char **argv, int *positional_count, const char **asked,
                                   buffer *problem)
{
    const argument_list list = { self, command, argv, argc, problem };
    size_t before = problem->len;
    int positionals = 0, at = 0;
    bool only_positionals = false;

    *asked = NULL;
    while (at < argc) {
        char *argument = argv[at];

        if (only_positionals || argument[0] != '-' || !argument[1]) {
            argv[positionals++] = argument;
            at++;
        } else if (strcmp(argument, "--") == 0) {
            only_positionals = true;
            at++;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            *asked = "help";
            at++;
        } else if (strcmp(argument, "--version") == 0) {
            *asked = "version";
            at++;
        } else if (argument[1] != '-') {
            buffer_printf(problem, "%s: there is no such option; options begin with --\n",
                          argument);
            at++;
        } else {
            at += read_option(&list, at);
        }
    }
    *positional_count = positionals;
    return problem->len > before ? CSGI_EINVAL : CSGI_OK;
}

/* ---- the routes file ---- */

void option_print_key(const option_entry *entry, char *out, size_t size)
{
    snprintf(out, size, "%s", entry->name);
    for (; *out; out++) {
        if (*out == '-') *out = '_';
    }
}

static const option_entry *find_key(csgi_str key, bool is_late)
{
    for (size_t i = 0; i < option_count; i++) {
        const option_entry *entry = &option_table[i];
        char own[OPTION_NAME_MAX];

        option_print_key(entry, own, sizeof own);
        if (entry->is_not_in_file == is_late && str_eq(key, str_from(own))) return entry;
    }
    return NULL;
}

const option_entry *options_find_key(csgi_str key)
{
    return find_key(key, false);
}

const option_entry *options_find_late_key(csgi_str key)
{
    return find_key(key, true);
}

const option_entry *options_suggest_key(csgi_str key)
{
    char own[OPTION_COUNT_MAX][OPTION_NAME_MAX];
    csgi_str known[OPTION_COUNT_MAX];
    size_t count = 0;

    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].is_not_in_file) continue;
        option_print_key(&option_table[i], own[count], sizeof own[count]);
        known[count] = str_from(own[count]);
        count++;
    }
    return options_find_key(suggest_nearest(key, known, count));
}

csgi_status options_set_from_file(server_options *self, const option_entry *entry, const char *text,
                                  buffer *problem)
{
    uint8_t *source = &self->sources[entry - option_table];
    server_options trial = { 0 };
    csgi_status status;

    if (*source > OPTION_FROM_FILE) return option_set(&trial, entry, text, problem);
    if (option_is_list(entry) && *source == OPTION_BY_DEFAULT)
        option_list_of(self, entry)->count = 0;
    status = option_set(self, entry, text, problem);
    if (status == CSGI_OK) *source = OPTION_FROM_FILE;
    return status;
}

/* ---- asking ---- */

option_source options_source(const server_options *self, const char *name)
{
    bool negated;
    const option_entry *entry = find_option(str_from(name), &negated);

    CHECK(entry);
    return (option_source)self->sources[entry - option_table];
}

void option_print_name(const char *name, option_source source, char *out, size_t size)
{
    bool negated;

    if (source == OPTION_FROM_ENVIRONMENT) {
        environment_name(find_option(str_from(name), &negated), out, size);
    } else if (source == OPTION_FROM_FILE) {
        char key[OPTION_NAME_MAX];

        option_print_key(find_option(str_from(name), &negated), key, sizeof key);
        snprintf(out, size, "\"%s\" in the routes file", key);
    } else {
        snprintf(out, size, "--%s", name);
    }
}

void options_set_place(server_options *self, const option_entry *entry, const char *file_name,
                       uint32_t line, uint32_t column)
{
    size_t index = (size_t)(entry - option_table);

    self->file_name = file_name;
    self->places[index].line = line;
    self->places[index].column = column;
}

void options_print_place(const server_options *self, const char *name, char *out, size_t size)
{
    option_source source = options_source(self, name);
    char key[OPTION_NAME_MAX];
    const option_entry *entry;
    bool negated;

    if (source != OPTION_FROM_FILE || !self->file_name) {
        option_print_name(name, source, out, size);
        return;
    }
    entry = find_option(str_from(name), &negated);
    option_print_key(entry, key, sizeof key);
    snprintf(out, size, "%s:%u:%u: \"%s\"", self->file_name,
             self->places[entry - option_table].line, self->places[entry - option_table].column,
             key);
}
