/* SPDX-License-Identifier: MIT
 * The trees of a route table that are for certain hosts alone: "api.example.com", or
 * "*.example.com" for every name below. A table without any costs a lookup nothing. */
#ifndef CAPRICORN_ROUTER_HOST_TREES_H
#define CAPRICORN_ROUTER_HOST_TREES_H

#include "router/tree.h"

/* Bytes of a name (RFC 1035 section 2.3.4), and so the most trees that one can match: its own, and
 * one for each dot that is not its first byte. */
#define HOST_NAME_MAX_LEN 255
#define HOST_MATCHES_MAX  HOST_NAME_MAX_LEN

typedef struct host_tree {
    csgi_str name; /* in the tree's arena */
    tree tree;
} host_tree;

/* All zeros: none. */
typedef struct host_trees {
    host_tree **items; /* sorted by name */
    size_t count, capacity;
} host_trees;

void host_trees_fini(host_trees *self);
/* The tree for a host, whose name is in lower case; made when there is none. NULL: no memory. */
tree *host_trees_take(host_trees *self, csgi_str name);
/* The trees that a request's host (in any case, perhaps with a port and a dot at its end) may have
 * its route in, the best first: its own name's, then the longest "*." name's. Returns how many. */
size_t host_trees_find(const host_trees *self, csgi_str host, const tree *found[HOST_MATCHES_MAX]);

#endif
