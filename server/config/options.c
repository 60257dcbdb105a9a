/* SPDX-License-Identifier: MIT
 * The option table, and reading it from arguments, environment and the routes file. */
#include "config/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "base/suggest.h"
#include "config/trust.h"
#include "config/units.h"

#define OPTION(name, metavar, kind, field, fallback, min, max, help)                   \
    {                                                                                  \
        name, metavar, fallback, help, kind, offsetof(server_options, field), min, max \
    }
#define HELP_COLUMN 26 /* where the help text begins; a longer name has a line of its own */
#define YEAR_MS     (UINT64_C(365) * 86400 * 1000)

const option_entry option_table[] = {
    OPTION("host", "ADDRESS", OPTION_TEXT, host, "127.0.0.1", 0, 0,
           "listen on this address or name"),
    OPTION("port", "NUMBER", OPTION_NUMBER, port, "8000", 0, 65535,
           "listen on this port; 0 picks a free one and prints it"),
    OPTION("uds", "PATH", OPTION_PATH, uds, "", 0, 0, "listen on this Unix socket instead"),
    OPTION("fd", "NUMBER", OPTION_NUMBER, fd, "", 3, 65535,
           "listen on this socket, inherited from the parent, instead"),
    OPTION("bind", "WHERE", OPTION_LIST, bind, "", 0, 0,
           "listen on HOST:PORT, unix:PATH or fd://NUMBER; may be repeated"),
    OPTION("backlog", "NUMBER", OPTION_NUMBER, backlog, "2048", 1, 65535,
           "connections that may wait to be accepted"),
    OPTION("plugin-dir", "DIR", OPTION_PATH, plugin_dir, "plugins", 0, 0,
           "load every .so in this directory, unless files are named"),
    OPTION("insecure-plugins", NULL, OPTION_SWITCH, insecure_plugins, "no", 0, 0,
           "load plugins that others than you and root could have written"),
    OPTION("log-level", "LEVEL", OPTION_LOG_LEVEL, log_level, "info", 0, 0,
           "debug, info, warning, error or critical"),
    OPTION("access-log", NULL, OPTION_SWITCH, access_log, "yes", 0, 0,
           "write a line for each request to standard output"),
    OPTION("access-log-format", "FORMAT", OPTION_TEXT, access_log_format, "", 0, 0,
           "of these lines, in gunicorn's atoms: '%(h)s %(r)s %(s)s %(D)s'"),
    OPTION("log-format", "FORMAT", OPTION_LOG_FORMAT, log_format, "text", 0, 0,
           "text or json, of both logs"),
    OPTION("proxy-headers", NULL, OPTION_SWITCH, proxy_headers, "yes", 0, 0,
           "believe trusted proxies who the client is: X-Forwarded-*, Forwarded"),
    OPTION("proxy-protocol", NULL, OPTION_SWITCH, proxy_protocol, "no", 0, 0,
           "expect a PROXY header (v1 or v2) at the start of every connection"),
    OPTION("forwarded-allow-ips", "LIST", OPTION_TRUST, forwarded_allow_ips, "127.0.0.1", 0, 0,
           "the trusted proxies: addresses, networks, unix:, or * for everyone"),
    OPTION("limit-concurrency", "NUMBER", OPTION_NUMBER, limit_concurrency, "0", 0, UINT32_MAX,
           "requests at once; more are answered 503; 0: no limit"),
    OPTION("limit-request-line", "SIZE", OPTION_SIZE, limit_request_line, "8KiB", 1, 16777216,
           "answer a longer request line with 414"),
    OPTION("limit-headers", "NUMBER", OPTION_NUMBER, limit_headers, "100", 1, 10000,
           "answer a request with more header fields with 431"),
    OPTION("limit-header-size", "SIZE", OPTION_SIZE, limit_header_size, "32KiB", 1, 16777216,
           "answer header lines that are larger together with 431"),
    OPTION("limit-body", "SIZE", OPTION_SIZE, limit_body, "16MiB", 0, INT64_MAX,
           "answer a larger request body with 413; 0: no limit"),
    OPTION("limit-requests-per-connection", "NUMBER", OPTION_NUMBER, limit_requests_per_connection,
           "0", 0, UINT32_MAX, "close a connection after so many; 0: no limit"),
    OPTION("stack-size", "SIZE", OPTION_SIZE, stack_size, "256KiB", 65536, 67108864,
           "of each task, unless its plugin says otherwise; committed as touched"),
    OPTION("stall-threshold", "DURATION", OPTION_DURATION, stall_threshold_ms, "100ms", 0, YEAR_MS,
           "name the endpoint that holds the loop for longer; 0: never"),
    OPTION("timeout-keep-alive", "DURATION", OPTION_DURATION, timeout_keep_alive_ms, "75s", 1,
           YEAR_MS, "close a connection that is idle for longer"),
    OPTION("timeout-headers", "DURATION", OPTION_DURATION, timeout_headers_ms, "10s", 0, YEAR_MS,
           "answer a request head that takes longer with 408; 0: no limit"),
    OPTION("timeout-body", "DURATION", OPTION_DURATION, timeout_body_ms, "10s", 0, YEAR_MS,
           "answer a body that is so far behind 1 KiB/s with 408; 0: no limit"),
    OPTION("timeout-write", "DURATION", OPTION_DURATION, timeout_write_ms, "60s", 0, YEAR_MS,
           "cut a client that takes nothing of its response; 0: no limit"),
    OPTION("timeout-startup", "DURATION", OPTION_DURATION, timeout_startup_ms, "30s", 1, YEAR_MS,
           "a plugin whose start-up takes longer has failed"),
    OPTION("timeout-graceful-shutdown", "DURATION", OPTION_DURATION, timeout_graceful_shutdown_ms,
           "30s", 0, YEAR_MS, "what running requests are given to end when the server stops"),
    OPTION("drain-delay", "DURATION", OPTION_DURATION, drain_delay_ms, "0", 0, YEAR_MS,
           "go on accepting for so long when told to stop: balancers look away"),
};
const size_t option_count = sizeof option_table / sizeof option_table[0];

_Static_assert(sizeof option_table / sizeof option_table[0] <= OPTION_COUNT_MAX,
               "server_options.sources has room for each");

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
        break;
    }
    return false;
}

static bool is_bounded(option_kind kind)
{
    return kind == OPTION_NUMBER || kind == OPTION_DURATION || kind == OPTION_SIZE;
}

static csgi_status append_item(option_list *self, csgi_str text, buffer *problem)
{
    if (self->count == OPTION_LIST_MAX) {
        buffer_printf(problem, "found \"%.*s\", expected at most %u of them", STR_ARG(text),
                      OPTION_LIST_MAX);
        return CSGI_EINVAL;
    }
    self->items[self->count++] = text;
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

    if (is_text && *text) {
        memcpy(field, &text, sizeof text);
        return CSGI_OK;
    }
    if (entry->kind == OPTION_LIST && *text) return append_item(field, str_from(text), problem);
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

static option_list *list_of(server_options *self, const option_entry *entry)
{
    return (option_list *)(void *)((char *)self + entry->offset);
}

/* Sets a list from text with commas between its elements. */
static void set_list(server_options *self, const option_entry *entry, const char *source,
                     csgi_str text, buffer *problem)
{
    buffer found = { 0 };

    list_of(self, entry)->count = 0;
    for (size_t start = 0; start <= text.len;) {
        csgi_str rest = str_slice(text, start, SIZE_MAX);
        csgi_str item = str_slice(rest, 0, str_find_char(rest, ','));

        start += item.len + 1;
        item = str_trim(item);
        if (item.len == 0)
            buffer_printf(&found, "found \"%.*s\", expected text between the commas",
                          STR_ARG(text));
        else
            append_item(list_of(self, entry), item, &found);
        report_found(source, &found, problem);
    }
}

csgi_status options_read_environment(server_options *self, buffer *problem)
{
    size_t before = problem->len;

    for (size_t i = 0; i < option_count; i++) {
        char name[64];
        const char *text;

        environment_name(&option_table[i], name, sizeof name);
        text = getenv(name);
        if (!text) continue;
        self->sources[i] = OPTION_FROM_ENVIRONMENT;
        if (option_table[i].kind == OPTION_LIST)
            set_list(self, &option_table[i], name, str_from(text), problem);
        else
            set_option(self, &option_table[i], name, text, problem);
    }
    return problem->len > before ? CSGI_EINVAL : CSGI_OK;
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

static void report_unknown(csgi_str name, buffer *problem)
{
    bool negated = str_starts_with(name, STR("no-"));
    csgi_str known[OPTION_COUNT_MAX];
    csgi_str nearest;
    size_t count = 0;

    for (size_t i = 0; i < option_count; i++) {
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

    if (entry->kind == OPTION_LIST && self->sources[index] != OPTION_FROM_ARGUMENTS)
        list_of(self, entry)->count = 0;
    self->sources[index] = OPTION_FROM_ARGUMENTS;
}

/* Reads the option at argv[at]; returns how many arguments it took. */
static int read_option(server_options *self, int argc, char **argv, int at, buffer *problem)
{
    csgi_str argument = str_from(argv[at] + 2);
    size_t equals = str_find_char(argument, '=');
    csgi_str name = str_slice(argument, 0, equals);
    bool negated;
    const option_entry *entry = find_option(name, &negated);
    char source[80];

    if (!entry) {
        report_unknown(name, problem);
        return 1;
    }
    snprintf(source, sizeof source, "--%.*s", STR_ARG(name));
    begin_argument(self, entry);
    if (entry->kind == OPTION_SWITCH) {
        if (equals < argument.len)
            buffer_printf(problem, "%s: takes no value\n", source);
        else
            set_option(self, entry, source, negated ? "no" : "yes", problem);
        return 1;
    }
    if (equals < argument.len) {
        set_option(self, entry, source, argument.ptr + equals + 1, problem);
        return 1;
    }
    if (at + 1 == argc) {
        buffer_printf(problem, "%s: a value is missing, expected %s\n", source,
                      option_expects(entry->kind));
        return 1;
    }
    set_option(self, entry, source, argv[at + 1], problem);
    return 2;
}

csgi_status options_read_arguments(server_options *self, int argc, char **argv,
                                   int *positional_count, const char **asked, buffer *problem)
{
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
            at += read_option(self, argc, argv, at, problem);
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
        if (str_eq(key, str_from(own))) return &option_table[i];
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
    if (entry->kind == OPTION_LIST && *source == OPTION_BY_DEFAULT) list_of(self, entry)->count = 0;
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

csgi_status options_print_help(buffer *out)
{
    for (size_t i = 0; i < option_count; i++) {
        const option_entry *entry = &option_table[i];
        char left[64], variable[64];

        environment_name(entry, variable, sizeof variable);
        if (entry->kind == OPTION_SWITCH)
            snprintf(left, sizeof left, "--%s / --no-%s", entry->name, entry->name);
        else
            snprintf(left, sizeof left, "--%s %s", entry->name, entry->metavar);
        if (strlen(left) > HELP_COLUMN) {
            buffer_printf(out, "  %s\n", left);
            left[0] = 0;
        }
        buffer_printf(out, "  %-*s %s\n", HELP_COLUMN, left, entry->help);
        buffer_printf(out, "  %-*s [default: %s; %s]\n", HELP_COLUMN, "",
                      *entry->fallback ? entry->fallback : "none", variable);
    }
    return out->bytes ? CSGI_OK : CSGI_ENOMEM;
}
