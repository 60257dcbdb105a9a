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

#define COMMAND_COUNT_MAX 16u

static void print_commands(FILE *to)
{
    fputs("Usage: capricorn COMMAND [ARGUMENT ...]\n\n"
          "Serves C applications, loaded from .so plugins, over HTTP.\n\n"
          "Commands:\n",
          to);
    for (size_t i = 0; i < command_count; i++)
        fprintf(to, "  %-10s %s\n", command_table[i]->name, command_table[i]->summary);
    fputs("\n\"capricorn COMMAND --help\" says more; \"capricorn --version\" prints the version.\n",
          to);
}

static int report_unknown(const char *name)
{
    csgi_str known[COMMAND_COUNT_MAX], nearest;

    CHECK(command_count <= COMMAND_COUNT_MAX);
    for (size_t i = 0; i < command_count; i++)
        known[i] = str_from(command_table[i]->name);
    nearest = suggest_nearest(str_from(name), known, command_count);
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
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(name, command_table[i]->name) == 0)
            return command_table[i]->run(argc - 2, argv + 2);
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
