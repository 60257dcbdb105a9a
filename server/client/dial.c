/* SPDX-License-Identifier: MIT
 * Dialling: resolve, connect, told straight on. */
#include "client/dial.h"

#include <inttypes.h>
#include <string.h>

/* One call of dial, on its task's stack. */
typedef struct dialing {
    dialer *dialer;
    const url *to;
    pending *within;
    arena *memory;
    uint64_t connect_timeout_ms;
    const char *reason;   /* of a failure to resolve or connect */
    address *addresses;   /* resolved */
    size_t address_count; /* 0 when that failed */
    stream *connected;    /* NULL when that failed */
} dialing;

/* ---- addresses ---- */

static void on_resolved(void *arg, const address *found, size_t count, const char *reason)
{
    dialing *self = arg;

    self->address_count = 0;
    self->reason = reason;
    if (count == 0) {
        pending_settle(self->within, CSGI_EUNREACH);
        return;
    }
    names_keep(&self->dialer->names, self->to->host, found, count, loop_now_ms(self->within->loop));
    self->addresses = arena_alloc(self->memory, count * sizeof *found, 0);
    if (self->addresses) memcpy(self->addresses, found, count * sizeof *found);
    self->address_count = self->addresses ? count : 0;
    pending_settle(self->within, self->addresses ? CSGI_OK : CSGI_ENOMEM);
}

static csgi_status resolve(dialing *self, uint64_t due_ms)
{
    pending *within = self->within;
    resolving *asked;
    csgi_status status =
        address_resolve(within->loop, self->to->host, self->to->port, on_resolved, self, &asked);

    if (status == CSGI_EINVAL)
        return pending_explain(within, CSGI_EUNREACH, "the host's name is malformed");
    if (status) return pending_explain(within, status, "no memory");
    pending_begin(within, due_ms);
    status = pending_end(within);
    if (!within->settled) resolving_cancel(asked);
    if (status == CSGI_EUNREACH)
        return pending_explain(within, status, "the name '%s' did not resolve: %s", self->to->host,
                               self->reason);
    if (status == CSGI_ENOMEM) return pending_explain(within, status, "no memory");
    if (status == CSGI_ETIMEDOUT) {
        if (pending_is_over(within)) return pending_explain_total(within);
        return pending_explain(within, status,
                               "the name '%s' did not resolve within %" PRIu64 " ms",
                               self->to->host, self->connect_timeout_ms);
    }
    return status;
}

/* Paths, numeric addresses and localhost need no resolving. How many there are. */
static size_t given_addresses(const url *to, address out[ADDRESS_LOCALHOSTS])
{
    if (to->is_unix) return address_from_path(out, to->host) == CSGI_OK;
    if (address_from_ip(out, to->host, to->port) == CSGI_OK) return 1;
    return address_from_localhost(out, to->host, to->port);
}

static csgi_status find_addresses(dialing *self, uint64_t due_ms)
{
    const name_entry *known =
        names_find(&self->dialer->names, self->to->host, loop_now_ms(self->within->loop));
    size_t count = known ? known->count : ADDRESS_LOCALHOSTS;

    self->addresses = arena_alloc(self->memory, count * sizeof *self->addresses, 0);
    if (!self->addresses) return pending_explain(self->within, CSGI_ENOMEM, "no memory");
    if (!known) {
        self->address_count = given_addresses(self->to, self->addresses);
        return self->address_count ? CSGI_OK : resolve(self, due_ms);
    }
    memcpy(self->addresses, known->found, count * sizeof *self->addresses);
    for (size_t i = 0; i < count; i++)
        address_set_port(&self->addresses[i], self->to->port);
    self->address_count = count;
    return CSGI_OK;
}

/* ---- connecting ---- */

static void on_connected(void *arg, stream *connected, csgi_status status, const char *reason)
{
    dialing *self = arg;

    self->connected = connected;
    self->reason = reason;
    pending_settle(self->within, status);
}

/* One address. CSGI_ETIMEDOUT and CSGI_EUNREACH are left for the caller to explain. */
static csgi_status connect_to(dialing *self, const address *to, uint64_t due_ms)
{
    connecting *begun;
    csgi_status status = stream_connect(self->within->loop, to, on_connected, self, &begun);

    if (status) return pending_explain(self->within, status, "no memory for a connection");
    self->connected = NULL;
    pending_begin(self->within, due_ms);
    status = pending_end(self->within);
    if (!self->within->settled) connecting_cancel(begun);
    if (status && self->connected) stream_close(self->connected);
    return status;
}

/* Tries the addresses in order, each with its share of the time that is left. */
static csgi_status connect_any(dialing *self, uint64_t due_ms)
{
    pending *within = self->within;
    csgi_status status = CSGI_EUNREACH;

    for (size_t i = 0; i < self->address_count; i++) {
        uint64_t now_ms = loop_now_ms(within->loop);
        uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;

        status = connect_to(self, &self->addresses[i],
                            pending_due_ms(now_ms, left_ms / (self->address_count - i)));
        if (status != CSGI_EUNREACH && status != CSGI_ETIMEDOUT) return status;
        if (status == CSGI_ETIMEDOUT && pending_is_over(within))
            return pending_explain_total(within);
    }
    if (status == CSGI_EUNREACH) return pending_explain(within, status, "%s", self->reason);
    return pending_explain(within, status, "no connection within %" PRIu64 " ms",
                           self->connect_timeout_ms);
}

/* ---- public ---- */

void dialer_fini(dialer *self)
{
    names_fini(&self->names);
}

csgi_status dial(dialer *self, const url *to, uint64_t connect_timeout_ms, arena *memory,
                 pending *within, stream **out)
{
    dialing begun = { .dialer = self,
                      .to = to,
                      .within = within,
                      .memory = memory,
                      .connect_timeout_ms = connect_timeout_ms };
    uint64_t due_ms = pending_earlier(pending_due_ms(loop_now_ms(within->loop), connect_timeout_ms),
                                      within->total_due_ms);
    csgi_status status = find_addresses(&begun, due_ms);

    if (status == CSGI_OK) status = connect_any(&begun, due_ms);
    if (status == CSGI_OK) *out = begun.connected;
    return status;
}
