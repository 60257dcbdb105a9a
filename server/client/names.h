/* SPDX-License-Identifier: MIT
 * The addresses of host names, remembered for some seconds; who asks for one that is being looked
 * up already waits for the same answer. */
#ifndef CAPRICORN_CLIENT_NAMES_H
#define CAPRICORN_CLIENT_NAMES_H

#include "base/list.h"
#include "net/address.h"

#define NAMES_MAX           256u /* remembered; the oldest is forgotten for one more */
#define NAMES_BUCKETS       64u
#define NAMES_TTL_MS        10000u /* getaddrinfo does not tell what the name's owner allows */
#define NAMES_FAILED_TTL_MS 1000u  /* that a name did not resolve is remembered, too */

typedef struct name_entry name_entry;
typedef struct name_wait name_wait;

/* Who waits for an answer. */
struct name_wait {
    list_node node;
    name_entry *asked;
    /* From the loop, once: at least one address, or none and why; valid for the call. */
    void (*on_found)(name_wait *self, const address *found, size_t count, const char *reason);
};

typedef struct names {
    loop *loop;
    uint64_t ttl_ms, failed_ttl_ms;
    list_node buckets[NAMES_BUCKETS]; /* of entries, by their name */
    list_node remembered;             /* the oldest first */
    size_t count;                     /* of those */
    size_t lookups;                   /* ever begun, for tests */
} names;

/* What is known of a name. */
struct name_entry {
    list_node in_bucket, in_remembered, waits;
    names *from;
    resolving *under_way; /* NULL: it is known */
    uint64_t until_ms;
    const char *reason; /* that there is no address */
    size_t count;
    address *found; /* their ports are 0 */
    size_t host_len;
    char host[];
};

/* ttl_ms and failed_ttl_ms as above; 0: nothing is remembered. */
void names_init(names *self, loop *loop, uint64_t ttl_ms, uint64_t failed_ttl_ms);
/* Nobody waits any more. */
void names_fini(names *self);

/* What is remembered, or NULL. Valid until the next event or call. Case does not matter. */
const name_entry *names_find(const names *self, const char *host);
/* Looks the name up, or joins who does; asker->on_found is set, and called unless it is given up
 * before. CSGI_EINVAL: this can be no name; CSGI_ENOMEM. [loop] or task */
csgi_status names_ask(names *self, const char *host, name_wait *asker);
/* The last one to give up ends the lookup. */
void names_give_up(name_wait *asker);
/* Its addresses are of no use: it will be looked up again. */
void names_forget(names *self, const char *host);

#endif
