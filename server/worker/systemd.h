/* SPDX-License-Identifier: MIT
 * What a service manager may pass on in the environment: listening sockets, a socket to notify, and
 * a watchdog to reassure. See sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3). */
#ifndef CAPRICORN_WORKER_SYSTEMD_H
#define CAPRICORN_WORKER_SYSTEMD_H

#include "config/bind.h"
#include "loop/timer.h"

/* Lists the sockets of LISTEN_FDS, perhaps none, if LISTEN_PID is this process; then these two and
 * LISTEN_FDNAMES are taken out of the environment. CSGI_EINVAL: *problem is a sentence. */
csgi_status systemd_find_sockets(bind_list *out, buffer *problem);
/* Takes them out all the same, for a process that listens elsewhere: they are not its children's.
 */
void systemd_forget_sockets(void);

/* All zero: nobody is told. */
typedef struct systemd {
    loop *loop;
    timer beat;
    uint64_t beat_ms; /* 0: no watchdog */
} systemd;

/* Begins to reassure the watchdog, from the loop, twice in its time. */
void systemd_open(systemd *self, loop *loop);
void systemd_close(systemd *self);
/* Sends "READY=1\nSTATUS=..." to NOTIFY_SOCKET, if there is one; a failure is no matter. */
void systemd_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
