/* SPDX-License-Identifier: MIT
 * capricorn schema: prints the JSON Schema of routes files. */
#include "cli/command.h"

#include <stdio.h>

#include "router/routes_file.h"
#include "worker/worker.h"

static int run(int argc, char **argv)
{
    server_options options;
    buffer schema = { 0 };
    int file_count, exit_status;

    if (!read_options(&schema_command, argc, argv, &options, &file_count, &exit_status))
        return exit_status;
    if (file_count > 0) {
        fprintf(stderr,
                "found \"%s\", expected no argument; \"capricorn schema --help\" says more.\n",
                argv[0]);
        return EXIT_USAGE;
    }
    if (routes_file_print_schema(&schema) != CSGI_OK) {
        fputs("capricorn schema: no memory\n", stderr);
        exit_status = EXIT_START_FAILED;
    } else {
        fwrite(schema.bytes, 1, schema.len, stdout);
        exit_status = EXIT_SERVED;
    }
    buffer_fini(&schema);
    return exit_status;
}

const command schema_command = {
    .name = "schema",
    .summary = "print the JSON Schema of routes files, for editors",
    .synopsis = "> routes.schema.json",
    .about = "Prints what may stand in a routes file, as a JSON Schema (2020-12). Editors that are "
             "told of it, by \"$schema\": \"./routes.schema.json\" in the routes file, complete "
             "its keys and mark mistakes.\n"
             "\n"
             "Exit status: 0 printed, 2 wrong usage, 3 no memory.",
    .run = run,
};
