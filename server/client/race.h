/* SPDX-License-Identifier: MIT
 * Happy eyeballs (RFC 8305): of several addresses the first that connects. It asks no name server,
 * and waits for nobody: it tells. */
#ifndef CAPRICORN_CLIENT_RACE_H
#define CAPRICORN_CLIENT_RACE_H

#include "loop/timer.h"
#include "net/stream.h"

#define RACE_MAX 16u /* addresses that are tried; what a name has beyond them is left out */
#define RACE_DELAY_MS                                                                     \
    250u             /* before the next one is tried beside those that have not answered: \
                        RFC 8305 section 8 */
#define RACE_TOLD 4u /* addresses in the text about a failure */

typedef struct race race;
typedef void (*race_fn)(race *self, stream *connected);

/* One address, and what became of it. */
typedef struct race_attempt {
    race *race;
    const address *to;
    connecting *begun;  /* NULL: not under way */
    const char *reason; /* NULL: it has not failed */
} race_attempt;

struct race {
    loop *loop;
    race_fn on_done; /* from the loop: the stream, or NULL when all have failed; the race is over */
    size_t count, begun, failed;
    bool no_memory; /* one of them failed for want of memory */
    timer next;
    race_attempt attempts[RACE_MAX];
};

/* Begins to connect, in this order but with the families of addresses taking turns (RFC 8305
 * section 4). There is at least one address; they stay until the end. */
void race_begin(race *self, loop *loop, const address *addresses, size_t count, race_fn on_done);
/* Gives up before on_done, which is not called then. */
void race_cancel(race *self);
/* Appends what each address said: "127.0.0.1:9: connection refused; [::1]:9: no answer". */
void race_print(const race *self, buffer *out);

#endif
