/* SPDX-License-Identifier: MIT
 * What the texts of options mean: numbers, durations, sizes, words, lists. */
#include "config/option_values.h"

#include <string.h>

#include "base/str.h"
#include "config/header_text.h"
#include "config/trust.h"
#include "config/units.h"

/* The words that an option may be, in the order in which they are told. */
typedef struct word_table {
    const char *expected; /* the same in a sentence */
    const char *words[6]; /* up to NULL */
    uint64_t values[5];
} word_table;

static const word_table log_levels = {
    "debug, info, warning, error or critical",
    { "debug", "info", "warning", "error", "critical", NULL },
    { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_CRITICAL },
};
static const word_table log_formats = { "text or json",
                                        { "text", "json", NULL },
                                        { LOG_PLAIN, LOG_JSON } };

static bool parse_word(const word_table *table, csgi_str text, uint64_t *value)
{
    for (size_t i = 0; table->words[i]; i++) {
        if (!str_eq_nocase(text, str_from(table->words[i]))) continue;
        *value = table->values[i];
        return true;
    }
    return false;
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
        return log_levels.expected;
    case OPTION_LOG_FORMAT:
        return log_formats.expected;
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
        return parse_word(&log_levels, text, number);
    case OPTION_LOG_FORMAT:
        return parse_word(&log_formats, text, number);
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

option_list *option_list_of(server_options *self, const option_entry *entry)
{
    return (option_list *)(void *)((char *)self + entry->offset);
}

bool option_is_list(const option_entry *entry)
{
    return entry->kind == OPTION_LIST || entry->kind == OPTION_HEADER;
}

csgi_status option_append(server_options *self, const option_entry *entry, csgi_str text,
                          buffer *problem)
{
    option_list *list = option_list_of(self, entry);
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
            if (!char_is_alnum(segment.ptr[i]) && !strchr("-._~", segment.ptr[i])) return false;
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
        buffer_printf(problem, "found \"%s\", expected ", text);
        option_print_bounds(entry, problem);
        return CSGI_EINVAL;
    }
    *field = number;
    return CSGI_OK;
}

/* Sets one option, or one more element of a list. On failure *problem has "found ...". */
csgi_status option_set(server_options *self, const option_entry *entry, const char *text,
                       buffer *problem)
{
    void *field = (char *)self + entry->offset;
    bool is_text = entry->kind == OPTION_TEXT || entry->kind == OPTION_PATH;

    if ((is_text && *text) || (entry->kind == OPTION_PREFIX && is_prefix(str_from(text)))) {
        memcpy(field, &text, sizeof text);
        return CSGI_OK;
    }
    if (option_is_list(entry) && *text) return option_append(self, entry, str_from(text), problem);
    if (entry->kind == OPTION_TRUST) return set_trust(field, text, problem);
    if (entry->kind == OPTION_SWITCH && parse_switch(str_from(text), field)) return CSGI_OK;
    return set_number(field, entry, text, problem);
}

option_form option_form_of(option_kind kind)
{
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
        return (option_form){ .is_string = true, .words = log_levels.words };
    case OPTION_LOG_FORMAT:
        return (option_form){ .is_string = true, .words = log_formats.words };
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
