/* SPDX-License-Identifier: MIT
 * Happy eyeballs (RFC 8305). The addresses of both families come from one getaddrinfo, sorted by
 * RFC 6724, so that there is no waiting for the second family's answer (section 3). */
#include "client/race.h"

#include <string.h>

#include "base/check.h"

static void stop(race *self)
{
    timer_stop(self->loop, &self->next);
    for (size_t i = 0; i < self->begun; i++) {
        if (self->attempts[i].begun) connecting_cancel(self->attempts[i].begun);
        self->attempts[i].begun = NULL;
    }
}

static void on_connected(void *arg, stream *connected, csgi_status status, const char *reason);

/* Begins the next attempt that can be begun; then after a while the one behind it. */
static void begin_next(race *self)
{
    while (self->begun < self->count) {
        race_attempt *each = &self->attempts[self->begun++];

        if (stream_connect(self->loop, each->to, on_connected, each, &each->begun) == CSGI_OK)
            break;
        each->begun = NULL;
        each->reason = "no memory";
        self->no_memory = true;
        self->failed++;
    }
    if (self->begun < self->count) timer_start(self->loop, &self->next, RACE_DELAY_MS);
}

static void end_if_lost(race *self)
{
    if (self->failed < self->count) return;
    timer_stop(self->loop, &self->next);
    self->on_done(self, NULL);
}

static void on_connected(void *arg, stream *connected, csgi_status status, const char *reason)
{
    race_attempt *each = arg;
    race *self = each->race;

    each->begun = NULL;
    if (status == CSGI_OK) {
        stop(self);
        self->on_done(self, connected);
        return;
    }
    each->reason = reason;
    if (status == CSGI_ENOMEM) self->no_memory = true;
    self->failed++;
    begin_next(self);
    end_if_lost(self);
}

static void on_next_due(timer *due)
{
    race *self = CONTAINER_OF(due, race, next);

    begin_next(self);
    end_if_lost(self);
}

/* The first from at on that is of the family, or not of it. */
static size_t find_family(const address *addresses, size_t count, size_t at, int family, bool is)
{
    while (at < count && (addresses[at].as.any.sa_family == family) != is)
        at++;
    return at;
}

/* The first address's family leads; then they take turns, each in its own order. */
static void line_up(race *self, const address *addresses, size_t count)
{
    int leading = addresses[0].as.any.sa_family;
    size_t at[2] = { find_family(addresses, count, 0, leading, false), 0 };

    for (bool turn = true; self->count < RACE_MAX; turn = !turn) {
        if (at[turn] == count) turn = !turn;
        if (at[turn] == count) return;
        self->attempts[self->count++] = (race_attempt){ .race = self, .to = &addresses[at[turn]] };
        at[turn] = find_family(addresses, count, at[turn] + 1, leading, turn);
    }
}

void race_begin(race *self, loop *runner, const address *addresses, size_t count, race_fn on_done)
{
    CHECK(count > 0);
    self->loop = runner;
    self->on_done = on_done;
    self->count = self->begun = self->failed = 0;
    self->no_memory = false;
    timer_init(&self->next, on_next_due);
    line_up(self, addresses, count);
    begin_next(self);
    /* Told from the loop, even where nothing could be begun. */
    if (self->failed == self->count) timer_start(runner, &self->next, 0);
}

void race_cancel(race *self)
{
    stop(self);
}

void race_print(const race *self, buffer *out)
{
    size_t told = self->begun < RACE_TOLD ? self->begun : RACE_TOLD;

    for (size_t i = 0; i < told; i++) {
        const race_attempt *each = &self->attempts[i];

        if (i) buffer_printf(out, "; ");
        address_print(each->to, out);
        buffer_printf(out, ": %s", each->reason ? each->reason : "no answer");
    }
    if (self->begun > told) buffer_printf(out, "; and %zu more", self->begun - told);
}
