/* SPDX-License-Identifier: MIT
 * docs/options.md, from the option table. */
#include "cli/reference.h"

#include <inttypes.h>

#include "base/str.h"
#include "cli/command.h"

static const char introduction[] =
    "# Options\n"
    "\n"
    "<!-- Written by `make fmt` from server/config/option_table.c: change that. -->\n"
    "\n"
    "Every option of `capricorn run` can be said in three ways, here of `--limit-body`:\n"
    "\n"
    "| where | how |\n"
    "|---|---|\n"
    "| as an argument | `--limit-body 1MiB` or `--limit-body=1MiB` |\n"
    "| in the environment | `CAPRICORN_LIMIT_BODY=1MiB` |\n"
    "| in the routes file, under `server` | `\"limit_body\": \"1MiB\"` |\n"
    "\n"
    "An argument beats the environment, which beats the routes file, which beats the default. "
    "Names, "
    "meanings and defaults are\nUvicorn's where it has the same thing. A mistake is an error "
    "wherever it stands, and every one is told at once; a variable\n`CAPRICORN_...` that is no "
    "option is warned of, and one that is empty counts as unset.\n"
    "\n"
    "How values are written:\n"
    "\n"
    "- A switch is `--name` or `--no-name`; elsewhere it is yes or no (also true and false, on and "
    "off, 1 and 0).\n"
    "- A duration is `250ms`, `2s`, `1.5s`, `1m` or `1h`; a plain number is seconds.\n"
    "- A size is `64KiB`, `1MiB` or `1GiB`; a plain number is bytes.\n"
    "- A list is the option once for each element; in the environment commas stand between them "
    "(line "
    "ends for `--header`), and\n  in the routes file it is an array.\n"
    "- A relative path in the routes file starts at the file's directory.\n";

/* ---- what both references say of a value ---- */

static const char *kind_name(const option_entry *entry)
{
    switch (entry->kind) {
    case OPTION_TEXT:
        return "text";
    case OPTION_PATH:
        return "path";
    case OPTION_PREFIX:
        return "URL path";
    case OPTION_SWITCH:
        return "switch";
    case OPTION_NUMBER:
        return "number";
    case OPTION_DURATION:
        return "duration";
    case OPTION_SIZE:
        return "size";
    case OPTION_LOG_LEVEL:
    case OPTION_LOG_FORMAT:
        break; /* its words say it */
    case OPTION_TRUST:
        return "addresses and networks, with commas between them";
    case OPTION_LIST:
    case OPTION_HEADER:
        return "list";
    }
    return "";
}

void reference_print_kind(const option_entry *entry, buffer *out)
{
    const char *const *word = option_form_of(entry->kind).words;

    if (!word) buffer_printf(out, "%s", kind_name(entry));
    for (; word && *word; word++)
        buffer_printf(out, "%s%s", *word, !word[1] ? "" : word[2] ? ", " : " or ");
}

/* ---- docs/options.md ---- */

/* Is the word a name of the command line, or would Markdown take a part of it for its own? */
static bool is_code(csgi_str word)
{
    if (str_starts_with(word, STR("--")) && word.len > 2) return true;
    for (size_t i = 0; i < word.len; i++) {
        if (strchr("*_<>|\\", word.ptr[i])) return true;
    }
    return false;
}

/* One word, the punctuation around it outside of the code. */
static void print_word(csgi_str word, buffer *out)
{
    size_t start = word.len && word.ptr[0] == '(', end = word.len;
    csgi_str bare;

    while (end > start && strchr(".,;:)", word.ptr[end - 1]))
        end--;
    bare = str_slice(word, start, end - start);
    if (is_code(bare))
        buffer_printf(out, "%.*s`%.*s`%.*s", (int)start, word.ptr, STR_ARG(bare),
                      (int)(word.len - end), word.ptr + end);
    else
        buffer_append_str(out, word);
}

static void print_prose(const char *text, buffer *out)
{
    for (csgi_str rest = str_from(text); rest.len;) {
        print_word(str_take(&rest, ' '), out);
        if (rest.len) buffer_printf(out, " ");
    }
}

static void print_heading(const option_entry *entry, buffer *out)
{
    if (entry->kind == OPTION_SWITCH)
        buffer_printf(out, "\n### `--%s`, `--no-%s`\n\n", entry->name, entry->name);
    else
        buffer_printf(out, "\n### `--%s %s`\n\n", entry->name, entry->metavar);
}

/* A phrase as a sentence. */
static void print_sentence(const char *phrase, buffer *out)
{
    size_t start = out->len;

    print_prose(phrase, out);
    buffer_printf(out, ".");
    if (out->len > start && out->bytes[start] >= 'a' && out->bytes[start] <= 'z')
        out->bytes[start] = (char)(out->bytes[start] - 'a' + 'A');
}

static void print_default(const option_entry *entry, buffer *out)
{
    if (*entry->fallback)
        buffer_printf(out, "default `%s`", entry->fallback);
    else
        buffer_printf(out, "default: %s", entry->unset ? entry->unset : "none");
}

static void print_commands_of(const option_entry *entry, buffer *out)
{
    const char *separator = "also of ";

    for (size_t i = 0; entry->also && i < command_count; i++) {
        const command *it = command_table[i];

        if (it->uses == OPTION_OF_RUN || !(entry->also & it->uses)) continue;
        buffer_printf(out, "%s`capricorn %s`", separator, it->name);
        separator = ", ";
    }
    if (*separator == ',') buffer_printf(out, "; ");
}

static void print_option(const option_entry *entry, buffer *out)
{
    char variable[OPTION_NAME_MAX], key[OPTION_NAME_MAX];
    size_t before;

    option_print_name(entry->name, OPTION_FROM_ENVIRONMENT, variable, sizeof variable);
    option_print_key(entry, key, sizeof key);
    print_heading(entry, out);
    print_sentence(entry->help, out);
    if (entry->more) {
        buffer_printf(out, " ");
        print_prose(entry->more, out);
    }
    buffer_printf(out, "\n\n- ");
    reference_print_kind(entry, out);
    before = out->len;
    buffer_printf(out, ", ");
    option_print_bounds(entry, out);
    if (out->len == before + 2) out->len = before;
    buffer_printf(out, "; ");
    print_default(entry, out);
    buffer_printf(out, "\n- ");
    print_commands_of(entry, out);
    buffer_printf(out, "`%s`; ", variable);
    if (entry->is_not_in_file)
        buffer_printf(out, "not in the routes file\n");
    else
        buffer_printf(out, "`\"%s\"` in the routes file\n", key);
}

csgi_status reference_print_options(buffer *out)
{
    buffer_printf(out, "%s", introduction);
    for (size_t i = 0; i < option_count; i++) {
        if (i == 0 || option_table[i].group != option_table[i - 1].group)
            buffer_printf(out, "\n## %s\n", option_group_title(option_table[i].group));
        print_option(&option_table[i], out);
    }
    return out->bytes ? CSGI_OK : CSGI_ENOMEM;
}
