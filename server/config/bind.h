/* SPDX-License-Identifier: MIT
 * Where to listen: what --bind, --host, --port, --uds and --fd say together. */
#ifndef CAPRICORN_CONFIG_BIND_H
#define CAPRICORN_CONFIG_BIND_H

#include "config/options.h"

#define BIND_MAX          OPTION_LIST_MAX
#define BIND_HOST_MAX     253u /* bytes; the longest name that can be looked up */
#define BIND_PATH_MAX     107u /* what a socket's address has room for */
#define BIND_MODE_BY_MASK UINT32_MAX

typedef enum bind_kind { BIND_TCP, BIND_UNIX, BIND_FD } bind_kind;

typedef struct bind_spec {
    bind_kind kind;
    uint32_t port, fd;
    uint32_t mode; /* of a Unix socket's file; BIND_MODE_BY_MASK: as the umask says */
    char where[BIND_HOST_MAX + 1]; /* the host, without brackets, or the path */
} bind_spec;

typedef struct bind_list {
    size_t count; /* 0: nothing was asked for */
    bind_spec specs[BIND_MAX];
} bind_list;

/* Reads "host:port", "[::]:port", "unix:/path", "unix:/path?mode=660" or "fd://3". source (the
 * option's name) is for the message. CSGI_EINVAL: *problem has a line more. */
csgi_status bind_spec_parse(bind_spec *self, const char *source, csgi_str text, buffer *problem);
/* What the options ask for: flags beat the environment as a whole, and that the routes file; among
 * the options of each only one way may be chosen. CSGI_EINVAL: *problem has a line for each
 * mistake. */
csgi_status bind_list_choose(bind_list *self, const server_options *options, buffer *problem);
/* What --host and --port say, or their defaults. */
void bind_list_default(bind_list *self, const server_options *options);

#endif
