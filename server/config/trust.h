/* SPDX-License-Identifier: MIT
 * Whose word is taken for where a request comes from: a list of addresses and networks, as in
 * "127.0.0.1, 10.0.0.0/8, 2001:db8::/32, unix:", or "*" for everyone. */
#ifndef CAPRICORN_CONFIG_TRUST_H
#define CAPRICORN_CONFIG_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <csgi/types.h>

typedef struct trust_network trust_network;

/* All zero trusts nobody. */
typedef struct trust_list {
    trust_network *networks;
    size_t count;
    bool all;        /* "*" */
    bool unix_peers; /* "unix:", whoever may open the server's Unix socket */
} trust_list;

/* Reads the list. CSGI_EINVAL: the entry *wrong (a part of text) is none, *why says what it lacks.
 * CSGI_ENOMEM. */
csgi_status trust_list_parse(trust_list *self, csgi_str text, csgi_str *wrong, const char **why);
void trust_list_fini(trust_list *self);
/* Is this one of them? An IPv4 address inside IPv6 (::ffff:10.0.0.1) counts as the IPv4 address,
 * and an IPv6 network never has it; nor does an IPv4 network have IPv6 addresses. */
bool trust_list_has(const trust_list *self, const struct sockaddr *peer);

#endif
