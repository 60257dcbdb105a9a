/* SPDX-License-Identifier: MIT
 * capricorn completion: the shells' scripts that complete its command line, from the tables of
 * commands and options. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "cli/own_options.h"
#include "worker/worker.h"

/* What stands behind a command's options. */
typedef enum operands {
    OPERANDS_NONE,
    OPERANDS_FILES,
    OPERANDS_WORDS /* the synopsis: "bash|zsh|fish" */
} operands;

static operands operands_of(const command *it)
{
    if (strstr(it->synopsis, ".so")) return OPERANDS_FILES;
    return it->synopsis[0] >= 'a' && it->synopsis[0] <= 'z' ? OPERANDS_WORDS : OPERANDS_NONE;
}

static bool is_folder(const option_entry *entry)
{
    return entry->kind == OPTION_PATH && strcmp(entry->metavar, "DIR") == 0;
}

/* The words that the option may be, with spaces between them; none when there are others. */
static void print_words(const option_entry *entry, buffer *out)
{
    const char *const *words = option_form_of(entry->kind).words;

    for (; words && *words; words++)
        buffer_printf(out, "%s%s", *words, words[1] ? " " : "");
}

static void print_synopsis_words(const command *it, buffer *out)
{
    for (const char *at = it->synopsis; *at; at++)
        buffer_printf(out, "%c", *at == '|' ? ' ' : *at);
}

/* Puts a backslash before those of the characters that the text has. */
static void print_escaped(csgi_str text, const char *special, buffer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(special, text.ptr[i])) buffer_append(out, "\\", 1);
        buffer_append(out, text.ptr + i, 1);
    }
}

/* ---- bash ---- */

static void bash_commands(buffer *out)
{
    for (size_t i = 0; i < command_count; i++)
        buffer_printf(out, "%s ", command_table[i]->name);
    buffer_printf(out, "--help --version");
}

static void bash_values(buffer *out)
{
    for (size_t i = 0; i < option_count; i++) {
        const option_entry *entry = &option_table[i];

        if (entry->kind == OPTION_SWITCH) continue;
        buffer_printf(out, "    --%s) ", entry->name);
        if (is_folder(entry)) {
            buffer_printf(out, "_capricorn_files -d \"$word\"; ");
        } else if (entry->kind == OPTION_PATH) {
            buffer_printf(out, "_capricorn_files -f \"$word\"; ");
        } else if (option_form_of(entry->kind).words) {
            buffer_printf(out, "COMPREPLY=($(compgen -W '");
            print_words(entry, out);
            buffer_printf(out, "' -- \"$word\")); ");
        }
        buffer_printf(out, "return ;;\n");
    }
}

static void bash_options(const command *it, buffer *out)
{
    csgi_str rest = str_from(it->about);
    own_option own;

    buffer_printf(out, "        %s) options='--help", it->name);
    for (size_t i = 0; it->uses && i < option_count; i++) {
        const option_entry *entry = &option_table[i];

        if (!option_is_of(entry, it->uses)) continue;
        buffer_printf(out, " --%s", entry->name);
        if (entry->kind == OPTION_SWITCH) buffer_printf(out, " --no-%s", entry->name);
    }
    while (own_option_next(&rest, &own))
        buffer_printf(out, " %.*s", STR_ARG(own.flag));
    buffer_printf(out, "' ;;\n");
}

static void bash_operands(const command *it, buffer *out)
{
    operands kind = operands_of(it);

    if (kind == OPERANDS_NONE) return;
    buffer_printf(out, "    %s) ", it->name);
    if (kind == OPERANDS_WORDS) {
        buffer_printf(out, "COMPREPLY=($(compgen -W '");
        print_synopsis_words(it, out);
        buffer_printf(out, "' -- \"$word\"))");
    } else {
        buffer_printf(out, "_capricorn_files -f -X '!*.so' \"$word\"; "
                           "_capricorn_files -f -X '!*.json' \"$word\"; "
                           "_capricorn_files -d \"$word\"");
    }
    buffer_printf(out, " ;;\n");
}

static void print_bash(buffer *out)
{
    buffer_printf(out, "# bash completion for capricorn; made by \"capricorn completion bash\"\n\n"
                       "_capricorn_files() { # compgen's options, then the word\n"
                       "    compopt -o filenames 2>/dev/null\n"
                       "    local IFS=$'\\n'\n"
                       "    COMPREPLY+=($(compgen \"${@:1:$#-1}\" -- \"${@: -1}\"))\n"
                       "}\n\n"
                       "_capricorn() {\n"
                       "    local word=${COMP_WORDS[COMP_CWORD]} options= at=$((COMP_CWORD - 1))\n"
                       "    COMPREPLY=()\n"
                       "    if ((COMP_CWORD == 1)); then\n"
                       "        COMPREPLY=($(compgen -W '");
    bash_commands(out);
    buffer_printf(out, "' -- \"$word\"))\n        return\n    fi\n"
                       "    # \"=\" is a word of its own\n"
                       "    if [[ $word == = ]]; then word=; "
                       "elif [[ ${COMP_WORDS[at]} == = ]]; then ((at--)); fi\n"
                       "    case ${COMP_WORDS[at]} in\n");
    bash_values(out);
    buffer_printf(out, "    esac\n    if [[ $word == -* ]]; then\n"
                       "        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < command_count; i++)
        bash_options(command_table[i], out);
    buffer_printf(out, "        esac\n"
                       "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
                       "        return\n    fi\n"
                       "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < command_count; i++)
        bash_operands(command_table[i], out);
    buffer_printf(out, "    esac\n}\n\ncomplete -F _capricorn capricorn\n");
}

/* ---- zsh ---- */

#define ZSH_SPECIAL "[]:\\"

/* In single quotes, where a quote is '\''. */
static void zsh_text(csgi_str text, buffer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            buffer_printf(out, "'\\''");
        else
            print_escaped(str_slice(text, i, 1), ZSH_SPECIAL, out);
    }
}

static void zsh_entry(const option_entry *entry, buffer *out)
{
    bool is_list = option_form_of(entry->kind).is_list;

    if (entry->kind == OPTION_SWITCH) {
        buffer_printf(out, "            '(--no-%s)--%s[", entry->name, entry->name);
        zsh_text(str_from(entry->help), out);
        buffer_printf(out, "]' '(--%s)--no-%s[do not]'\n", entry->name, entry->name);
        return;
    }
    buffer_printf(out, "            '%s--%s=[", is_list ? "*" : "", entry->name);
    zsh_text(str_from(entry->help), out);
    buffer_printf(out, "]:");
    zsh_text(str_from(entry->metavar), out);
    buffer_printf(out, ":");
    if (is_folder(entry)) {
        buffer_printf(out, "_directories");
    } else if (entry->kind == OPTION_PATH) {
        buffer_printf(out, "_files");
    } else if (option_form_of(entry->kind).words) {
        buffer_printf(out, "(");
        print_words(entry, out);
        buffer_printf(out, ")");
    }
    buffer_printf(out, "'\n");
}

static void zsh_own(const own_option *own, buffer *out)
{
    buffer_printf(out, "            '*%.*s[", STR_ARG(own->flag));
    zsh_text(own->help, out);
    buffer_printf(out, "]");
    if (own->value.len) {
        buffer_printf(out, ":");
        zsh_text(own->value, out);
        buffer_printf(out, ":");
    }
    buffer_printf(out, "'\n");
}

static void zsh_command(const command *it, buffer *out)
{
    csgi_str rest = str_from(it->about);
    own_option own;

    buffer_printf(out, "    %s)\n        options=(\n            '--help[say more]'\n", it->name);
    for (size_t i = 0; it->uses && i < option_count; i++) {
        if (option_is_of(&option_table[i], it->uses)) zsh_entry(&option_table[i], out);
    }
    while (own_option_next(&rest, &own))
        zsh_own(&own, out);
    if (operands_of(it) == OPERANDS_FILES)
        buffer_printf(out, "            '*:file:_files -g \"*.(so|json)\"'\n");
    if (operands_of(it) == OPERANDS_WORDS) {
        buffer_printf(out, "            '1:word:(");
        print_synopsis_words(it, out);
        buffer_printf(out, ")'\n");
    }
    buffer_printf(out, "        ) ;;\n");
}

static void print_zsh(buffer *out)
{
    buffer_printf(out, "#compdef capricorn\n"
                       "# zsh completion for capricorn; made by \"capricorn completion zsh\"\n\n"
                       "_capricorn() {\n"
                       "    local -a commands options\n"
                       "    if ((CURRENT == 2)); then\n"
                       "        commands=(\n");
    for (size_t i = 0; i < command_count; i++) {
        buffer_printf(out, "            '%s:", command_table[i]->name);
        zsh_text(str_from(command_table[i]->summary), out);
        buffer_printf(out, "'\n");
    }
    buffer_printf(out, "        )\n        _describe command commands\n        return\n    fi\n"
                       "    case $words[2] in\n");
    for (size_t i = 0; i < command_count; i++)
        zsh_command(command_table[i], out);
    buffer_printf(out, "    *) return ;;\n    esac\n"
                       "    shift words\n    ((CURRENT--))\n    _arguments $options\n}\n\n"
                       "if [[ $funcstack[1] == _capricorn ]]; then\n"
                       "    _capricorn \"$@\"\nelse\n    compdef _capricorn capricorn\nfi\n");
}

/* ---- fish ---- */

static void fish_text(csgi_str text, buffer *out)
{
    buffer_printf(out, "'");
    print_escaped(text, "'\\", out);
    buffer_printf(out, "'");
}

static void fish_begin(const command *it, buffer *out)
{
    buffer_printf(out, "complete -c capricorn -n '__fish_seen_subcommand_from %s'", it->name);
}

static void fish_entry(const command *it, const option_entry *entry, buffer *out)
{
    fish_begin(it, out);
    buffer_printf(out, " -l %s", entry->name);
    if (is_folder(entry)) {
        buffer_printf(out, " -x -a '(__fish_complete_directories)'");
    } else if (entry->kind == OPTION_PATH) {
        buffer_printf(out, " -r -F");
    } else if (option_form_of(entry->kind).words) {
        buffer_printf(out, " -x -a '");
        print_words(entry, out);
        buffer_printf(out, "'");
    } else if (entry->kind != OPTION_SWITCH) {
        buffer_printf(out, " -x");
    }
    buffer_printf(out, " -d ");
    fish_text(str_from(entry->help), out);
    buffer_printf(out, "\n");
    if (entry->kind != OPTION_SWITCH) return;
    fish_begin(it, out);
    buffer_printf(out, " -l no-%s -d 'do not'\n", entry->name);
}

static void fish_own(const command *it, const own_option *own, buffer *out)
{
    bool is_long = str_starts_with(own->flag, STR("--"));
    csgi_str name = str_slice(own->flag, is_long ? 2 : 1, SIZE_MAX);

    fish_begin(it, out);
    buffer_printf(out, " -%s %.*s%s -d ", is_long ? "l" : "s", STR_ARG(name),
                  own->value.len ? " -r" : "");
    fish_text(own->help, out);
    buffer_printf(out, "\n");
}

static void fish_command(const command *it, buffer *out)
{
    csgi_str rest = str_from(it->about);
    own_option own;

    buffer_printf(out, "complete -c capricorn -n __fish_use_subcommand -a %s -d ", it->name);
    fish_text(str_from(it->summary), out);
    buffer_printf(out, "\n");
    fish_begin(it, out);
    buffer_printf(out, " -l help -d 'say more'\n");
    for (size_t i = 0; it->uses && i < option_count; i++) {
        if (option_is_of(&option_table[i], it->uses)) fish_entry(it, &option_table[i], out);
    }
    while (own_option_next(&rest, &own))
        fish_own(it, &own, out);
    if (operands_of(it) == OPERANDS_NONE) return;
    fish_begin(it, out);
    buffer_printf(out, " -a '");
    if (operands_of(it) == OPERANDS_WORDS)
        print_synopsis_words(it, out);
    else
        buffer_printf(out, "(__fish_complete_suffix .so) (__fish_complete_suffix .json)");
    buffer_printf(out, "'\n");
}

static void print_fish(buffer *out)
{
    buffer_printf(out, "# fish completion for capricorn; made by \"capricorn completion fish\"\n\n"
                       "complete -c capricorn -f\n"
                       "complete -c capricorn -n __fish_use_subcommand -l help -d 'say more'\n"
                       "complete -c capricorn -n __fish_use_subcommand -l version "
                       "-d 'print the version'\n");
    for (size_t i = 0; i < command_count; i++)
        fish_command(command_table[i], out);
}

/* ---- the command ---- */

static const struct {
    const char *name;
    void (*print)(buffer *out);
} shells[] = {
    { "bash", print_bash },
    { "zsh", print_zsh },
    { "fish", print_fish },
};

/* CSGI_EINVAL: there is none for that shell. */
static csgi_status print_script(const char *shell, buffer *out)
{
    for (size_t i = 0; i < COUNT_OF(shells); i++) {
        if (strcmp(shell, shells[i].name) != 0) continue;
        shells[i].print(out);
        return CSGI_OK;
    }
    return CSGI_EINVAL;
}

static int run(int argc, char **argv)
{
    server_options unused;
    buffer text = { 0 };
    int count, exit_status;

    if (!read_options(&completion_command, argc, argv, &unused, &count, &exit_status))
        return exit_status;
    if (count != 1 || print_script(argv[0], &text) != CSGI_OK) {
        fputs("one shell is to be named: bash, zsh or fish; \"capricorn completion --help\" says "
              "more.\n",
              stderr);
        return EXIT_USAGE;
    }
    fwrite(text.bytes, 1, text.len, stdout);
    buffer_fini(&text);
    return EXIT_SERVED;
}

const command completion_command = {
    .name = "completion",
    .summary = "print what makes a shell complete this command line",
    .synopsis = "bash|zsh|fish",
    .about = "Prints a script for the shell that completes commands, options and their values. "
             "\"make install\" of Capricorn installs all three; by hand:\n"
             "\n"
             "  bash: source <(capricorn completion bash)\n"
             "  zsh: source <(capricorn completion zsh)\n"
             "  fish: capricorn completion fish | source\n"
             "\n"
             "Exit status: 0 printed, 2 wrong usage.",
    .run = run,
};
