/* SPDX-License-Identifier: MIT
 * capricorn dev: finds out what is to be compiled, and how, and serves it. */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/dev_sanitize.h"
#include "cli/dev_targets.h"
#include "net/address.h"
#include "reload/stage.h"
#include "worker/worker.h"

/* Takes "--build CMD" or "--build=CMD" out of the arguments, whose order stays. False: the command
 * is missing. */
static bool take_build(int *argc, char **argv, const char **out)
{
    static const char name[] = "--build";
    int left = 0;
    bool is_whole = true;

    *out = NULL;
    for (int at = 0; at < *argc; at++) {
        if (strncmp(argv[at], "--build=", sizeof name) == 0) {
            *out = argv[at] + sizeof name;
        } else if (strcmp(argv[at], name) == 0) {
            is_whole = at + 1 < *argc;
            if (is_whole) *out = argv[++at];
        } else {
            argv[left++] = argv[at];
        }
    }
    *argc = left;
    return is_whole && (!*out || **out);
}

static bool is_loopback(const bind_spec *spec)
{
    address found, locals[ADDRESS_LOCALHOSTS];

    if (spec->kind != BIND_TCP) return true;
    if (address_from_localhost(locals, spec->where, 0)) return true;
    if (address_from_ip(&found, spec->where, 0) != CSGI_OK) return false;
    if (found.as.any.sa_family == AF_INET) return ntohl(found.as.ipv4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&found.as.ipv6.sin6_addr);
}

/* Whoever reaches it sees sources, and what is wrong with them. */
static bool check_binds(const bind_list *binds, buffer *problem)
{
    for (size_t i = 0; i < binds->count; i++) {
        if (is_loopback(&binds->specs[i])) continue;
        buffer_printf(problem,
                      "capricorn dev shows sources to whoever asks, so it listens on this machine "
                      "only: found \"%s\", expected 127.0.0.1, [::1], localhost or a Unix socket; "
                      "\"capricorn run --reload\" listens anywhere\n",
                      binds->specs[i].where);
        return false;
    }
    return true;
}

/* The build tree's, the installed one beside this program, and then whatever is known anyway. */
static bool let_find_csgi(void)
{
    const char *before = getenv("PKG_CONFIG_PATH");
    char exe[4096];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *slash, *path;
    bool is_set;

    if (len <= 0) return true;
    exe[len] = '\0';
    slash = strrchr(exe, '/');
    if (!slash) return true;
    *slash = '\0';
    if (asprintf(&path, "%s/pkgconfig:%s/../pkgconfig:%s/../lib/pkgconfig%s%s", exe, exe, exe,
                 before && *before ? ":" : "", before ? before : "") < 0)
        return false;
    is_set = setenv("PKG_CONFIG_PATH", path, 1) == 0;
    free(path);
    return is_set;
}

/* What a make that has started us says to its own children. */
static void forget_make(void)
{
    unsetenv("MAKEFLAGS");
    unsetenv("MFLAGS");
    unsetenv("MAKELEVEL");
}

/* From the arguments without dev's own flags to the end. */
static int run_with(int argc, char **argv, dev_wishes *wishes)
{
    server_options options;
    bind_list binds;
    buffer problem = { 0 };
    plugin_choice choice;
    routes_file routes;
    dev_sources sources;
    int file_count, exit_status;
    char **given = calloc((size_t)argc + 1, sizeof *given);

    if (!given) return EXIT_START_FAILED;
    memcpy(given, argv, (size_t)argc * sizeof *given);
    if (!read_options(&dev_command, argc, argv, &options, &file_count, &exit_status))
        goto no_choice;
    exit_status = EXIT_USAGE;
    if (!dev_sources_take(&sources, argv, &file_count, options.routes != NULL, &problem)) {
        tell_mistakes(&dev_command, &problem);
        goto no_sources;
    }
    if (!choice_read(&choice, &dev_command, &options, argv, file_count, &routes, &exit_status))
        goto no_sources;
    exit_status = EXIT_USAGE;
    if (!check_options(&options, &binds, &problem) || !check_binds(&binds, &problem)) {
        tell_mistakes(&dev_command, &problem);
        goto no_plan;
    }
    log_init((log_level)options.log_level, choose_log_style(&options));
    warn_of_strangers();
    wishes->is_colored = choose_log_style(&options) == LOG_COLORED;
    exit_status = EXIT_START_FAILED;
    if (dev_sources_plan(&sources, wishes, &choice, &options, given, &problem)) {
        sources.plan.leaves_pages = wishes->leaves_pages;
        exit_status = worker_develop(&options, &binds, &sources.plan);
    } else
        plugins_log_problem(&problem);
    log_flush();
no_plan:
    choice_end(&choice);
no_sources:
    dev_sources_fini(&sources);
no_choice:
    buffer_fini(&problem);
    free(given);
    return exit_status;
}

static int run(int argc, char **argv)
{
    dev_wishes wishes = { 0 };
    buffer problem = { 0 };

    wishes.is_sanitized = take_flag(&argc, argv, "--sanitize");
    wishes.leaves_pages = take_flag(&argc, argv, "--no-live-reload");
    if (!take_build(&argc, argv, &wishes.command)) {
        buffer_printf(&problem, "--build: expected a command, such as 'ninja weather.so'\n");
        tell_mistakes(&dev_command, &problem);
        return EXIT_USAGE;
    }
    if (!let_find_csgi()) return EXIT_START_FAILED;
    forget_make();
    if (wishes.is_sanitized && !sanitize_restart(&problem)) {
        tell_report(&problem, false);
        return EXIT_START_FAILED;
    }
    return run_with(argc, argv, &wishes);
}

const command dev_command = {
    .name = "dev",
    .summary = "compile and serve sources, again whenever they change",
    .synopsis = "[OPTION ...] [ROUTES.json] [FILE.c | FILE.cc | FILE.so | DIR ...]",
    .about =
        "Compiles what is named, serves it, and does so again whenever a source, a header, a "
        "plugin, its configuration or the routes file is saved: running requests end on the code "
        "they began on, and what does not compile changes nothing. A directory stands for the "
        "sources and plugins in it; without a name, this one.\n"
        "\n"
        "A C source is compiled with $CC (or cc), one of C++ with $CXX (or c++), and with "
        "$CFLAGS or $CXXFLAGS, $CPPFLAGS, $LDFLAGS and $LDLIBS, to a private directory. Where a "
        "Makefile is beside it, make is run there instead, which makes NAME.so of NAME.c.\n"
        "\n"
        "  --build COMMAND   run this in the source's directory instead; it makes NAME.so there\n"
        "  --sanitize        find memory errors: with AddressSanitizer and UBSan\n"
        "  --no-live-reload  open pages do not load themselves again after a reload\n"
        "\n"
        "While something is wrong, requests that accept text/html or application/json by name are "
        "answered with it (500); others are served by the last code that worked. It listens on "
        "this machine only. /_capricorn is its dashboard.\n"
        "\n"
        "Exit status: 0 stopped, 1 stopped but calls ignored it, 2 wrong usage, 3 start-up "
        "failed.",
    .uses = OPTION_OF_RUN,
    .run = run,
};
