/* SPDX-License-Identifier: MIT
 * Would a plugin load? A child loads it, makes an instance, and writes its verdict into a pipe; the
 * parent waits with a limit. */
#include "worker/probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "worker/offline.h"

/* Where the child is, for the parent to read after a crash: shared memory. */
typedef struct step_note {
    char step[64];    /* "create"; empty: the server's own work */
    char plugin[512]; /* its name, or its file */
} step_note;

/* It is all a probe needs to know of a crash. */
static step_note *the_note;

static void on_step(csgi_str whose, const char *step)
{
    snprintf(the_note->step, sizeof the_note->step, "%s", step ? step : "");
    snprintf(the_note->plugin, sizeof the_note->plugin, "%.*s", STR_ARG(whose));
}

static const offline_purpose probing = { .server_url = CSGI_STR("http://127.0.0.1:8000"),
                                         .host_flags = CSGI_HOST_PROBE,
                                         .on_step = on_step };

static void describe(const plugin *loaded, const char *file, buffer *report)
{
    const csgi_plugin *it = &loaded->descriptor;

    buffer_printf(report, "%s: would load: %.*s %.*s, CSGI %u.%u", file, STR_ARG(it->name),
                  STR_ARG(it->version), it->abi_major, it->abi_minor);
    for (size_t i = 0; i < it->endpoint_count; i++) {
        const csgi_endpoint *endpoint = &loaded->endpoints[i];
        csgi_str methods = endpoint->methods.len ? endpoint->methods : STR("any method");

        if (endpoint->around) methods = STR("around");
        buffer_printf(report, "\n  %.*s: %.*s %.*s", STR_ARG(endpoint->name), STR_ARG(methods),
                      STR_ARG(endpoint->path));
    }
    buffer_append(report, "\n", 1);
}

/* In the child: loads, makes an instance, and fills the report. */
static csgi_status try_app(offline *apart, const server_options *options, const char *file,
                           plugin **loaded, buffer *problem)
{
    edition *only;
    csgi_status status = edition_new(apart->apps, &only);

    if (status != CSGI_OK) return status;
    status = plugins_open(&(plugin_loading){ only, options, NULL, NULL }, file, loaded, problem);
    if (status == CSGI_OK) status = plugins_add_app(only, file, *loaded, problem);
    if (status == CSGI_OK) status = edition_route_defaults(only, problem);
    edition_discard(only);
    return status;
}

static bool try_plugin(const server_options *options, const char *file, buffer *report)
{
    offline apart;
    buffer problem = { 0 };
    plugin *loaded = NULL;
    csgi_status status = offline_init(&apart, options, &probing);

    if (status == CSGI_OK) {
        status = try_app(&apart, options, file, &loaded, &problem);
        offline_close(&apart);
    }
    if (status == CSGI_OK) describe(loaded, file, report);
    if (loaded) {
        on_step(STR(""), "unload");
        plugin_release(loaded);
    }
    if (status != CSGI_OK && !problem.len)
        buffer_printf(&problem, "%s: no memory to load it", file);
    if (problem.len) buffer_printf(report, "%.*s\n", STR_ARG(buffer_str(&problem)));
    buffer_fini(&problem);
    return status == CSGI_OK;
}

/* What to try: a file, or else a choice. */
typedef struct trial {
    const server_options *options;
    const char *name; /* the file, or what messages call the choice */
    const plugin_choice *choice;
} trial;

static bool try_choice(const trial *self, buffer *report)
{
    offline apart;
    buffer problem = { 0 };
    csgi_status status = offline_open(&apart, self->options, self->choice, &probing, &problem);

    if (status == CSGI_OK) {
        size_t count = app_set_route_count(apart.apps);

        buffer_printf(report, "%s: OK, %zu route%s\n", self->name, count, count == 1 ? "" : "s");
        offline_close(&apart);
    } else if (problem.len) {
        buffer_append_str(report, buffer_str(&problem));
        if (problem.bytes[problem.len - 1] != '\n') buffer_append(report, "\n", 1);
    }
    buffer_fini(&problem);
    return status == CSGI_OK;
}

_Noreturn static void run_child(const trial *self, int verdict_fd)
{
    buffer report = { 0 };
    bool would_load;
    FILE *verdict = fdopen(verdict_fd, "w");

    buffer_append(&report, "-", 1);
    if (self->choice)
        would_load = try_choice(self, &report);
    else
        would_load = try_plugin(self->options, self->name, &report);
    if (verdict && report.len) {
        report.bytes[0] = would_load ? '+' : '-';
        fwrite(report.bytes, 1, report.len, verdict);
        fflush(verdict);
    }
    buffer_fini(&report);
    log_flush();
    _exit(0);
}

/* Reads until the child closes the pipe. False: the time is over. */
static bool read_verdict(int fd, buffer *verdict)
{
    struct pollfd entry = { .fd = fd, .events = POLLIN };
    ssize_t count = 1;
    uint64_t end_ns = loop_clock_ns() + PROBE_TIMEOUT_MS * UINT64_C(1000000);

    while (count > 0) {
        uint64_t now_ns = loop_clock_ns();

        if (now_ns >= end_ns) return false;
        if (poll(&entry, 1, (int)((end_ns - now_ns) / 1000000) + 1) <= 0) continue;
        if (buffer_reserve(verdict, 4096) != CSGI_OK) return true;
        count = read(fd, verdict->bytes + verdict->len, 4096);
        if (count > 0) verdict->len += (size_t)count;
        if (count < 0 && errno == EINTR) count = 1;
    }
    return true;
}

/* "create", and whose when the file that was named is not the plugin's. */
static void print_step(const trial *self, buffer *out)
{
    buffer_printf(out, "%s", the_note->step[0] ? the_note->step : "the loader");
    if (self->choice && the_note->plugin[0]) buffer_printf(out, " of %s", the_note->plugin);
}

static void report_no_verdict(const trial *self, int wait_status, bool timed_out, buffer *report)
{
    const char *file = self->name;
    buffer step = { 0 };

    print_step(self, &step);
    if (timed_out)
        buffer_printf(report, "%s: %.*s did not return within %d s; it must not wait\n", file,
                      STR_ARG(buffer_str(&step)), PROBE_TIMEOUT_MS / 1000);
    else if (WIFSIGNALED(wait_status))
        buffer_printf(report,
                      "%s: crashed in %.*s (%s); run it under a debugger: gdb --args capricorn run "
                      "%s\n",
                      file, STR_ARG(buffer_str(&step)), strsignal(WTERMSIG(wait_status)), file);
    else
        buffer_printf(report,
                      "%s: ended the process in %.*s (exit status %d); a plugin must not exit\n",
                      file, STR_ARG(buffer_str(&step)), WEXITSTATUS(wait_status));
    buffer_fini(&step);
}

/* Starts the child, which writes its verdict to *from. -1: it cannot be started. */
static pid_t start_child(const trial *self, int *from)
{
    int fds[2];
    pid_t child;

    if (pipe(fds) != 0) return -1;
    log_flush();
    child = fork();
    if (child == 0) {
        close(fds[0]);
        run_child(self, fds[1]);
    }
    close(fds[1]);
    if (child < 0)
        close(fds[0]);
    else
        *from = fds[0];
    return child;
}

/* Tries it in a child and waits for its end. */
static bool run_child_to_end(const trial *self, buffer *report)
{
    buffer verdict = { 0 };
    bool timed_out, would_load;
    int from, wait_status = 0;
    pid_t child = start_child(self, &from);

    if (child < 0) {
        buffer_printf(report, "%s: no process to try it in: %s\n", self->name, strerror(errno));
        return false;
    }
    timed_out = !read_verdict(from, &verdict);
    close(from);
    if (timed_out) kill(child, SIGKILL);
    while (waitpid(child, &wait_status, 0) < 0 && errno == EINTR)
        continue;
    would_load = verdict.len > 0 && verdict.bytes[0] == '+';
    if (verdict.len > 0)
        buffer_append(report, verdict.bytes + 1, verdict.len - 1);
    else
        report_no_verdict(self, wait_status, timed_out, report);
    buffer_fini(&verdict);
    return would_load;
}

static bool run_probe(const trial *self, buffer *report)
{
    bool would_load;

    the_note =
        mmap(NULL, sizeof *the_note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (the_note == MAP_FAILED) {
        buffer_printf(report, "%s: no memory to try it\n", self->name);
        return false;
    }
    would_load = run_child_to_end(self, report);
    munmap(the_note, sizeof *the_note);
    return would_load;
}

bool probe_choice(const server_options *options, const plugin_choice *choice, buffer *report)
{
    const trial tried = { options,
                          choice->routes       ? choice->routes->name.ptr
                          : choice->file_count ? choice->files[0]
                                               : options->plugin_dir,
                          choice };

    return run_probe(&tried, report);
}

bool probe_plugin(const server_options *options, const char *file, buffer *report)
{
    buffer problem = { 0 }, warnings = { 0 };
    bool would_load = elf_inspect(file, &problem, &warnings) == CSGI_OK;

    if (!would_load) buffer_printf(report, "%.*s\n", STR_ARG(buffer_str(&problem)));
    if (would_load) {
        const trial tried = { options, file, NULL };

        would_load = run_probe(&tried, report);
    }
    buffer_append_str(report, buffer_str(&warnings));
    buffer_fini(&problem);
    buffer_fini(&warnings);
    return would_load;
}
