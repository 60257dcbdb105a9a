/* SPDX-License-Identifier: MIT
 * Reading the options of the table from arguments, environment and the routes file. */
#include "config/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "base/suggest.h"
#include "config/header_text.h"
#include "config/trust.h"
#include "config/units.h"

static bool parse_log_level(csgi_str text, uint64_t *level)
{
    static const struct {
        csgi_str name;
        log_level level;
    } levels[] = {
        { CSGI_STR("debug"), LOG_DEBUG },       { CSGI_STR("info"), LOG_INFO },
        { CSGI_STR("warning"), LOG_WARNING },   { CSGI_STR("error"), LOG_ERROR },
        { CSGI_STR("critical"), LOG_CRITICAL },
    };

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (!str_eq_nocase(text, levels[i].name)) continue;
        *level = levels[i].level;
        return true;
    }
    return false;
}

static bool parse_log_format(csgi_str text, uint64_t *style)
{
    if (!str_eq_nocase(text, STR("text")) && !str_eq_nocase(text, STR("json"))) return false;
    *style = str_eq_nocase(text, STR("json")) ? LOG_JSON : LOG_PLAIN;
    return true;
}

static bool parse_switch(csgi_str text, bool *on)
{
    static const csgi_str yes[] = { CSGI_STR("yes"), CSGI_STR("true"), CSGI_STR("on"),
                                    CSGI_STR("1") };
    static const csgi_str no[] = { CSGI_STR("no"), CSGI_STR("false"), CSGI_STR("off"),
                                   CSGI_STR("0") };

    for (size_t i = 0; i < 4; i++) {
        if (str_eq_nocase(text, yes[i]) || str_eq_nocase(text, no[i])) {
            *on = str_eq_nocase(text, yes[i]);
            return true;
        }
    }
    return false;
}

const char *option_expects(option_kind kind)
{
    switch (kind) {
    case OPTION_SWITCH:
        return "yes or no";
    case OPTION_NUMBER:
        return "a number";
    case OPTION_DURATION:
        return "a duration such as 250ms, 2s or 1m";
    case OPTION_SIZE:
        return "a size such as 64KiB or 1MiB";
    case OPTION_LOG_LEVEL:
        return "debug, info, warning, error or critical";
    case OPTION_LOG_FORMAT:
        return "text or json";
    case OPTION_TRUST:
        return "addresses, networks such as 10.0.0.0/8, unix: or *";
    case OPTION_PATH:
        return "a path";
    case OPTION_HEADER:
        return "NAME:VALUE";
    case OPTION_PREFIX:
        return "a path such as /api, with no slash at its end";
    case OPTION_TEXT:
    case OPTION_LIST:
        break;
    }
    return "text that is not empty";
}

static bool parse_number(const option_entry *entry, csgi_str text, uint64_t *number)
{
    switch (entry->kind) {
    case OPTION_NUMBER:
        return str_parse_u64(text, number);
    case OPTION_DURATION:
        return parse_duration_ms(text, number);
    case OPTION_SIZE:
        return parse_size(text, number);
    case OPTION_LOG_LEVEL:
        return parse_log_level(text, number);
    case OPTION_LOG_FORMAT:
        return parse_log_format(text, number);
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_TRUST:
    case OPTION_SWITCH:
    case OPTION_LIST:
    case OPTION_HEADER:
    case OPTION_PREFIX:
        break;
    }
    return false;
}

static bool is_bounded(option_kind kind)
{
    return kind == OPTION_NUMBER || kind == OPTION_DURATION || kind == OPTION_SIZE;
}

static option_list *list_of(server_options *self, const option_entry *entry)
{
    return (option_list *)(void *)((char *)self + entry->offset);
}

static bool is_list(const option_entry *entry)
{
    return entry->kind == OPTION_LIST || entry->kind == OPTION_HEADER;
}

static csgi_status append_item(server_options *self, const option_entry *entry, csgi_str text,
                               buffer *problem)
{
    option_list *list = list_of(self, entry);
    csgi_str name, value;
    const char *expected = entry->kind == OPTION_HEADER ? header_split(text, &name, &value) : NULL;

    if (expected) {
        buffer_printf(problem, "found \"%.*s\", expected %s", STR_ARG(text), expected);
        return CSGI_EINVAL;
    }
    if (list->count == OPTION_LIST_MAX) {
        buffer_printf(problem, "found \"%.*s\", expected at most %u of them", STR_ARG(text),
                      OPTION_LIST_MAX);
        return CSGI_EINVAL;
    }
    list->items[list->count++] = text;
    return CSGI_OK;
}

static csgi_status set_trust(const char **field, const char *text, buffer *problem)
{
    trust_list list;
    csgi_str wrong = { NULL, 0 };
    const char *why = "no memory for it";
    csgi_status status = trust_list_parse(&list, str_from(text), &wrong, &why);

    if (status == CSGI_OK) {
        trust_list_fini(&list);
        *field = text;
        return CSGI_OK;
    }
    buffer_printf(problem, "found \"%.*s\": %s", STR_ARG(wrong), why);
    return status;
}

/* Segments of unreserved characters (RFC 3986 section 2.3), a slash before each. */
static bool is_prefix(csgi_str text)
{
    for (size_t start = 0; start < text.len;) {
        csgi_str segment = str_slice(text, start + 1, SIZE_MAX);

        if (text.ptr[start] != '/') return false;
        segment = str_slice(segment, 0, str_find_char(segment, '/'));
        if (segment.len == 0 || str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return false;
        for (size_t i = 0; i < segment.len; i++) {
            char c = char_lower(segment.ptr[i]);

            if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("-._~", c))
                return false;
        }
        start += 1 + segment.len;
    }
    return text.len > 0;
}

static csgi_status set_number(uint64_t *field, const option_entry *entry, const char *text,
                              buffer *problem)
{
    uint64_t number;

    if (!parse_number(entry, str_from(text), &number)) {
        buffer_printf(problem, "found \"%s\", expected %s", text, option_expects(entry->kind));
        return CSGI_EINVAL;
    }
    if (is_bounded(entry->kind) && (number < entry->min || number > entry->max)) {
        const char *unit = entry->kind == OPTION_DURATION ? " ms"
                           : entry->kind == OPTION_SIZE   ? " bytes"
                                                          : "";

        buffer_printf(problem, "found \"%s\", expected %llu to %llu%s", text,
                      (unsigned long long)entry->min, (unsigned long long)entry->max, unit);
        return CSGI_EINVAL;
    }
    *field = number;
    return CSGI_OK;
}

/* Sets one option, or one more element of a list. On failure *problem has "found ...". */
static csgi_status set_value(server_options *self, const option_entry *entry, const char *text,
                             buffer *problem)
{
    void *field = (char *)self + entry->offset;
    bool is_text = entry->kind == OPTION_TEXT || entry->kind == OPTION_PATH;

    if ((is_text && *text) || (entry->kind == OPTION_PREFIX && is_prefix(str_from(text)))) {
        memcpy(field, &text, sizeof text);
        return CSGI_OK;
    }
    if (is_list(entry) && *text) return append_item(self, entry, str_from(text), problem);
    if (entry->kind == OPTION_TRUST) return set_trust(field, text, problem);
    if (entry->kind == OPTION_SWITCH && parse_switch(str_from(text), field)) return CSGI_OK;
    return set_number(field, entry, text, problem);
}

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

    set_value(self, entry, text, &found);
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

    list_of(self, entry)->count = 0;
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
            append_item(self, entry, item, &found);
        report_found(source, &found, problem);
    }
}

/* PORT is how platforms say the port; it counts where nothing of ours says where to listen. */
static void read_port(server_options *self, buffer *problem)
{
    static const char *const rivals[] = { "CAPRICORN_PORT", "CAPRICORN_BIND", "CAPRICORN_UDS",
                                          "CAPRICORN_FD" };
    const char *text = getenv("PORT");
    const option_entry *entry = options_find_key(STR("port"));

    for (size_t i = 0; i < COUNT_OF(rivals); i++) {
        if (getenv(rivals[i])) return;
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
        text = getenv(name);
        if (!text) continue;
        if (self->sources[i] != OPTION_FROM_ARGUMENTS) into = self;
        into->sources[i] = OPTION_FROM_ENVIRONMENT;
        if (is_list(&option_table[i]))
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
        bool is_known = !str_starts_with(name, STR("CAPRICORN_"));
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

static void report_unknown(csgi_str name, option_use command, buffer *problem)
{
    bool negated = str_starts_with(name, STR("no-"));
    csgi_str known[OPTION_COUNT_MAX];
    csgi_str nearest;
    size_t count = 0;

    for (size_t i = 0; i < option_count; i++) {
        if (!option_is_of(&option_table[i], command)) continue;
        if (!negated || option_table[i].kind == OPTION_SWITCH)
            known[count++] = str_from(option_table[i].name);
    }
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

    if (is_list(entry) && self->sources[index] != OPTION_FROM_ARGUMENTS)
        list_of(self, entry)->count = 0;
    self->sources[index] = OPTION_FROM_ARGUMENTS;
}

typedef struct argument_list {
    server_options *options;
    option_use command;
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
    if (!option_is_of(entry, self->command)) {
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

csgi_status options_read_arguments(server_options *self, option_use command, int argc, char **argv,
                                   int *positional_count, const char **asked, buffer *problem)
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

const option_entry *options_find_key(csgi_str key)
{
    for (size_t i = 0; i < option_count; i++) {
        char own[OPTION_NAME_MAX];

        option_print_key(&option_table[i], own, sizeof own);
        if (!option_table[i].is_not_in_file && str_eq(key, str_from(own))) return &option_table[i];
    }
    return NULL;
}

const option_entry *options_suggest_key(csgi_str key)
{
    char own[OPTION_COUNT_MAX][OPTION_NAME_MAX];
    csgi_str known[OPTION_COUNT_MAX];

    for (size_t i = 0; i < option_count; i++) {
        option_print_key(&option_table[i], own[i], sizeof own[i]);
        known[i] = str_from(own[i]);
    }
    return options_find_key(suggest_nearest(key, known, option_count));
}

csgi_status options_set_from_file(server_options *self, const option_entry *entry, const char *text,
                                  buffer *problem)
{
    uint8_t *source = &self->sources[entry - option_table];
    server_options trial = { 0 };
    csgi_status status;

    if (*source > OPTION_FROM_FILE) return set_value(&trial, entry, text, problem);
    if (is_list(entry) && *source == OPTION_BY_DEFAULT) list_of(self, entry)->count = 0;
    status = set_value(self, entry, text, problem);
    if (status == CSGI_OK) *source = OPTION_FROM_FILE;
    return status;
}

option_form option_form_of(option_kind kind)
{
    static const char *const levels[] = { "debug", "info", "warning", "error", "critical", NULL };
    static const char *const formats[] = { "text", "json", NULL };

    switch (kind) {
    case OPTION_SWITCH:
        return (option_form){ .is_boolean = true };
    case OPTION_NUMBER:
        return (option_form){ .is_integer = true };
    case OPTION_DURATION:
        return (option_form){ .is_number = true,
                              .is_string = true,
                              .pattern = "^([0-9]+(\\.[0-9]{1,3})?[smh]?|[0-9]+ms)$" };
    case OPTION_SIZE:
        return (
            option_form){ .is_integer = true, .is_string = true, .pattern = "^[0-9]+([KMG]iB)?$" };
    case OPTION_LOG_LEVEL:
        return (option_form){ .is_string = true, .words = levels };
    case OPTION_LOG_FORMAT:
        return (option_form){ .is_string = true, .words = formats };
    case OPTION_LIST:
        return (option_form){ .is_list = true, .is_string = true, .pattern = "." };
    case OPTION_HEADER:
        return (option_form){ .is_list = true, .is_string = true, .pattern = "^[^:]+:" };
    case OPTION_PREFIX:
        return (option_form){ .is_string = true, .pattern = "^(/[A-Za-z0-9._~-]+)+$" };
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_TRUST:
        break;
    }
    return (option_form){ .is_string = true, .pattern = "." };
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
