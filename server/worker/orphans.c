/* SPDX-License-Identifier: MIT
 * Waits for children that have ended, some time after the signal that says so. */
#include "worker/orphans.h"

#include <signal.h>
#include <sys/wait.h>

static void on_due(timer *due)
{
    (void)due;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

static void on_child(void *arg, int signum)
{
    orphans *self = arg;

    (void)signum;
    if (!timer_is_running(&self->due)) timer_start(self->loop, &self->due, ORPHANS_REAP_AFTER_MS);
}

csgi_status orphans_watch(orphans *self, loop *runner)
{
    self->loop = runner;
    timer_init(&self->due, on_due);
    on_child(self, SIGCHLD); /* some may have ended before */
    return loop_watch_signal(runner, SIGCHLD, on_child, self);
}

void orphans_close(orphans *self)
{
    if (self->loop) timer_stop(self->loop, &self->due);
}
