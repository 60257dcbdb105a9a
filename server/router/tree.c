/* SPDX-License-Identifier: MIT
 * The tree of route patterns. */
#include "router/tree.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/str.h"

struct tree_node {
    const tree_node *parent;
    csgi_str literal; /* when it was reached by one */
    uint64_t hash;
    tree_node *children[SEGMENT_CONVERTERS]; /* by kind; literals are in tree.literals */
    tree_route *routes;                      /* that end here; their methods are disjoint */
    bool has_literals, has_typed;
};

enum { FIRST_SLOTS = 64 }; /* a power of two */

static size_t literal_slot(const tree *self, const tree_node *parent, uint64_t hash)
{
    uint64_t mixed = (hash ^ (uintptr_t)parent) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)(mixed >> 32) & (self->literal_slots - 1);
}

static tree_node *find_literal(const tree *self, const tree_node *parent, csgi_str text,
                               uint64_t hash)
{
    size_t slot;

    if (!parent->has_literals) return NULL;
    slot = literal_slot(self, parent, hash);
    for (tree_node *node; (node = self->literals[slot]) != NULL;
         slot = (slot + 1) & (self->literal_slots - 1)) {
        if (node->hash == hash && node->parent == parent && str_eq(node->literal, text))
            return node;
    }
    return NULL;
}

static void place_literal(tree *self, tree_node *node)
{
    size_t slot = literal_slot(self, node->parent, node->hash);

    while (self->literals[slot])
        slot = (slot + 1) & (self->literal_slots - 1);
    self->literals[slot] = node;
}

/* Keeps the table at most half full, so that a lookup stays one or two steps. */
static csgi_status grow_literals(tree *self)
{
    tree_node **old = self->literals;
    size_t old_slots = self->literal_slots;
    tree_node **slots;

    if (self->literal_count * 2 < old_slots) return CSGI_OK;
    slots = calloc(old_slots * 2, sizeof(*slots));
    if (!slots) return CSGI_ENOMEM;
    self->literals = slots;
    self->literal_slots = old_slots * 2;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i]) place_literal(self, old[i]);
    }
    free(old);
    return CSGI_OK;
}

static tree_node *new_node(tree *self, const tree_node *parent)
{
    tree_node *node = arena_alloc(&self->arena, sizeof(*node), _Alignof(tree_node));

    if (node) *node = (tree_node){ .parent = parent };
    return node;
}

static uint64_t hash_text(csgi_str text)
{
    uint64_t hash = SEGMENT_HASH_START;

    for (size_t i = 0; i < text.len; i++)
        hash = segment_hash(hash, text.ptr[i]);
    return hash;
}

/* The child for a segment of a pattern, made when there is none; NULL: no memory. */
static tree_node *take_child(tree *self, tree_node *parent, const pattern_segment *segment)
{
    uint64_t hash = hash_text(segment->text);
    tree_node *node;

    if (segment->kind != SEGMENT_LITERAL) {
        if (!parent->children[segment->kind])
            parent->children[segment->kind] = new_node(self, parent);
        parent->has_typed = parent->children[SEGMENT_INT] || parent->children[SEGMENT_FLOAT] ||
                            parent->children[SEGMENT_UUID];
        return parent->children[segment->kind];
    }
    node = find_literal(self, parent, segment->text, hash);
    if (node) return node;
    if (grow_literals(self) != CSGI_OK) return NULL;
    node = new_node(self, parent);
    if (!node) return NULL;
    node->literal = segment->text;
    node->hash = hash;
    place_literal(self, node);
    self->literal_count++;
    parent->has_literals = true;
    return node;
}

/* An int is a float as well and both have one rank, so a candidate's int meets the table's floats,
 * and the other way round. */
static const tree_route *rival_below(const tree *self, const tree_node *node,
                                     const tree_route *candidate, size_t depth)
{
    const pattern_segment *segment = &candidate->pattern.segments[depth];
    const tree_node *children[2] = { NULL, NULL };

    if (depth == candidate->pattern.count) {
        for (const tree_route *here = node->routes; here; here = here->next_here) {
            if (here->methods & candidate->methods) return here;
        }
        return NULL;
    }
    if (segment->kind == SEGMENT_LITERAL) {
        children[0] = find_literal(self, node, segment->text, hash_text(segment->text));
    } else {
        children[0] = node->children[segment->kind];
        if (segment->kind == SEGMENT_INT) children[1] = node->children[SEGMENT_FLOAT];
        if (segment->kind == SEGMENT_FLOAT) children[1] = node->children[SEGMENT_INT];
    }
    for (size_t i = 0; i < COUNT_OF(children); i++) {
        const tree_route *rival =
            children[i] ? rival_below(self, children[i], candidate, depth + 1) : NULL;

        if (rival) return rival;
    }
    return NULL;
}

/* Two bits a segment, the first the highest: 3 literal, 2 typed, 1 str, 0 path or none. The greater
 * number is the better match. */
static uint64_t rank_at(size_t depth, uint64_t value)
{
    _Static_assert(ROUTE_MAX_SEGMENTS <= 32, "a rank has two bits a segment");
    return value << (2 * (ROUTE_MAX_SEGMENTS - 1 - depth));
}

/* The route of this node that takes the search's method. */
static const tree_route *pick_route(tree_search *search, const tree_node *node)
{
    const tree_route *get = NULL;

    for (const tree_route *here = node->routes; here; here = here->next_here) {
        if (here->methods & search->method) return here;
        if (search->method == METHOD_HEAD && here->methods & METHOD_GET) get = here;
        search->allowed |= here->methods;
    }
    return get;
}

static const tree_route *find_below(const tree *self, tree_search *search, const tree_node *node,
                                    size_t depth, uint64_t *rank);

static const tree_route *find_in_child(const tree *self, tree_search *search,
                                       const tree_node *child, size_t depth, uint64_t value,
                                       uint64_t *rank)
{
    uint64_t below = 0;
    const tree_route *found = child ? find_below(self, search, child, depth + 1, &below) : NULL;

    if (found) *rank = below | rank_at(depth, value);
    return found;
}

/* int and float may both match; then the better match further on decides. */
static const tree_route *find_typed(const tree *self, tree_search *search, const tree_node *node,
                                    size_t depth, uint64_t *rank)
{
    path_segment *segment = &search->segments[depth];
    const tree_route *best = NULL;

    if (!segment->has_typed) {
        segment->typed = segment_typed_kinds(segment->text);
        segment->has_typed = true;
    }
    for (segment_kind kind = SEGMENT_INT; segment->typed >> kind; kind++) {
        uint64_t rank_here = 0;
        const tree_route *found;

        if (!(segment->typed >> kind & 1)) continue;
        found = find_in_child(self, search, node->children[kind], depth, 2, &rank_here);
        if (!found || (best && rank_here <= *rank)) continue;
        best = found;
        *rank = rank_here;
    }
    return best;
}

static const tree_route *find_below(const tree *self, tree_search *search, const tree_node *node,
                                    size_t depth, uint64_t *rank)
{
    const path_segment *segment = &search->segments[depth];
    const tree_route *found = NULL;

    if (depth == search->count) return search->has_more ? NULL : pick_route(search, node);
    found = find_in_child(self, search, find_literal(self, node, segment->text, segment->hash),
                          depth, 3, rank);
    if (found) return found;
    if (segment->text.len) {
        if (node->has_typed) found = find_typed(self, search, node, depth, rank);
        if (found) return found;
        found = find_in_child(self, search, node->children[SEGMENT_STR], depth, 1, rank);
        if (found) return found;
    }
    if (!node->children[SEGMENT_PATH]) return NULL;
    *rank = 0;
    return pick_route(search, node->children[SEGMENT_PATH]);
}

csgi_status tree_init(tree *self)
{
    *self = (tree){ .literal_slots = FIRST_SLOTS };
    arena_init(&self->arena, NULL, 0);
    self->literals = calloc(FIRST_SLOTS, sizeof(tree_node *));
    self->root = new_node(self, NULL);
    if (self->root && self->literals) return CSGI_OK;
    tree_fini(self);
    return CSGI_ENOMEM;
}

void tree_fini(tree *self)
{
    free(self->literals);
    arena_reset(&self->arena);
}

const tree_route *tree_find_rival(const tree *self, const tree_route *candidate)
{
    return rival_below(self, self->root, candidate, 0);
}

csgi_status tree_add(tree *self, tree_route *added)
{
    tree_node *node = self->root;

    for (size_t i = 0; i < added->pattern.count; i++) {
        node = take_child(self, node, &added->pattern.segments[i]);
        if (!node) return CSGI_ENOMEM;
    }
    added->next_here = node->routes;
    node->routes = added;
    return CSGI_OK;
}

const tree_route *tree_find(const tree *self, tree_search *search)
{
    uint64_t rank = 0;

    return find_below(self, search, self->root, 0, &rank);
}
