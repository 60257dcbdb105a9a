/* SPDX-License-Identifier: MIT
 * The manual page, in man's macros, from the tables of commands and options. */
#include "cli/reference.h"

#include "base/str.h"
#include "cli/command.h"

#define MAN_DATE "2026-11-22" /* of the version, not of the day it is printed */

#define LINE_WIDTH 78u /* of the source's lines, but for those that stay as they are */

/* With what roff would take for its own made harmless: a backslash, a hyphen (which would be
 * broken, and copied as another character), and a dot or quote at a line's beginning. */
static void print_text(csgi_str text, buffer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool begins_line = out->len == 0 || out->bytes[out->len - 1] == '\n';

        if (begins_line && (c == '.' || c == '\'')) buffer_printf(out, "\\&");
        if (c == '\\')
            buffer_printf(out, "\\e");
        else if (c == '-')
            buffer_printf(out, "\\-");
        else if (c == '\'')
            buffer_printf(out, "\\(aq");
        else if (c == '^')
            buffer_printf(out, "\\(ha");
        else if (c == '~')
            buffer_printf(out, "\\(ti");
        else
            buffer_append(out, &c, 1);
    }
}

static void print_phrase(const char *text, buffer *out)
{
    print_text(str_from(text), out);
}

static size_t line_length(const buffer *out)
{
    size_t start = out->len;

    while (start && out->bytes[start - 1] != '\n')
        start--;
    return out->len - start;
}

/* In lines of at most LINE_WIDTH; the first goes on behind what stands there. */
static void print_prose(csgi_str rest, buffer *out)
{
    while (rest.len) {
        csgi_str word = str_take(&rest, ' ');
        buffer printed = { 0 };

        print_text(word, &printed);
        if (line_length(out) && line_length(out) + 1 + printed.len > LINE_WIDTH)
            buffer_printf(out, "\n");
        else if (line_length(out))
            buffer_printf(out, " ");
        buffer_fini(&printed);
        print_text(word, out);
    }
}

/* Paragraphs; lines that begin with two spaces stand as they are. */
static void print_about(csgi_str rest, buffer *out)
{
    bool is_table = false, is_fresh = false;

    while (rest.len) {
        csgi_str line = str_take(&rest, '\n');
        bool stays = str_starts_with(line, STR("  "));

        if (line.len == 0) {
            is_fresh = true;
            continue;
        }
        if (is_table && !stays) buffer_printf(out, ".fi\n");
        if (is_fresh) buffer_printf(out, ".PP\n");
        if (stays && !is_table) buffer_printf(out, ".nf\n");
        if (stays)
            print_text(line, out);
        else
            print_prose(line, out);
        buffer_printf(out, "\n");
        is_table = stays;
        is_fresh = false;
    }
    if (is_table) buffer_printf(out, ".fi\n");
}

/* "capricorn run [OPTION ...]" for each line of the synopsis. */
static void print_synopsis(const command *it, buffer *out)
{
    for (csgi_str rest = str_from(it->synopsis); rest.len;) {
        csgi_str line = str_take(&rest, '\n');

        if (it != command_table[0]) buffer_printf(out, ".br\n");
        buffer_printf(out, ".B capricorn %s\n", it->name);
        print_text(line, out);
        buffer_printf(out, "\n");
    }
}

static void print_command(const command *it, buffer *out)
{
    buffer_printf(out, ".SS capricorn %s\n", it->name);
    print_about(str_from(it->about), out);
}

static void print_option(const option_entry *entry, buffer *out)
{
    char variable[OPTION_NAME_MAX];

    option_print_name(entry->name, OPTION_FROM_ENVIRONMENT, variable, sizeof variable);
    buffer_printf(out, ".TP\n\\fB");
    print_phrase("--", out);
    print_phrase(entry->name, out);
    buffer_printf(out, "\\fR");
    if (entry->kind == OPTION_SWITCH) {
        buffer_printf(out, ", \\fB\\-\\-no\\-");
        print_phrase(entry->name, out);
        buffer_printf(out, "\\fR\n");
    } else {
        buffer_printf(out, " \\fI");
        print_phrase(entry->metavar, out);
        buffer_printf(out, "\\fR\n");
    }
    print_prose(str_from(entry->help), out);
    buffer_printf(out, ".\n");
    if (entry->more) {
        print_prose(str_from(entry->more), out);
        buffer_printf(out, "\n");
    }
    buffer_printf(out, "[");
    reference_print_kind(entry, out);
    if (entry->max) buffer_printf(out, ", ");
    option_print_bounds(entry, out);
    buffer_printf(out, ";\ndefault ");
    print_phrase(*entry->fallback ? entry->fallback : entry->unset ? entry->unset : "none", out);
    buffer_printf(out, ";\n\\fB%s\\fR]\n", variable);
}

static void print_options(buffer *out)
{
    buffer_printf(out,
                  ".SH OPTIONS\n"
                  "These are the options of \\fBcapricorn run\\fR; other commands have some of "
                  "them,\nwhich their\n.B \\-\\-help\nlists.\n"
                  "Each can be set in the environment, too, by the variable named last,\nand "
                  "in the routes file under \"server\", by its name with underscores.\n"
                  "A flag beats the environment, which beats the file, which beats the\n"
                  "default.\n"
                  "A duration is 250ms, 2s, 1m, 1h or plain seconds;\n"
                  "a size is 64KiB, 1MiB, 1GiB or plain bytes.\n");
    for (size_t i = 0; i < option_count; i++) {
        if (i == 0 || option_table[i].group != option_table[i - 1].group)
            buffer_printf(out, ".SS %s\n", option_group_title(option_table[i].group));
        print_option(&option_table[i], out);
    }
}

static const char environment[] =
    ".SH ENVIRONMENT\n"
    ".TP\n.B CAPRICORN_*\nThe options, see above.\nOne that is no option is warned of; an empty "
    "one counts as unset.\n"
    ".TP\n.B PORT\nThe port to listen on, where neither an argument nor a variable of the\nabove "
    "says where to listen.\n"
    ".TP\n.B NO_COLOR\nWhen it is set and not empty, the logs have no colour on a terminal.\n"
    ".TP\n.BR LISTEN_FDS \", \" LISTEN_PID\n"
    "Sockets that a service manager passes on; they are served when nothing\n"
    "says where to listen.\n"
    ".TP\n.BR NOTIFY_SOCKET \", \" WATCHDOG_USEC\n"
    "The service manager is told when the server is ready and when it stops,\n"
    "and that it is alive.\n"
    ".SH SIGNALS\n"
    ".TP\n.BR SIGINT \", \" SIGTERM\n"
    "Let running requests end, then exit.\nA second SIGINT cuts them.\n"
    ".TP\n.B SIGHUP\n"
    "Reload the plugins and the routes file; requests go on meanwhile, and a\n"
    "mistake changes nothing.\n"
    ".SH SEE ALSO\n"
    "docs/options.md, docs/plugins.md and docs/logs.md in Capricorn\\(aqs sources.\n";

csgi_status reference_print_man(buffer *out)
{
    buffer_printf(out,
                  ".\\\" Written by \"make fmt\" from the tables of server/cli and server/config.\n"
                  ".TH CAPRICORN 1 " MAN_DATE " \"Capricorn " CAPRICORN_VERSION "\"\n"
                  ".nh\n.ad l\n.SH NAME\ncapricorn \\- serve C applications, loaded from plugins, "
                  "over HTTP\n"
                  ".SH SYNOPSIS\n");
    for (size_t i = 0; i < command_count; i++)
        print_synopsis(command_table[i], out);
    buffer_printf(out, ".br\n.B capricorn\n\\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR\n"
                       ".SH DESCRIPTION\n"
                       "Capricorn calls applications with (scope, receive, send), as ASGI servers\n"
                       "do, across a C ABI.\nApplications are shared objects, plugins, which it\n"
                       "loads at run time.\nEvery call is a coroutine on one event loop.\n"
                       ".SH COMMANDS\n");
    for (size_t i = 0; i < command_count; i++)
        print_command(command_table[i], out);
    print_options(out);
    buffer_printf(out, "%s", environment);
    return out->bytes ? CSGI_OK : CSGI_ENOMEM;
}
