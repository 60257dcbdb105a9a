/* SPDX-License-Identifier: MIT
 * The report of a crash: a signal handler, so it calls only what is async-signal-safe, and formats
 * by hand. */
#include "loop/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "loop/core.h"

#define CRASH_STACK_SIZE ((size_t)65536)

typedef struct fatal_signal {
    int signum;
    const char *name;
    struct sigaction previous;
} fatal_signal;

static fatal_signal fatal_signals[] = { { .signum = SIGSEGV, .name = "SIGSEGV" },
                                        { .signum = SIGBUS, .name = "SIGBUS" },
                                        { .signum = SIGILL, .name = "SIGILL" },
                                        { .signum = SIGFPE, .name = "SIGFPE" },
                                        { .signum = SIGABRT, .name = "SIGABRT" } };

/* The loop of this thread. */
static _Thread_local const loop *loop_here;

/* The plugin that is being entered outside of a task, and how. */
static _Thread_local csgi_str step_plugin;
static _Thread_local const char *step_here;

/* Whom this thread of a pool works for, doing what, and where its stack ends. */
static _Thread_local const task_label *offload_label;
static _Thread_local const char *offload_doing;
static _Thread_local const char *offload_low;

/* One line, cut to fit. */
typedef struct crash_line {
    size_t len;
    char text[512];
} crash_line;

static void line_add(crash_line *line, const char *text, size_t len)
{
    for (size_t i = 0; i < len && line->len < sizeof(line->text); i++) {
        unsigned char c = (unsigned char)text[i];

        line->text[line->len++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
}

static void line_add_text(crash_line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

static void line_add_number(crash_line *line, uintptr_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    line_add(line, digits + at, sizeof(digits) - at);
}

static void line_add_label(crash_line *line, const task_label *label)
{
    line_add_text(line, "plugin ");
    line_add(line, label->plugin.ptr, label->plugin.len);
    line_add_text(line, ", endpoint ");
    line_add(line, label->endpoint.ptr, label->endpoint.len);
}

static void describe_overflow(crash_line *line, const task *victim)
{
    line_add_text(line, "stack overflow in ");
    line_add_label(line, victim->label);
    line_add_text(line, " (");
    line_add_number(line, victim->stack->size / 1024, 10);
    line_add_text(line,
                  " KiB): it needs less on its stack (large arrays on the heap), or a larger one: "
                  "--stack-size, or stack_size in its plugin's descriptor");
}

static void describe_place(crash_line *line, const task *victim)
{
    if (victim) {
        line_add_label(line, victim->label);
    } else if (offload_label) {
        line_add_label(line, offload_label);
        line_add_text(line, offload_doing);
    } else if (step_here) {
        line_add_text(line, step_here);
        line_add_text(line, " of ");
        line_add(line, step_plugin.ptr, step_plugin.len);
    } else {
        line_add_text(line, "the server's own work");
    }
}

static void describe_crash(crash_line *line, const task *victim, const fatal_signal *fatal,
                           const siginfo_t *info)
{
    line_add_text(line, "crash in ");
    describe_place(line, victim);
    line_add_text(line, ": ");
    line_add_text(line, fatal->name);
    if (info->si_code > 0) {
        line_add_text(line, " at address 0x");
        line_add_number(line, (uintptr_t)info->si_addr, 16);
    }
}

static void describe_offload_overflow(crash_line *line)
{
    line_add_text(line, "stack overflow in ");
    describe_place(line, NULL);
    line_add_text(line, ": it needs less on its stack (large arrays on the heap)");
}

/* Some C libraries count the guard as part of the stack. */
static bool is_in_offload_guard(const void *address)
{
    uintptr_t low = (uintptr_t)offload_low, at = (uintptr_t)address;

    return offload_label && low && at >= low - STACK_GUARD_SIZE && at < low + STACK_GUARD_SIZE;
}

static bool is_in_guard(const task *victim, const void *address)
{
    uintptr_t low = (uintptr_t)victim->stack->low, at = (uintptr_t)address;

    return at < low && at >= low - STACK_GUARD_SIZE;
}

static const task *running_task(void)
{
    return loop_here ? loop_here->tasks.current : NULL;
}

static void line_write(crash_line *line)
{
    ssize_t written;

    if (line->len == sizeof(line->text)) line->len--;
    line->text[line->len++] = '\n';
    written = write(STDERR_FILENO, line->text, line->len);
    (void)written;
}

static void report(const fatal_signal *fatal, const siginfo_t *info)
{
    const task *victim = running_task();
    crash_line line = { .len = 0 };

    line_add_text(&line, "CRITICAL: ");
    if (victim && info->si_code > 0 && is_in_guard(victim, info->si_addr))
        describe_overflow(&line, victim);
    else if (!victim && info->si_code > 0 && is_in_offload_guard(info->si_addr))
        describe_offload_overflow(&line);
    else
        describe_crash(&line, victim, fatal, info);
    line_write(&line);
}

/* The process ends in an orderly way; but by whose wish? */
static void on_exit_called(void)
{
    const task *caller = running_task();
    crash_line line = { .len = 0 };

    if (!caller && !offload_label && !step_here) return;
    line_add_text(&line, "CRITICAL: exit() was called in ");
    describe_place(&line, caller);
    line_add_text(&line, ": that ends the whole server; return an error instead");
    line_write(&line);
}

/* Whoever handled the signal before does so now: by default, the process dies of it. A fault comes
 * again when the handler returns to it; a signal that was sent is sent again. */
static void on_fatal_signal(int signum, siginfo_t *info, void *context)
{
    fatal_signal *fatal = fatal_signals;

    (void)context;
    while (fatal->signum != signum)
        fatal++;
    report(fatal, info);
    sigaction(signum, &fatal->previous, NULL);
    if (info->si_code <= 0) raise(signum);
}

void crash_set_step(csgi_str plugin, const char *step)
{
    step_plugin = plugin;
    step_here = step;
}

void crash_set_offload(const task_label *label, const char *doing)
{
    offload_doing = doing;
    offload_label = label;
}

void crash_set_thread_stack(const char *low)
{
    offload_low = low;
}

csgi_status crash_stack_init(crash_stack *self, const loop *owner)
{
    stack_t present, own = { .ss_size = CRASH_STACK_SIZE };

    self->memory = NULL;
    if (sigaltstack(NULL, &present) == 0 && (present.ss_flags & SS_DISABLE)) {
        own.ss_sp = self->memory = malloc(CRASH_STACK_SIZE);
        if (!self->memory) return CSGI_ENOMEM;
        CHECK(sigaltstack(&own, NULL) == 0);
    }
    loop_here = owner;
    return 0;
}

void crash_stack_fini(crash_stack *self)
{
    stack_t none = { .ss_flags = SS_DISABLE };

    loop_here = NULL;
    if (!self->memory) return;
    sigaltstack(&none, NULL);
    free(self->memory);
    self->memory = NULL;
}

csgi_status task_install_crash_report(void)
{
    static bool is_installed;
    struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

    /* A second time, the handler would pass the signal on to itself, for ever. */
    if (is_installed) return 0;
    is_installed = true;
    if (atexit(on_exit_called)) return CSGI_EFAIL;
    action.sa_sigaction = on_fatal_signal;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT_OF(fatal_signals); i++) {
        fatal_signal *fatal = &fatal_signals[i];

        if (sigaction(fatal->signum, &action, &fatal->previous) == 0) continue;
        log_error("cannot watch for crashes (%s): %s", fatal->name, strerror(errno));
        return CSGI_EFAIL;
    }
    return 0;
}
