/* SPDX-License-Identifier: MIT
 * The listener's struct, shared by its binding (binding.c) and its accepting (listener.c). */
#ifndef CAPRICORN_NET_LISTENER_INSIDE_H
#define CAPRICORN_NET_LISTENER_INSIDE_H

#include "net/listener.h"
#include "net/stream_inside.h"

struct listener {
    uv_poll_t poll;
    loop *loop;
    int fd;
    bool is_tcp, has_poll, listening, closing, exhausted;
    bool listens_already; /* whoever made it began */
    bool owns_file;
    accept_fn on_accept;
    void *arg;
    timer pause;
    dev_t device; /* of the Unix socket's file */
    ino_t inode;
    address local;
};

/* Appends why this address cannot be listened on, and what to do. CSGI_EFAIL, or, if the code (of
 * errno) says so, CSGI_EUNREACH (this machine has no such address) or CSGI_ENOMEM. */
csgi_status listener_refuse(buffer *reason, const address *at, int code);

#endif
