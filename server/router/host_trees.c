/* SPDX-License-Identifier: MIT
 * Which trees are for a host. */
#include "router/host_trees.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Where the name is, or belongs. */
static size_t place_of(const host_trees *self, csgi_str name, bool *is_there)
{
    size_t low = 0, high = self->count;

    *is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(self->items[middle]->name, name);

        if (order == 0) *is_there = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static csgi_status reserve(host_trees *self)
{
    size_t capacity = self->capacity ? self->capacity * 2 : 4;
    host_tree **items;

    if (self->count < self->capacity) return CSGI_OK;
    /* It cannot overflow: half of it is there already. */
    items = realloc(self->items, capacity * sizeof *items);
    if (!items) return CSGI_ENOMEM;
    self->items = items;
    self->capacity = capacity;
    return CSGI_OK;
}

static host_tree *host_tree_new(csgi_str name)
{
    host_tree *self = malloc(sizeof *self);

    if (!self) return NULL;
    if (tree_init(&self->tree) != CSGI_OK) {
        free(self);
        return NULL;
    }
    self->name = arena_copy_str(&self->tree.arena, name);
    if (self->name.ptr) return self;
    tree_fini(&self->tree);
    free(self);
    return NULL;
}

void host_trees_fini(host_trees *self)
{
    for (size_t i = 0; i < self->count; i++) {
        tree_fini(&self->items[i]->tree);
        free(self->items[i]);
    }
    free(self->items);
}

tree *host_trees_take(host_trees *self, csgi_str name)
{
    bool is_there;
    size_t at = place_of(self, name, &is_there);
    host_tree *added;

    if (is_there) return &self->items[at]->tree;
    if (reserve(self) != CSGI_OK) return NULL;
    added = host_tree_new(name);
    if (!added) return NULL;
    memmove(self->items + at + 1, self->items + at, (self->count - at) * sizeof *self->items);
    self->items[at] = added;
    self->count++;
    return &added->tree;
}

/* The name alone: "API.example.com.:8000" is "api.example.com". Into text; the length, or 0 for
 * what is no name. */
static size_t normalize(csgi_str host, char text[HOST_NAME_MAX_LEN])
{
    size_t end = host.len && host.ptr[0] == '[' ? str_find_char(host, ']') : 0;

    host = str_slice(host, 0, end + str_find_char(str_slice(host, end, host.len), ':'));
    if (host.len > 1 && host.ptr[host.len - 1] == '.') host.len--;
    if (host.len > HOST_NAME_MAX_LEN) return 0;
    for (size_t i = 0; i < host.len; i++)
        text[i] = char_lower(host.ptr[i]);
    return host.len;
}

static void look_up(const host_trees *self, csgi_str name, const tree **found, size_t *count)
{
    bool is_there;
    size_t at = place_of(self, name, &is_there);

    if (is_there) found[(*count)++] = &self->items[at]->tree;
}

size_t host_trees_find(const host_trees *self, csgi_str host, const tree *found[HOST_MATCHES_MAX])
{
    char text[HOST_NAME_MAX_LEN];
    size_t len = normalize(host, text), count = 0;

    if (len == 0) return 0;
    look_up(self, (csgi_str){ text, len }, found, &count);
    for (size_t i = 1; i < len; i++) {
        if (text[i] != '.') continue;
        text[i - 1] = '*'; /* in place of the labels before, which nobody looks at any more */
        look_up(self, (csgi_str){ text + i - 1, len - i + 1 }, found, &count);
    }
    return count;
}
