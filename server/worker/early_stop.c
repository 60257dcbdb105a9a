/* SPDX-License-Identifier: MIT
 * Signals before the loop runs. */
#include "worker/early_stop.h"

#include <signal.h>
#include <unistd.h>

#include "worker/worker.h"

/* Of those that came before the loop could tell them. */
static volatile sig_atomic_t early_signals;

static void on_early_signal(int signum)
{
    static const char line[] = "ERROR:    stopped while plugins were being loaded\n";

    if (early_signals == 0 || signum != SIGINT) {
        early_signals = 1;
        return;
    }
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(EXIT_START_FAILED);
}

bool early_stop_heeds_hangup(void)
{
    struct sigaction now;

    return sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler != SIG_IGN;
}

void early_stop_watch(void)
{
    signal(SIGINT, on_early_signal);
    signal(SIGTERM, on_early_signal);
    if (early_stop_heeds_hangup()) signal(SIGHUP, on_early_signal);
}

bool early_stop_was_asked(void)
{
    return early_signals != 0;
}

void late_stop_ignore(void)
{
    sigset_t those;

    sigemptyset(&those);
    sigaddset(&those, SIGINT);
    sigaddset(&those, SIGTERM);
    sigaddset(&those, SIGHUP);
    sigprocmask(SIG_BLOCK, &those, NULL);
}
