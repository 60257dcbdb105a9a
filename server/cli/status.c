/* SPDX-License-Identifier: MIT
 * capricorn status: what a running server serves, for people or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/escape.h"
#include "base/str.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "worker/worker.h"

/* What plugins and mistakes say may have bytes that are a terminal's commands. */
static csgi_str clean(csgi_str text, arena *memory)
{
    size_t room = text.len * 4 + 1;
    char *out = arena_alloc(memory, room, 1);

    if (!out) return STR("?");
    return (csgi_str){ out, escape_line(out, room, text, false) };
}

static csgi_str text_of(const json_value *object, const char *key, arena *memory)
{
    return clean(remote_text(object, key), memory);
}

/* On the clock of this machine. */
static csgi_str time_of(const json_value *object, const char *key, arena *memory)
{
    time_t at = (time_t)(remote_number(object, key) / 1000);
    struct tm parts;
    char text[32];

    if (!localtime_r(&at, &parts) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts))
        return STR("");
    return arena_printf(memory, "%s", text);
}

static csgi_str duration_of(uint64_t ms, arena *memory)
{
    uint64_t s = ms / 1000;

    if (s < 60) return arena_printf(memory, "%" PRIu64 " s", s);
    if (s < 3600) return arena_printf(memory, "%" PRIu64 " min", s / 60);
    if (s < 172800) return arena_printf(memory, "%" PRIu64 " h", s / 3600);
    return arena_printf(memory, "%" PRIu64 " days", s / 86400);
}

static void print_server(const json_value *root, arena *memory)
{
    const json_value *it = json_find(root, STR("server"));
    const json_value *counters = json_find(root, STR("counters"));

    if (!it || !counters) return;
    printf("Capricorn %.*s, process %" PRIu64 ", %.*s for %.*s:",
           STR_ARG(text_of(it, "version", memory)), remote_number(it, "pid"),
           STR_ARG(text_of(it, "state", memory)),
           STR_ARG(duration_of(remote_number(it, "uptime_ms"), memory)));
    for (const json_value *each = remote_first(it, "listening"); each; each = each->next)
        printf(" %.*s", STR_ARG(clean(each->text, memory)));
    printf("\n%" PRIu64 " connections, %" PRIu64 " requests running, %" PRIu64
           " refused for want of a thread\n",
           remote_number(counters, "connections"), remote_number(counters, "requests"),
           remote_number(counters, "threads_refused"));
}

/* ---- apps ---- */

enum { APP_COLUMNS = 8 };

static void fill_app(const json_value *it, bool is_older, csgi_str *cells, arena *memory)
{
    uint64_t jobs = remote_number(it, "jobs");

    *cells++ = text_of(it, "name", memory);
    *cells++ = is_older ? STR("older") : STR("serves");
    *cells++ = arena_printf(memory, "%" PRIu64, remote_number(it, "generation"));
    *cells++ = text_of(it, "hash", memory);
    *cells++ = time_of(it, "loaded_ms", memory);
    *cells++ = arena_printf(memory, "%" PRIu64, remote_number(it, "requests"));
    *cells++ = jobs ? arena_printf(memory, "%" PRIu64, jobs) : STR("");
    *cells = text_of(it, "file", memory);
}

static size_t count_of(const json_value *root, const char *key)
{
    const json_value *found = json_find(root, str_from(key));

    return found ? found->count : 0;
}

static bool print_apps(const json_value *root, arena *memory)
{
    static const csgi_str titles[APP_COLUMNS] = {
        CSGI_STR("APP"),    CSGI_STR("STATE"),    CSGI_STR("GENERATION"), CSGI_STR("HASH"),
        CSGI_STR("LOADED"), CSGI_STR("REQUESTS"), CSGI_STR("JOBS"),       CSGI_STR("FILE"),
    };
    size_t room = count_of(root, "apps") + count_of(root, "older"), count = 0;
    csgi_str *cells =
        arena_alloc(memory, room * APP_COLUMNS * sizeof *cells + 1, _Alignof(csgi_str));

    if (!cells) return false;
    for (const json_value *it = remote_first(root, "apps"); it; it = it->next)
        fill_app(it, false, &cells[APP_COLUMNS * count++], memory);
    for (const json_value *it = remote_first(root, "older"); it; it = it->next)
        fill_app(it, true, &cells[APP_COLUMNS * count++], memory);
    putchar('\n');
    if (count)
        table_print(titles, cells, APP_COLUMNS, count);
    else
        puts("There is no app.");
    return true;
}

/* ---- reloads ---- */

/* The newest first. */
#define RELOADS_TOLD 10

static void print_reload(const json_value *it, arena *memory)
{
    const json_value *ok = json_find(it, STR("ok"));
    bool is_ok = ok && str_eq(ok->text, STR("true"));
    csgi_str rest = remote_text(it, "report");

    printf("  %" PRIu64 "  %.*s  %s in %" PRIu64 " ms (%.*s)", remote_number(it, "number"),
           STR_ARG(time_of(it, "at_ms", memory)), is_ok ? "done" : "failed",
           remote_number(it, "took_ms"), STR_ARG(text_of(it, "why", memory)));
    if (is_ok) {
        printf(": %.*s\n", STR_ARG(clean(rest, memory)));
        return;
    }
    putchar('\n');
    while (rest.len) {
        csgi_str line = clean(str_take(&rest, '\n'), memory);

        printf("       %.*s\n", STR_ARG(line));
    }
}

static void print_reloads(const json_value *root, arena *memory)
{
    const json_value *it = remote_first(root, "reloads");

    if (!it) return;
    puts("\nReloads, the last one first:");
    for (size_t i = 0; it && i < RELOADS_TOLD; i++, it = it->next)
        print_reload(it, memory);
}

static int tell(remote_answer *got, bool asks_json)
{
    if (got->answer.status != 200) {
        fprintf(stderr, "capricorn status: %.*s\n", STR_ARG(remote_text(got->root, "detail")));
        return EXIT_UNWELL;
    }
    if (asks_json) {
        printf("%.*s\n", STR_ARG(got->answer.body));
        return EXIT_SERVED;
    }
    print_server(got->root, &got->memory);
    if (!print_apps(got->root, &got->memory)) {
        fputs("capricorn status: no memory\n", stderr);
        return EXIT_UNWELL;
    }
    print_reloads(got->root, &got->memory);
    return EXIT_SERVED;
}

static int run(int argc, char **argv)
{
    const remote_question question = { "GET", "/status", CONTROL_ASK_TIMEOUT_MS };
    bool asks_json = take_flag(&argc, argv, "--json");
    server_options options;
    remote_answer got;
    int count, exit_status;

    if (!read_options(&status_command, argc, argv, &options, &count, &exit_status))
        return exit_status;
    if (count > 1) {
        fprintf(stderr, "capricorn status: found \"%s\", expected one process id, or none\n",
                argv[1]);
        return EXIT_USAGE;
    }
    if (!remote_ask(&status_command, &options, count ? argv[0] : NULL, &question, &got,
                    &exit_status))
        return exit_status;
    exit_status = tell(&got, asks_json);
    remote_end(&got);
    return exit_status;
}

const command status_command = {
    .name = "status",
    .summary = "say what a running server serves",
    .synopsis = "[OPTION ...] [--json] [PID]",
    .about = "Asks a server of this user's, the only one or that of the process id: which apps it "
             "serves, of which generation of their files (with the hash of what is loaded); which "
             "older generations still live, and how many requests and jobs run on each; and how "
             "the last reloads went.\n"
             "\n"
             "  --json   print all there is to know as a JSON object, the route table and further\n"
             "           counters included\n"
             "\n"
             "Exit status: 0 told, 1 no server, or no answer, 2 wrong usage.",
    .uses = OPTION_OF_CONTROL,
    .run = run,
};
