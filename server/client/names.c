/* SPDX-License-Identifier: MIT
 * The addresses of host names, remembered for some seconds. */
#include "client/names.h"

#include <stdlib.h>
#include <string.h>

static void entry_free(name_entry *self)
{
    if (self) free(self->found);
    free(self);
}

static name_entry *find(const names *self, const char *host)
{
    for (size_t i = 0; i < NAMES_MAX; i++) {
        if (self->entries[i] && strcmp(self->entries[i]->host, host) == 0) return self->entries[i];
    }
    return NULL;
}

const name_entry *names_find(const names *self, const char *host, uint64_t now_ms)
{
    const name_entry *entry = find(self, host);

    return entry && now_ms < entry->until_ms ? entry : NULL;
}

/* The name's entry, or an empty one that takes the oldest's place. */
static name_entry *place(names *self, const char *host)
{
    name_entry *entry = find(self, host);

    if (entry) return entry;
    entry = calloc(1, sizeof *entry);
    if (!entry) return NULL;
    memcpy(entry->host, host, strlen(host) + 1);
    entry_free(self->entries[self->next]);
    self->entries[self->next] = entry;
    self->next = (self->next + 1) % NAMES_MAX;
    return entry;
}

void names_keep(names *self, const char *host, const address *found, size_t count, uint64_t now_ms)
{
    address *copy;
    name_entry *entry;

    if (strlen(host) > URL_HOST_MAX) return;
    copy = calloc(count, sizeof *copy);
    entry = copy ? place(self, host) : NULL;
    if (!entry) {
        free(copy);
        return;
    }
    memcpy(copy, found, count * sizeof *copy);
    free(entry->found);
    entry->found = copy;
    entry->count = count;
    entry->until_ms = now_ms + NAMES_TTL_MS;
}

void names_fini(names *self)
{
    for (size_t i = 0; i < NAMES_MAX; i++)
        entry_free(self->entries[i]);
    memset(self, 0, sizeof *self);
}
