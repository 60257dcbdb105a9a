/* SPDX-License-Identifier: MIT
 * The tree of route patterns: one level a segment. It finds the routes of a path that was split
 * already; it knows no raw paths, redirects or answers.
 *
 * A search looks at each node at most once, since a node stands for one place in the path: its cost
 * is bounded by the size of the table however the path is made, and without patterns that overlap
 * it is one step a segment. */
#ifndef CAPRICORN_ROUTER_TREE_H
#define CAPRICORN_ROUTER_TREE_H

#include "router/methods.h"
#include "router/pattern.h"

typedef struct tree_node tree_node;

/* A route in the tree. */
typedef struct tree_route tree_route;
struct tree_route {
    route route; /* copied */
    method_set methods;
    pattern pattern;
    tree_route *next_here; /* others that end at the same node */
};

typedef struct tree {
    arena arena; /* nodes, and whatever the routes need */
    tree_node *root;
    tree_node **literals; /* all nodes reached by a literal, hashed by parent and text */
    size_t literal_count, literal_slots;
} tree;

/* CSGI_ENOMEM: nothing to end. */
csgi_status tree_init(tree *self);
void tree_fini(tree *self);

/* A route that one request could match as well as this one, with the same rank; or NULL. */
const tree_route *tree_find_rival(const tree *self, const tree_route *candidate);
/* Adds a route whose memory is in the tree's arena. CSGI_ENOMEM. */
csgi_status tree_add(tree *self, tree_route *added);

typedef struct path_segment {
    csgi_str text;   /* decoded */
    const char *raw; /* where it begins in the raw path */
    uint64_t hash;   /* of text: segment_hash */
    unsigned typed;  /* segment_typed_kinds once has_typed */
    bool has_typed;
} path_segment;

#define SEGMENT_HASH_START UINT64_C(0xcbf29ce484222325)
/* FNV-1a, a byte at a time, so that splitting and hashing are one walk. */
static inline uint64_t segment_hash(uint64_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * UINT64_C(0x100000001b3);
}

/* A path to look up, and what the search finds out besides. */
typedef struct tree_search {
    path_segment segments[ROUTE_MAX_SEGMENTS + 1]; /* room for a slash that is tried */
    size_t count;
    bool has_more; /* the path has segments beyond these */
    method_set method;
    method_set allowed; /* out: methods of the routes that match but for the method */
} tree_search;

/* The best route for the path and method, or NULL. */
const tree_route *tree_find(const tree *self, tree_search *search);

#endif
