/* SPDX-License-Identifier: MIT
 * The addresses of host names, remembered for some seconds. */
#ifndef CAPRICORN_CLIENT_NAMES_H
#define CAPRICORN_CLIENT_NAMES_H

#include "client/url.h"
#include "net/address.h"

#define NAMES_MAX    16u
#define NAMES_TTL_MS 10000u

typedef struct name_entry {
    char host[URL_HOST_MAX + 1];
    uint64_t until_ms;
    address *found;
    size_t count;
} name_entry;

/* All zero is an empty one. When it is full the oldest name is forgotten. */
typedef struct names {
    name_entry *entries[NAMES_MAX];
    size_t next;
} names;

/* NULL: not known, or for too long. Valid until the next names_keep. Ports are whatever they were.
 */
const name_entry *names_find(const names *self, const char *host, uint64_t now_ms);
/* Remembers a copy; silently not, when there is no memory. */
void names_keep(names *self, const char *host, const address *found, size_t count, uint64_t now_ms);
void names_fini(names *self);

#endif
