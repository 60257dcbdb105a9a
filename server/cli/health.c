/* SPDX-License-Identifier: MIT
 * capricorn health: asks the server that the same options and environment would have started. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "worker/health_check.h"
#include "worker/worker.h"

/* The first place that can be asked, or NULL. */
static const bind_spec *find_place(const bind_list *binds)
{
    for (size_t i = 0; i < binds->count; i++) {
        const bind_spec *spec = &binds->specs[i];

        if (spec->kind == BIND_UNIX || (spec->kind == BIND_TCP && spec->port)) return spec;
    }
    return NULL;
}

static int ask(const bind_spec *where, const char *path, bool is_proxied)
{
    buffer why = { 0 };
    bool is_well = health_check(where, path, is_proxied, &why);
    bool is_ipv6 = strchr(where->where, ':') != NULL;

    if (!is_well && where->kind == BIND_UNIX)
        fprintf(stderr, "capricorn health: unix:%s, %s: %.*s\n", where->where, path,
                STR_ARG(buffer_str(&why)));
    else if (!is_well)
        fprintf(stderr, "capricorn health: http://%s%s%s:%u%s: %.*s\n", is_ipv6 ? "[" : "",
                where->where, is_ipv6 ? "]" : "", where->port, path, STR_ARG(buffer_str(&why)));
    buffer_fini(&why);
    return is_well ? EXIT_SERVED : EXIT_UNWELL;
}

static int find_and_ask(const server_options *options, const char *path)
{
    bind_list binds;
    buffer problem = { 0 };
    const bind_spec *where;

    if (bind_list_choose(&binds, options, &problem) != CSGI_OK) {
        tell_mistakes(&health_command, &problem);
        return EXIT_USAGE;
    }
    if (binds.count == 0) bind_list_default(&binds, options);
    where = find_place(&binds);
    if (!where) {
        fputs("capricorn health: where an inherited socket or port 0 leads is not known here: say "
              "it with --host and --port, --uds or --bind\n",
              stderr);
        return EXIT_USAGE;
    }
    return ask(where, path, options->proxy_protocol);
}

static int run(int argc, char **argv)
{
    server_options options;
    plugin_choice choice;
    routes_file routes;
    bool asks_ready = take_flag(&argc, argv, "--ready");
    int count, exit_status;

    if (!read_options(&health_command, argc, argv, &options, &count, &exit_status))
        return exit_status;
    if (!choice_read(&choice, &health_command, &options, argv, count, &routes, &exit_status))
        return exit_status == EXIT_USAGE ? exit_status : EXIT_UNWELL;
    if (choice.file_count) {
        fprintf(stderr, "capricorn health: found \"%s\", expected a routes file, or nothing\n",
                choice.files[0]);
        exit_status = EXIT_USAGE;
    } else {
        exit_status = find_and_ask(&options, asks_ready ? "/readyz" : "/healthz");
    }
    choice_end(&choice);
    return exit_status;
}

const command health_command = {
    .name = "health",
    .summary = "ask the server of this machine whether it is well",
    .synopsis = "[OPTION ...] [--ready] [ROUTES.json]",
    .about =
        "Asks the server that was started with the same options, environment and routes file for "
        "/healthz, which says that it serves; for containers and service managers. It takes 2 "
        "seconds at "
        "most, and says nothing when all is well.\n"
        "\n"
        "  --ready   ask for /readyz instead: should it be sent requests? It fails once the\n"
        "            server has been told to stop\n"
        "\n"
        "Exit status: 0 well, 1 not, or no answer, 2 wrong usage.",
    .uses = OPTION_OF_HEALTH,
    .run = run,
};
