/* SPDX-License-Identifier: MIT
 * Where control sockets are when nobody says it: PID.sock in a directory that belongs to the user,
 * so that commands find the servers of their user. */
#ifndef CAPRICORN_WORKER_CONTROL_PATH_H
#define CAPRICORN_WORKER_CONTROL_PATH_H

#include <sys/types.h>
#include <sys/un.h>

#include "base/buffer.h"

typedef struct control_place {
    pid_t pid;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
} control_place;

/* The place for this process's own; makes the directory, and takes away what servers have left
 * there that are no more. CSGI_EFAIL: there is no such directory, and none can be made; *problem is
 * a sentence. */
csgi_status control_path_choose(control_place *out, buffer *problem);
/* The sockets of the user's servers that listen; how many were found, of which no more than room
 * are told. */
size_t control_path_find(control_place *out, size_t room);

#endif
