/* SPDX-License-Identifier: MIT
 * capricorn: finds the command and runs it. */
#include "cli/command.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "base/suggest.h"
#include "worker/worker.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "run", "serve plugins", command_run },
    { "check", "say whether plugin files would load, and exactly why not", command_check },
};

static void print_commands(FILE *to)
{
    fputs("Usage: capricorn COMMAND [ARGUMENT ...]\n\n"
          "Serves C applications, loaded from .so plugins, over HTTP.\n\n"
          "Commands:\n",
          to);
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n\"capricorn COMMAND --help\" says more; \"capricorn --version\" prints the version.\n",
          to);
}

static int report_unknown(const char *name)
{
    csgi_str known[COUNT_OF(commands)], nearest;

    for (size_t i = 0; i < COUNT_OF(commands); i++)
        known[i] = str_from(commands[i].name);
    nearest = suggest_nearest(str_from(name), known, COUNT_OF(commands));
    fprintf(stderr, "capricorn: there is no command \"%s\"", name);
    if (nearest.len)
        fprintf(stderr, " (did you mean \"%.*s\"?)", STR_ARG(nearest));
    else if (*name == '-' || strstr(name, ".so"))
        fprintf(stderr, " (did you mean \"capricorn run %s\"?)", name);
    fputs("\n\n", stderr);
    print_commands(stderr);
    return EXIT_USAGE;
}

/* A standard stream that was closed would be the number of a socket, and the log be written there.
 */
static bool fill_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (!fill_standard_streams()) {
        perror("capricorn: cannot open /dev/null");
        return EXIT_START_FAILED;
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    }
    if (strcmp(name, "--version") == 0) {
        print_version();
        return EXIT_SERVED;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_commands(stdout);
        return EXIT_SERVED;
    }
    if (!*name) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    return report_unknown(name);
}
