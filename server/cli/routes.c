/* SPDX-License-Identifier: MIT
 * capricorn routes: prints the route table, for people or as JSON. */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/str.h"
#include "worker/offline.h"
#include "worker/worker.h"

enum { COLUMN_COUNT = 8 };

/* A column is left out when every cell but the title is empty. */
typedef struct row {
    csgi_str cells[COLUMN_COUNT];
} row;

/* ---- for people ---- */

static csgi_str join(const csgi_str *items, size_t count, arena *memory)
{
    csgi_str joined = STR("");

    for (size_t i = 0; i < count && joined.ptr; i++)
        joined =
            arena_printf(memory, "%.*s%s%.*s", STR_ARG(joined), i ? ", " : "", STR_ARG(items[i]));
    return joined;
}

/* As it may stand in a routes file; empty for 0. */
static csgi_str print_duration(uint64_t ms, arena *memory)
{
    if (ms == 0) return STR("");
    return ms % 1000 ? arena_printf(memory, "%" PRIu64 "ms", ms)
                     : arena_printf(memory, "%" PRIu64 "s", ms / 1000);
}

static row row_of(const app_route *it, arena *memory)
{
    return (row){ {
        it->path,
        it->methods.len ? it->methods : STR("any"),
        it->host,
        it->use,
        it->file,
        arena_printf(memory, "%" PRIu64, it->generation),
        join(it->around, it->around_count, memory),
        print_duration(it->timeout_ms, memory),
    } };
}

/* In characters of UTF-8. */
static size_t width_of(csgi_str text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return width;
}

static void print_row(const row *it, const size_t widths[COLUMN_COUNT])
{
    size_t gap = 0;

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (!widths[i]) continue;
        if (it->cells[i].len) {
            printf("%*s%.*s", (int)gap, "", STR_ARG(it->cells[i]));
            gap = 0;
        }
        gap += widths[i] + 2 - width_of(it->cells[i]);
    }
    putchar('\n');
}

static void print_table(const row *rows, size_t count)
{
    static const row titles = { {
        CSGI_STR("PATH"),
        CSGI_STR("METHODS"),
        CSGI_STR("HOST"),
        CSGI_STR("APP"),
        CSGI_STR("PLUGIN"),
        CSGI_STR("GENERATION"),
        CSGI_STR("MIDDLEWARE"),
        CSGI_STR("TIMEOUT"),
    } };
    size_t widths[COLUMN_COUNT] = { 0 };

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < COLUMN_COUNT; k++) {
            size_t width = width_of(rows[i].cells[k]);

            if (width > widths[k]) widths[k] = width;
        }
    }
    for (size_t k = 0; k < COLUMN_COUNT; k++) {
        size_t width = width_of(titles.cells[k]);

        if (widths[k] && width > widths[k]) widths[k] = width;
    }
    print_row(&titles, widths);
    for (size_t i = 0; i < count; i++)
        print_row(&rows[i], widths);
}

static csgi_status print_for_people(const app_set *apps, arena *memory)
{
    size_t count = app_set_route_count(apps);
    row *rows = arena_alloc(memory, count * sizeof *rows + 1, _Alignof(row));

    if (!rows) return CSGI_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        app_route it;

        if (app_set_get_route(apps, i, memory, &it) != CSGI_OK) return CSGI_ENOMEM;
        rows[i] = row_of(&it, memory);
    }
    if (count)
        print_table(rows, count);
    else
        puts("There is no route.");
    return CSGI_OK;
}

/* ---- as JSON ---- */

static void print_string(csgi_str text)
{
    putchar('"');
    while (text.len) {
        size_t sequence = str_utf8_sequence(text), len = sequence ? sequence : 1;
        char piece[6]; /* of one character */

        fwrite(piece, 1, escape_json(piece, sizeof piece, str_slice(text, 0, len)), stdout);
        text = str_slice(text, len, SIZE_MAX);
    }
    putchar('"');
}

static void print_member(const char *name, csgi_str text)
{
    printf("\"%s\": ", name);
    if (text.len)
        print_string(text);
    else
        fputs("null", stdout);
    fputs(", ", stdout);
}

static void print_methods(csgi_str methods)
{
    fputs("\"methods\": [", stdout);
    while (methods.len) {
        print_string(str_trim(str_take(&methods, ',')));
        if (methods.len) fputs(", ", stdout);
    }
    fputs("], ", stdout);
}

static csgi_status print_json(const app_set *apps, arena *memory)
{
    putchar('[');
    for (size_t i = 0; i < app_set_route_count(apps); i++) {
        app_route it;

        if (app_set_get_route(apps, i, memory, &it) != CSGI_OK) return CSGI_ENOMEM;
        fputs(i ? ",\n {" : "\n {", stdout);
        print_member("path", it.path);
        print_methods(it.methods);
        print_member("host", it.host);
        print_member("app", it.use);
        print_member("plugin", it.file);
        printf("\"generation\": %" PRIu64 ", \"middleware\": [", it.generation);
        for (size_t k = 0; k < it.around_count; k++) {
            if (k) fputs(", ", stdout);
            print_string(it.around[k]);
        }
        printf("], \"timeout_ms\": %" PRIu64 "}", it.timeout_ms);
    }
    puts("\n]");
    return CSGI_OK;
}

static int list(const server_options *options, const plugin_choice *choice, bool asks_json)
{
    offline apart;
    arena memory;
    csgi_status status = offline_open_logged(&apart, options, choice, CSGI_HOST_PROBE);

    if (status != CSGI_OK) return EXIT_NOT_LISTED;
    arena_init(&memory, NULL, 0);
    status = asks_json ? print_json(apart.apps, &memory) : print_for_people(apart.apps, &memory);
    if (status != CSGI_OK) fputs("capricorn routes: no memory\n", stderr);
    arena_reset(&memory);
    offline_close(&apart);
    return status == CSGI_OK ? EXIT_SERVED : EXIT_NOT_LISTED;
}

static int run(int argc, char **argv)
{
    server_options options;
    plugin_choice choice;
    routes_file routes;
    bool asks_json = take_flag(&argc, argv, "--json");
    int file_count, exit_status;

    if (!read_options(&routes_command, argc, argv, &options, &file_count, &exit_status))
        return exit_status;
    if (!choice_read(&choice, &routes_command, &options, argv, file_count, &routes, &exit_status))
        return exit_status == EXIT_USAGE ? exit_status : EXIT_NOT_LISTED;
    if (options_source(&options, "log-level") == OPTION_BY_DEFAULT) options.log_level = LOG_WARNING;
    log_init((log_level)options.log_level, LOG_PLAIN);
    exit_status = list(&options, &choice, asks_json);
    choice_end(&choice);
    return exit_status;
}

const command routes_command = {
    .name = "routes",
    .summary = "print the route table",
    .synopsis = "[OPTION ...] [ROUTES.json] [FILE.so ...]",
    .about =
        "Loads what the routes file names, or the named plugins, or all in the plugin directory, "
        "and prints where \"capricorn run\" would serve what: path, methods, host, endpoint, "
        "plugin file, middleware (the "
        "outermost first) and timeout. No start-up is run. What all routes leave empty is left "
        "out.\n"
        "\n"
        "  --json   print an array of objects instead\n"
        "\n"
        "Exit status: 0 printed, 1 something does not load, 2 wrong usage.",
    .uses = OPTION_OF_ROUTES,
    .run = run,
};
