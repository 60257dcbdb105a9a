/* SPDX-License-Identifier: MIT
 * capricorn routes: prints the route table, for people or as JSON. */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/str.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "worker/offline.h"
#include "worker/worker.h"

enum { COLUMN_COUNT = 8 };

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

static void print_table(const row *rows, size_t count)
{
    static const csgi_str titles[COLUMN_COUNT] = {
        CSGI_STR("PATH"),   CSGI_STR("METHODS"),    CSGI_STR("HOST"),       CSGI_STR("APP"),
        CSGI_STR("PLUGIN"), CSGI_STR("GENERATION"), CSGI_STR("MIDDLEWARE"), CSGI_STR("TIMEOUT"),
    };

    if (count)
        table_print(titles, rows->cells, COLUMN_COUNT, count);
    else
        puts("There is no route.");
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
    print_table(rows, count);
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

/* ---- of a running server ---- */

/* The texts of an array, in the arena. NULL: no memory. */
static csgi_str *list_texts(const json_value *object, const char *key, arena *memory, size_t *count)
{
    const json_value *array = json_find(object, str_from(key));
    size_t room = array ? array->count : 0;
    csgi_str *texts = arena_alloc(memory, room * sizeof *texts + 1, _Alignof(csgi_str));

    *count = 0;
    if (!texts) return NULL;
    for (const json_value *each = remote_first(object, key); each; each = each->next)
        texts[(*count)++] = each->text;
    return texts;
}

static csgi_status read_route(const json_value *it, arena *memory, app_route *out)
{
    size_t method_count, around_count;
    csgi_str *methods = list_texts(it, "methods", memory, &method_count);

    *out = (app_route){
        .path = remote_text(it, "path"),
        .methods = STR(""),
        .host = remote_text(it, "host"),
        .use = remote_text(it, "app"),
        .file = remote_text(it, "plugin"),
        .generation = remote_number(it, "generation"),
        .timeout_ms = remote_number(it, "timeout_ms"),
        .around = list_texts(it, "middleware", memory, &around_count),
    };
    out->around_count = around_count;
    if (!methods || !out->around) return CSGI_ENOMEM;
    for (size_t i = 0; i < method_count && out->methods.ptr; i++)
        out->methods = arena_printf(memory, "%.*s%s%.*s", STR_ARG(out->methods), i ? "," : "",
                                    STR_ARG(methods[i]));
    return out->methods.ptr ? CSGI_OK : CSGI_ENOMEM;
}

static csgi_status print_live(const json_value *routes, arena *memory)
{
    row *rows = arena_alloc(memory, routes->count * sizeof *rows + 1, _Alignof(row));
    size_t count = 0;

    if (!rows) return CSGI_ENOMEM;
    for (const json_value *each = routes->first; each; each = each->next) {
        app_route it;

        if (read_route(each, memory, &it) != CSGI_OK) return CSGI_ENOMEM;
        rows[count++] = row_of(&it, memory);
    }
    print_table(rows, count);
    return CSGI_OK;
}

static int list_live(const server_options *options, const char *pid, bool asks_json)
{
    const remote_question question = { "GET", "/status", CONTROL_ASK_TIMEOUT_MS };
    const json_value *routes;
    remote_answer got;
    csgi_status status = CSGI_OK;
    int exit_status;

    if (!remote_ask(&routes_command, options, pid, &question, &got, &exit_status))
        return exit_status;
    routes = json_find(got.root, STR("routes"));
    if (!routes || routes->kind != JSON_ARRAY)
        status = CSGI_EINVAL;
    else if (asks_json)
        printf("%.*s\n", STR_ARG(routes->text));
    else
        status = print_live(routes, &got.memory);
    if (status != CSGI_OK)
        fprintf(stderr, "capricorn routes: %s\n",
                status == CSGI_EINVAL ? "the server does not tell its routes" : "no memory");
    remote_end(&got);
    return status == CSGI_OK ? EXIT_SERVED : EXIT_NOT_LISTED;
}

static int run(int argc, char **argv)
{
    server_options options;
    plugin_choice choice;
    routes_file routes;
    bool asks_json = take_flag(&argc, argv, "--json");
    bool asks_live = take_flag(&argc, argv, "--live");
    int file_count, exit_status;

    if (!read_options(&routes_command, argc, argv, &options, &file_count, &exit_status))
        return exit_status;
    if (asks_live && file_count > 1) {
        fprintf(stderr, "capricorn routes: found \"%s\", expected one process id, or none\n",
                argv[1]);
        return EXIT_USAGE;
    }
    if (asks_live) return list_live(&options, file_count ? argv[0] : NULL, asks_json);
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
    .synopsis = "[OPTION ...] [ROUTES.json] [FILE.so ...]\n"
                "[OPTION ...] --live [PID]",
    .about =
        "Loads what the routes file names, or the named plugins, or all in the plugin directory, "
        "and prints where \"capricorn run\" would serve what: path, methods, host, endpoint, "
        "plugin file, middleware (the "
        "outermost first) and timeout. No start-up is run. What all routes leave empty is left "
        "out.\n"
        "\n"
        "  --json   print an array of objects instead\n"
        "  --live   ask a running server of this user's, the only one or that of the process id,\n"
        "           what it serves now, of which generation\n"
        "\n"
        "Exit status: 0 printed, 1 something does not load, or no server answers, 2 wrong usage.",
    .uses = OPTION_OF_ROUTES,
    .run = run,
};
