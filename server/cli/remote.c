/* SPDX-License-Identifier: MIT
 * Finding a running server, asking it, and reading what it says. */
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "worker/control_path.h"
#include "worker/worker.h"

/* So many servers of a user are told apart. */
#define PLACES_MAX ((size_t)64)

static int refuse_place(const command *it, const control_place *found, size_t count,
                        const char *pid)
{
    if (pid) {
        fprintf(stderr,
                "capricorn %s: no server of this user's has the process id %s (servers that were "
                "started with --control-socket are found by it)\n",
                it->name, pid);
        return EXIT_UNWELL;
    }
    if (count == 0) {
        fprintf(stderr,
                "capricorn %s: no server of this user's is running (say which with "
                "--control-socket, as the server was told)\n",
                it->name);
        return EXIT_UNWELL;
    }
    fprintf(stderr,
            "capricorn %s: several servers of this user's are running: say which, as in "
            "\"capricorn %s %d\":\n",
            it->name, it->name, (int)found[0].pid);
    for (size_t i = 0; i < count && i < PLACES_MAX; i++)
        fprintf(stderr, "  %d  %s\n", (int)found[i].pid, found[i].path);
    return EXIT_USAGE;
}

static bool is_of(const control_place *it, const char *pid)
{
    uint64_t number;

    return str_parse_u64(str_from(pid), &number) && number == (uint64_t)it->pid;
}

/* One of this user's servers. */
static bool find_place(const command *it, const char *pid, control_place *out, int *exit_status)
{
    control_place found[PLACES_MAX];
    size_t count = control_path_find(found, PLACES_MAX);

    for (size_t i = 0; i < count && i < PLACES_MAX; i++) {
        if (pid ? !is_of(&found[i], pid) : count > 1) continue;
        *out = found[i];
        return true;
    }
    *exit_status = refuse_place(it, found, count, pid);
    return false;
}

static bool read_answer(const char *path, remote_answer *out, buffer *why)
{
    arena_init(&out->memory, NULL, 0);
    if (json_parse(path, out->answer.body, &out->memory, &out->root, why) != CSGI_OK) return false;
    if (out->root->kind == JSON_OBJECT) return true;
    buffer_printf(why, "%s: the answer is not a server's", path);
    return false;
}

bool remote_ask(const command *it, const server_options *options, const char *pid,
                const remote_question *question, remote_answer *out, int *exit_status)
{
    control_place own = { 0 };
    const char *path = options->control_socket;
    buffer why = { 0 };
    csgi_status status;

    memset(out, 0, sizeof *out);
    *exit_status = EXIT_UNWELL;
    if (path && pid) {
        fprintf(stderr,
                "capricorn %s: both --control-socket and the process id %s: one is enough\n",
                it->name, pid);
        *exit_status = EXIT_USAGE;
        return false;
    }
    if (!path && !find_place(it, pid, &own, exit_status)) return false;
    if (!path) path = own.path;
    status = control_ask(path, question->method, question->target, question->timeout_ms,
                         &out->answer, &why);
    if (status == CSGI_OK && read_answer(path, out, &why)) return true;
    fprintf(stderr, "capricorn %s: %.*s\n", it->name,
            STR_ARG(why.len ? buffer_str(&why) : STR("no memory")));
    buffer_fini(&why);
    if (status == CSGI_OK) remote_end(out);
    return false;
}

void remote_end(remote_answer *self)
{
    arena_reset(&self->memory);
    buffer_fini(&self->answer.text);
}

csgi_str remote_text(const json_value *object, const char *key)
{
    const json_value *found = json_find(object, str_from(key));

    return found && found->kind == JSON_STRING ? found->text : STR("");
}

uint64_t remote_number(const json_value *object, const char *key)
{
    const json_value *found = json_find(object, str_from(key));
    uint64_t number = 0;

    if (!found || found->kind != JSON_NUMBER) return 0;
    return str_parse_u64(found->text, &number) ? number : 0;
}

const json_value *remote_first(const json_value *object, const char *key)
{
    const json_value *found = json_find(object, str_from(key));

    return found && found->kind == JSON_ARRAY ? found->first : NULL;
}
