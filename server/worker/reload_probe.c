/* SPDX-License-Identifier: MIT
 * Trying in another process, from both sides. */
#include "worker/reload_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "loop/readiness.h"
#include "worker/offline.h"
#include "worker/worker.h"

#define ARGUMENTS_MAX ((size_t)1 << 20)
#define PIECE_SIZE    ((size_t)4096)

/* That program's exit status when a file was being written: no plugin's exit looks like it, since
 * the report says what was. */
#define EXIT_BUSY 75

extern char **environ;

/* Where the other process is, to be read after a crash: shared memory. */
typedef struct step_note {
    char step[64];    /* "create"; empty: the server's own work */
    char plugin[512]; /* its name, or its file */
} step_note;

/* ---- who tries ---- */

static step_note *the_note;

static void on_step(csgi_str whose, const char *step)
{
    snprintf(the_note->step, sizeof the_note->step, "%s", step ? step : "");
    snprintf(the_note->plugin, sizeof the_note->plugin, "%.*s", STR_ARG(whose));
}

static const offline_purpose trying = { .server_url = CSGI_STR("http://127.0.0.1:8000"),
                                        .host_flags = CSGI_HOST_PROBE,
                                        .on_step = on_step };

/* ---- trying the start-up too ---- */

typedef struct settled {
    loop *loop;
    csgi_status status;
} settled;

static void on_settled(void *arg, csgi_status status)
{
    settled *self = arg;

    self->status = status;
    loop_stop(self->loop);
}

/* All start side by side: the step names the one that began last. */
static csgi_status try_startup(offline *apart, edition *only, buffer *report)
{
    settled begun = { apart->loop, CSGI_EFAIL };

    edition_start(only, report, on_settled, &begun);
    loop_run(apart->loop);
    on_step(STR(""), NULL);
    return begun.status;
}

/* What has started is shut down. */
static void end_startup(offline *apart)
{
    settled begun = { apart->loop, CSGI_OK };

    app_set_cancel_all(apart->apps);
    app_set_shutdown(apart->apps, on_settled, &begun);
    loop_run(apart->loop);
}

static csgi_status try_all(offline *apart, const server_options *options,
                           const plugin_choice *choice, bool with_startup, buffer *report)
{
    registry *known;
    csgi_status status = registry_new(apart->loop, options, &known);
    buffer lines = { 0 };
    edition *only;

    if (status != CSGI_OK) return status;
    status = edition_new(apart->apps, &only);
    if (status == CSGI_OK) {
        status = plugins_load(&(plugin_loading){ only, options, choice, known }, report);
        if (status == CSGI_OK) status = registry_print_opened(known, &lines);
        if (status == CSGI_OK) buffer_append_str(report, buffer_str(&lines));
        if (status != CSGI_OK && registry_was_busy(known)) status = CSGI_EBUSY;
        if (status == CSGI_OK && with_startup) status = try_startup(apart, only, report);
        edition_discard(only);
        if (with_startup) end_startup(apart);
    }
    if (app_set_is_stuck(apart->apps)) return status;
    app_set_free(apart->apps);
    apart->apps = NULL;
    registry_free(known);
    buffer_fini(&lines);
    return status;
}

int reload_probe_serve(const server_options *options, const plugin_choice *choice, int note_fd,
                       bool with_startup)
{
    offline apart;
    buffer report = { 0 };
    csgi_status status;

    /* What it would log the report says, or the server when it does the same. */
    if (!freopen("/dev/null", "w", stderr)) return EXIT_START_FAILED;
    the_note = mmap(NULL, sizeof *the_note, PROT_READ | PROT_WRITE, MAP_SHARED, note_fd, 0);
    if (the_note == MAP_FAILED) return EXIT_START_FAILED;
    status = offline_init(&apart, options, &trying);
    if (status == CSGI_OK) {
        status = try_all(&apart, options, choice, with_startup, &report);
        offline_close(&apart);
    }
    log_flush();
    printf("%.*s", STR_ARG(buffer_str(&report)));
    fflush(stdout);
    buffer_fini(&report);
    if (status == CSGI_EBUSY) return EXIT_BUSY;
    return status == CSGI_OK ? EXIT_SERVED : EXIT_START_FAILED;
}

/* ---- who has it tried ---- */

/* This process's own arguments, as they were given. */
static char **own_arguments(void)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    buffer text = { 0 };
    size_t count = 0, at = 0;
    char **list;

    if (fd < 0) return NULL;
    if (buffer_read_all(&text, fd, ARGUMENTS_MAX) != CSGI_OK) text.len = 0;
    close(fd);
    for (size_t i = 0; i < text.len; i++)
        count += text.bytes[i] == '\0';
    /* One block: the list, and behind it the text. */
    list = count ? malloc((count + 1) * sizeof *list + text.len) : NULL;
    if (list) {
        char *copy = memcpy(list + count + 1, text.bytes, text.len);

        for (size_t i = 0; i < count; i++) {
            list[i] = copy + at;
            at += strlen(copy + at) + 1;
        }
        list[count] = NULL;
    }
    buffer_fini(&text);
    return list;
}

static size_t count_arguments(char *const *list)
{
    size_t count = 0;

    while (list[count])
        count++;
    return count;
}

/* Standard output is the pipe; so is standard error, for mistakes that are found before it is known
 * what is to be tried. */
static int spawn(char *const *arguments, bool with_startup, int output, int note_fd, pid_t *out)
{
    posix_spawn_file_actions_t actions;
    char flag[sizeof RELOAD_PROBE_FLAG + sizeof RELOAD_PROBE_STARTUP + 12];
    size_t count = count_arguments(arguments);
    char **list = malloc((count + 2) * sizeof *list);
    int failed;

    if (!list) return ENOMEM;
    snprintf(flag, sizeof flag, RELOAD_PROBE_FLAG "%d%s", note_fd,
             with_startup ? RELOAD_PROBE_STARTUP : "");
    memcpy(list, arguments, count * sizeof *list);
    list[count] = flag;
    list[count + 1] = NULL;
    failed = posix_spawn_file_actions_init(&actions);
    if (!failed) {
        failed = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (!failed) failed = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
        /* A copy onto itself takes the close-on-exec flag away. */
        if (!failed) failed = posix_spawn_file_actions_adddup2(&actions, note_fd, note_fd);
        if (!failed) failed = posix_spawn(out, "/proc/self/exe", &actions, NULL, list, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    free(list);
    return failed;
}

/* Until it closes its end. CSGI_ETIMEDOUT, CSGI_ECANCELED. [suspends] */
static csgi_status read_report(loop *runner, int fd, uint64_t limit_ms, buffer *report)
{
    uint64_t end_ms = loop_now_ms(runner) + limit_ms;
    unsigned ready;

    for (;;) {
        uint64_t now_ms = loop_now_ms(runner);
        csgi_status status = readiness_wait(runner, fd, READINESS_READ,
                                            end_ms > now_ms ? end_ms - now_ms : 0, &ready);
        ssize_t count;

        if (status != CSGI_OK) return status;
        if (buffer_reserve(report, PIECE_SIZE) != CSGI_OK) return CSGI_ENOMEM;
        count = read(fd, report->bytes + report->len, PIECE_SIZE);
        if (count == 0) return CSGI_OK;
        if (count > 0) report->len += (size_t)count;
        if (count < 0 && errno != EINTR && errno != EAGAIN) return CSGI_EFAIL;
    }
}

/* It has closed its output, or was killed: it ends in a moment. A plugin may have closed the
 * output, though, and wait for something. [suspends] */
static int wait_for(loop *runner, pid_t child, uint64_t limit_ms)
{
    uint64_t end_ms = loop_now_ms(runner) + limit_ms;
    int how = 0;
    pid_t ended;

    while ((ended = waitpid(child, &how, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (task_sleep(runner, 1) != CSGI_OK || loop_now_ms(runner) > end_ms) kill(child, SIGKILL);
    }
    return ended < 0 ? 0 : how; /* as process 1 the server may have reaped it already */
}

static csgi_status judge(const step_note *note, int how, csgi_status read_status, uint64_t limit_ms,
                         buffer *report)
{
    const char *step = note->step[0] ? note->step : "the loader";
    const char *name = note->plugin[0] ? note->plugin : "a plugin";

    if (read_status == CSGI_ETIMEDOUT) {
        report->len = 0;
        buffer_printf(report, "%s: %s did not return within %" PRIu64 " s; it must not wait\n",
                      name, step, limit_ms / 1000);
        return CSGI_EFAIL;
    }
    if (read_status != CSGI_OK) return read_status;
    if (WIFSIGNALED(how)) {
        report->len = 0;
        buffer_printf(report, "%s: crashed in %s (%s)\n", name, step, strsignal(WTERMSIG(how)));
        return CSGI_EFAIL;
    }
    if (WEXITSTATUS(how) == EXIT_SERVED) return CSGI_OK;
    if (report->len == 0)
        buffer_printf(report,
                      "%s: ended the process in %s (exit status %d); a plugin must not exit\n",
                      name, step, WEXITSTATUS(how));
    return WEXITSTATUS(how) == EXIT_BUSY ? CSGI_EBUSY : CSGI_EFAIL;
}

static csgi_status refuse_process(int error, buffer *report)
{
    buffer_printf(report, "no process to try it in: %s\n", strerror(error));
    return CSGI_EFAIL;
}

static csgi_status run_child(loop *runner, char *const *arguments, bool with_startup, int note_fd,
                             const step_note *note, uint64_t limit_ms, buffer *report)
{
    int ends[2], failed, how;
    pid_t child;
    csgi_status status;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return refuse_process(errno, report);
    fcntl(ends[1], F_SETFL, 0); /* the child's end blocks */
    failed = spawn(arguments, with_startup, ends[1], note_fd, &child);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        return refuse_process(failed, report);
    }
    status = read_report(runner, ends[0], limit_ms, report);
    close(ends[0]);
    if (status != CSGI_OK) kill(child, SIGKILL);
    how = wait_for(runner, child, limit_ms);
    return judge(note, how, status, limit_ms, report);
}

csgi_status reload_probe_run(loop *runner, char *const *arguments, bool with_startup,
                             uint64_t limit_ms, buffer *report)
{
    char **own = arguments ? NULL : own_arguments();
    int note_fd = memfd_create("capricorn-probe", MFD_CLOEXEC);
    step_note *note = MAP_FAILED;
    csgi_status status = CSGI_ENOMEM;

    if (note_fd < 0) status = refuse_process(errno, report);
    if (note_fd >= 0 && ftruncate(note_fd, sizeof *note) == 0)
        note = mmap(NULL, sizeof *note, PROT_READ, MAP_SHARED, note_fd, 0);
    if (note != MAP_FAILED && (arguments || own))
        status = run_child(runner, arguments ? arguments : own, with_startup, note_fd, note,
                           limit_ms, report);
    if (note != MAP_FAILED) munmap(note, sizeof *note);
    if (note_fd >= 0) close(note_fd);
    free(own);
    return status;
}
