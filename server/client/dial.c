/* SPDX-License-Identifier: MIT
 * Dialling: resolve, connect, open a tunnel, begin TLS, told straight on. */
#include "client/dial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "client/race.h"
#include "client/tunnel.h"

/* One call of dial, on its task's stack. */
typedef struct dialing {
    dialer *dialer;
    const url *to;
    const proxy *via;
    const url *place;   /* where to connect to: the URL's host, or the proxy */
    bool is_past_proxy; /* what fails now is beyond it */
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

/* As pending_explain; what the proxy did is told of it. */
__attribute__((format(printf, 3, 4))) static csgi_status explain(dialing *self, csgi_status status,
                                                                 const char *format, ...)
{
    buffer *why = self->within->why;
    va_list args;

    pending_explain(self->within, status, "%s", "");
    if (self->via && !self->is_past_proxy)
        buffer_printf(why, "the proxy %.*s: ", STR_ARG(self->via->name));
    va_start(args, format);
    buffer_vprintf(why, format, args);
    va_end(args);
    return status;
}

static csgi_status explain_no_memory(dialing *self)
{
    return explain(self, CSGI_ENOMEM, "no memory for a connection");
}

/* CSGI_ETIMEDOUT: says what did not happen in time. */
static csgi_status explain_late(dialing *self, const char *what)
{
    if (pending_is_over(self->within)) return pending_explain_total(self->within);
    return explain(self, CSGI_ETIMEDOUT, "%s within %" PRIu64 " ms", what,
                   self->connect_timeout_ms);
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
        address_set_port(&self->addresses[i], self->place->port);
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
    status = names_ask(&self->dialer->names, self->place->host, &self->wait);
    if (status == CSGI_EINVAL) self->reason = "it is malformed";
    if (status) return status == CSGI_EINVAL ? CSGI_EUNREACH : status;
    pending_begin(within, self->due_ms);
    status = pending_end(within);
    if (!within->settled) names_give_up(&self->wait);
    if (status != CSGI_ETIMEDOUT) return status;
    if (pending_is_over(within)) return pending_explain_total(within);
    return explain(self, status, "the name '%s' did not resolve within %" PRIu64 " ms",
                   self->place->host, self->connect_timeout_ms);
}

static csgi_status resolve(dialing *self)
{
    const name_entry *known = names_find(&self->dialer->names, self->place->host);
    csgi_status status = known ? take_addresses(self, known->found, known->count, known->reason)
                               : ask_for_addresses(self);

    if (status == CSGI_ENOMEM) return explain_no_memory(self);
    if (status == CSGI_EUNREACH)
        return explain(self, status, "the name '%s' did not resolve: %s", self->place->host,
                       self->reason);
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
    self->address_count = given_addresses(self->place, self->addresses);
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

/* An address that the URL itself names is not told once more. */
static bool is_told(const dialing *self)
{
    return self->address_count == 1 && !self->is_resolved;
}

static csgi_status explain_unreachable(dialing *self)
{
    if (self->is_resolved) names_forget(&self->dialer->names, self->place->host);
    if (is_told(self)) return explain(self, CSGI_EUNREACH, "%s", self->race.attempts[0].reason);
    explain(self, CSGI_EUNREACH, "%s", "");
    race_print(&self->race, self->within->why);
    return CSGI_EUNREACH;
}

static csgi_status explain_unanswered(dialing *self)
{
    buffer *why = self->within->why;

    if (self->is_resolved) names_forget(&self->dialer->names, self->place->host);
    explain_late(self, "no connection");
    if (is_told(self) || pending_is_over(self->within)) return CSGI_ETIMEDOUT;
    buffer_printf(why, " (");
    race_print(&self->race, why);
    buffer_printf(why, ")");
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
    if (status == CSGI_ENOMEM) return explain_no_memory(self);
    if (status == CSGI_EUNREACH) return explain_unreachable(self);
    return status == CSGI_ETIMEDOUT ? explain_unanswered(self) : status;
}

/* ---- tunnel ---- */

static void on_tunnel(tunnel *ended, csgi_status status, const char *reason)
{
    dialing *self = ended->arg;

    if (status) explain(self, status, "%s", reason);
    pending_settle(self->within, status);
}

/* [suspends] */
static csgi_status open_tunnel(dialing *self)
{
    tunnel *begun = arena_alloc(self->memory, sizeof *begun, 0);
    csgi_status status;

    if (!begun) return explain_no_memory(self);
    status = tunnel_begin(begun, self->connected, self->via, self->to, on_tunnel, self);
    if (status == CSGI_ENOMEM) return explain_no_memory(self);
    if (status) return explain(self, CSGI_EUNREACH, "it closed the connection");
    pending_begin(self->within, self->due_ms);
    status = pending_end(self->within);
    if (status == CSGI_ETIMEDOUT) return explain_late(self, "no answer to CONNECT");
    return status;
}

/* ---- TLS ---- */

static void on_ready(void *arg, csgi_status status, const char *reason)
{
    dialing *self = arg;

    if (status) explain(self, status, "%s", reason);
    pending_settle(self->within, status);
}

/* With the host that the URL names. [suspends] */
static csgi_status begin_tls(dialing *self, const url *with)
{
    tls_config *config;
    csgi_status status = secure_get(&self->dialer->secure, self->within, self->due_ms, &config);

    if (status) return status;
    if (tls_connect(self->connected, config, with->host, with->port, on_ready, self))
        return explain_no_memory(self);
    pending_begin(self->within, self->due_ms);
    status = pending_end(self->within);
    return status == CSGI_ETIMEDOUT ? explain_late(self, "no TLS connection") : status;
}

/* ---- all together ---- */

static csgi_status check_proxy(dialing *self)
{
    if (!self->via) return CSGI_OK;
    if (self->via->wrong)
        return pending_explain(self->within, CSGI_EINVAL,
                               "the proxy that the environment names cannot be used: %s",
                               self->via->wrong);
    if (self->via->at.is_https && self->to->is_https)
        return explain(self, CSGI_EINVAL,
                       "https through a proxy that is itself https is not supported");
    return CSGI_OK;
}

static csgi_status run(dialing *self)
{
    csgi_status status = check_proxy(self);

    if (status == CSGI_OK) status = find_addresses(self);
    if (status == CSGI_OK) status = connect_any(self);
    if (status == CSGI_OK && self->place->is_https && self->via)
        status = begin_tls(self, self->place);
    if (status == CSGI_OK && self->to->is_https && self->via) status = open_tunnel(self);
    self->is_past_proxy = true;
    if (status == CSGI_OK && self->to->is_https) status = begin_tls(self, self->to);
    return status;
}

/* ---- public ---- */

static const proxy *find_proxy(const dialer *self, const url *to)
{
    const proxy *found = proxies_find(&self->proxies, to);

    if (!found || to->port != self->own.port) return found;
    return str_eq_nocase(str_from(to->host), str_from(self->own.host)) ? NULL : found;
}

static csgi_status read_proxies(dialer *self, const dialer_options *options, buffer *why)
{
    const char *wrong = "no memory";
    csgi_status status = CSGI_OK;

    if (options->proxy.len) {
        status = proxies_from_url(&self->proxies, options->proxy, &wrong);
    } else if (!options->ignores_environment) {
        status =
            proxies_from_environment(&self->proxies, options->getenv ? options->getenv : getenv);
    }
    /* It is not quoted: it may have a password in it. */
    if (status) buffer_printf(why, "proxy: it cannot be used: %s", wrong);
    return status;
}

csgi_status dialer_init(dialer *self, loop *runner, const dialer_options *options, buffer *why)
{
    static const dialer_options usual;
    csgi_status status;

    if (!options) options = &usual;
    memset(self, 0, sizeof *self);
    status = read_proxies(self, options, why);
    if (status) return status;
    names_init(&self->names, runner, NAMES_TTL_MS, NAMES_FAILED_TTL_MS);
    secure_init(&self->secure, runner, &options->tls);
    status = secure_load_files(&self->secure, why);
    if (status) dialer_fini(self);
    return status;
}

void dialer_fini(dialer *self)
{
    names_fini(&self->names);
    secure_fini(&self->secure);
    proxies_fini(&self->proxies);
}

void dialer_set_own_url(dialer *self, csgi_str text)
{
    const char *why;
    url own;

    if (url_parse(text, &own, &why)) return;
    self->own = own;
    self->own.origin = self->own.authority = self->own.target = (csgi_str){ NULL, 0 };
}

const proxy *dialer_find_proxy(const dialer *self, const url *to)
{
    return to->is_https ? NULL : find_proxy(self, to);
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
    begun.via = find_proxy(self, to);
    begun.place = begun.via ? &begun.via->at : to;
    begun.within = within;
    begun.memory = memory;
    begun.connect_timeout_ms = connect_timeout_ms;
    begun.due_ms = pending_earlier(pending_due_ms(loop_now_ms(within->loop), connect_timeout_ms),
                                   within->total_due_ms);
    status = run(&begun);
    if (status == CSGI_OK)
        *out = begun.connected;
    else if (begun.connected)
        stream_close(begun.connected);
    return status;
}
