/* SPDX-License-Identifier: MIT
 * Intrusive circular doubly-linked lists. A list_node is a head or a member; the owner's memory is
 * the owner's. */
#ifndef CAPRICORN_BASE_LIST_H
#define CAPRICORN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

typedef struct list_node {
    struct list_node *next, *prev;
} list_node;

static inline void list_init(list_node *node)
{
    node->next = node->prev = node;
}

static inline bool list_is_empty(const list_node *head)
{
    return head->next == head;
}

/* Adds node as the last of the list. */
static inline void list_append(list_node *head, list_node *node)
{
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}

/* Adds node as the first of the list. */
static inline void list_prepend(list_node *head, list_node *node)
{
    list_append(head->next, node);
}

/* Takes node out of its list; a node in no list (after list_init) stays so. */
static inline void list_remove(list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Takes the first node out; NULL when the list is empty. */
static inline list_node *list_pop(list_node *head)
{
    list_node *node = head->next;

    if (node == head) return NULL;
    list_remove(node);
    return node;
}

/* Walks the nodes; with _SAFE the current one may be removed. */
#define LIST_EACH(node, head) \
    for (list_node *node = (head)->next; node != (head); node = node->next)
#define LIST_EACH_SAFE(node, head)                                                  \
    for (list_node *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

#endif
