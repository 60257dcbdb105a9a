/* SPDX-License-Identifier: MIT
 * Dialling: resolve, connect, told straight on. */
#include "client/dial.h"

#include <inttypes.h>
#include <string.h>

#include "client/race.h"

/* One call of dial, on its task's stack. */
typedef struct dialing {
    dialer *dialer;
    const url *to;
    pending *within;
    arena *memory;
    uint64_t connect_timeout_ms;
    uint64_t due_ms;
    address *addresses;
    size_t address_count;
    bool is_resolved;   /* the addresses are not what the URL itself says */
    const char *reason; /* that there is none */
    name_wait wait;
    race race;
    stream *connected; /* NULL when that failed */
} dialing;

static csgi_status explain_no_memory(dialing *self)
{
    return pending_explain(self->within, CSGI_ENOMEM, "no memory for a connection");
}

/* ---- addresses ---- */

static csgi_status take_addresses(dialing *self, const address *found, size_t count,
                                  const char *reason)
{
    self->reason = reason;
    if (count == 0) return CSGI_EUNREACH;
    self->addresses = arena_alloc(self->memory, count * sizeof *found, 0);
    if (!self->addresses) return CSGI_ENOMEM;
    memcpy(self->addresses, found, count * sizeof *found);
    for (size_t i = 0; i < count; i++)
        address_set_port(&self->addresses[i], self->to->port);
    self->address_count = count;
    self->is_resolved = true;
    return CSGI_OK;
}

static void on_found(name_wait *wait, const address *found, size_t count, const char *reason)
{
    dialing *self = CONTAINER_OF(wait, dialing, wait);

    pending_settle(self->within, take_addresses(self, found, count, reason));
}

/* Asks the system, and waits. CSGI_EUNREACH and CSGI_ENOMEM are left for the caller to explain.
 * [suspends] */
static csgi_status ask_for_addresses(dialing *self)
{
    pending *within = self->within;
    csgi_status status;

    self->wait.on_found = on_found;
    status = names_ask(&self->dialer->names, self->to->host, &self->wait);
    if (status == CSGI_EINVAL) self->reason = "it is malformed";
    if (status) return status == CSGI_EINVAL ? CSGI_EUNREACH : status;
    pending_begin(within, self->due_ms);
    status = pending_end(within);
    if (!within->settled) names_give_up(&self->wait);
    if (status != CSGI_ETIMEDOUT) return status;
    if (pending_is_over(within)) return pending_explain_total(within);
    return pending_explain(within, status, "the name '%s' did not resolve within %" PRIu64 " ms",
                           self->to->host, self->connect_timeout_ms);
}

static csgi_status resolve(dialing *self)
{
    const name_entry *known = names_find(&self->dialer->names, self->to->host);
    csgi_status status = known ? take_addresses(self, known->found, known->count, known->reason)
                               : ask_for_addresses(self);

    if (status == CSGI_ENOMEM) return explain_no_memory(self);
    if (status == CSGI_EUNREACH)
        return pending_explain(self->within, status, "the name '%s' did not resolve: %s",
                               self->to->host, self->reason);
    return status;
}

/* Paths, numeric addresses and localhost need no resolving. How many there are. */
static size_t given_addresses(const url *to, address out[ADDRESS_LOCALHOSTS])
{
    if (to->is_unix) return address_from_path(out, to->host) == CSGI_OK;
    if (address_from_ip(out, to->host, to->port) == CSGI_OK) return 1;
    return address_from_localhost(out, to->host, to->port);
}

static csgi_status find_addresses(dialing *self)
{
    self->addresses = arena_alloc(self->memory, ADDRESS_LOCALHOSTS * sizeof *self->addresses, 0);
    if (!self->addresses) return explain_no_memory(self);
    self->address_count = given_addresses(self->to, self->addresses);
    return self->address_count ? CSGI_OK : resolve(self);
}

/* ---- connecting ---- */

static void on_connected(race *ended, stream *connected)
{
    dialing *self = CONTAINER_OF(ended, dialing, race);
    csgi_status failure = ended->no_memory ? CSGI_ENOMEM : CSGI_EUNREACH;

    self->connected = connected;
    pending_settle(self->within, connected ? CSGI_OK : failure);
}

/* Says what each address did, or the only one, where the URL names it. */
static csgi_status explain_unreachable(dialing *self)
{
    buffer *why = self->within->why;

    if (self->address_count == 1 && !self->is_resolved)
        return pending_explain(self->within, CSGI_EUNREACH, "%s", self->race.attempts[0].reason);
    if (self->is_resolved) names_forget(&self->dialer->names, self->to->host);
    pending_explain(self->within, CSGI_EUNREACH, "%s", "");
    race_print(&self->race, why);
    return CSGI_EUNREACH;
}

static csgi_status explain_late(dialing *self)
{
    pending *within = self->within;

    if (pending_is_over(within)) return pending_explain_total(within);
    if (self->is_resolved) names_forget(&self->dialer->names, self->to->host);
    pending_explain(within, CSGI_ETIMEDOUT, "no connection within %" PRIu64 " ms",
                    self->connect_timeout_ms);
    if (self->address_count == 1 && !self->is_resolved) return CSGI_ETIMEDOUT;
    buffer_printf(within->why, " (");
    race_print(&self->race, within->why);
    buffer_printf(within->why, ")");
    return CSGI_ETIMEDOUT;
}

/* [suspends] */
static csgi_status connect_any(dialing *self)
{
    pending *within = self->within;
    csgi_status status;

    race_begin(&self->race, within->loop, self->addresses, self->address_count, on_connected);
    pending_begin(within, self->due_ms);
    status = pending_end(within);
    if (!within->settled) race_cancel(&self->race);
    if (status && self->connected) stream_close(self->connected);
    if (status == CSGI_ENOMEM) return explain_no_memory(self);
    if (status == CSGI_EUNREACH) return explain_unreachable(self);
    return status == CSGI_ETIMEDOUT ? explain_late(self) : status;
}

/* ---- public ---- */

void dialer_init(dialer *self, loop *runner)
{
    names_init(&self->names, runner, NAMES_TTL_MS, NAMES_FAILED_TTL_MS);
}

void dialer_fini(dialer *self)
{
    names_fini(&self->names);
}

csgi_status dial(dialer *self, const url *to, uint64_t connect_timeout_ms, arena *memory,
                 pending *within, stream **out)
{
    dialing begun;
    csgi_status status;

    /* The race sets itself up. */
    memset(&begun, 0, offsetof(dialing, race));
    begun.connected = NULL;
    begun.dialer = self;
    begun.to = to;
    begun.within = within;
    begun.memory = memory;
    begun.connect_timeout_ms = connect_timeout_ms;
    begun.due_ms = pending_earlier(pending_due_ms(loop_now_ms(within->loop), connect_timeout_ms),
                                   within->total_due_ms);
    status = find_addresses(&begun);
    if (status == CSGI_OK) status = connect_any(&begun);
    if (status == CSGI_OK) *out = begun.connected;
    return status;
}
