/* SPDX-License-Identifier: MIT
 * capricorn check: runs the loader on plugin files, each in a child process, so that one that
 * crashes is a message. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "config/options.h"
#include "worker/probe.h"
#include "worker/worker.h"

static const char usage[] =
    "Usage: capricorn check [--insecure-plugins] FILE.so ...\n\n"
    "Says of each file whether it would load, and exactly why not: looks at its bytes, then, in\n"
    "a child process, loads it, asks for its descriptor and makes an instance with the\n"
    "configuration beside it (NAME.json). Exit status: 0 all would load, 1 one would not.\n";

int command_check(int argc, char **argv)
{
    server_options options;
    buffer problem = { 0 };
    const char *asked = NULL;
    int count = 0, failures = 0;
    csgi_status status;

    options_init(&options);
    status = options_read_arguments(&options, argc, argv, &count, &asked, &problem);
    if (status != CSGI_OK) fprintf(stderr, "%.*s", STR_ARG(buffer_str(&problem)));
    buffer_fini(&problem);
    if (asked && strcmp(asked, "version") == 0) {
        print_version();
        return EXIT_SERVED;
    }
    if (asked || status != CSGI_OK || count == 0) {
        print_usage(usage, 0);
        return asked ? EXIT_SERVED : EXIT_USAGE;
    }
    log_init(LOG_INFO, false);
    for (int i = 0; i < count; i++) {
        buffer report = { 0 };
        bool would_load = probe_plugin(&options, argv[i], &report);

        fprintf(would_load ? stdout : stderr, "%.*s", STR_ARG(buffer_str(&report)));
        buffer_fini(&report);
        if (!would_load) failures++;
    }
    return failures ? EXIT_WOULD_NOT_LOAD : EXIT_SERVED;
}
