/* SPDX-License-Identifier: MIT
 * Where a request comes from, as the proxies between say it: X-Forwarded-For, -Proto, -Host and
 * -Port, and Forwarded (RFC 7239). Only a trusted peer is asked.
 *
 * - Client: the lists are read from their right end, which our own proxy wrote. Each trusted
 *   address vouches for the entry to its left; the first one that is not trusted is the client, and
 *   the leftmost if all are. An entry that is no address (unknown, hidden, malformed) ends this:
 * the nearest address known so far, at first the peer's, stays the client. Lines of the same name
 * are one list, in order. Without a port in the entry the client's port is 0.
 * - X-Forwarded-Proto and -Host count only when they say one thing; said twice and differently, or
 *   not a scheme (http, https) or host, they change nothing. X-Forwarded-Port completes a forwarded
 *   host that has no port, unless it is the scheme's own.
 * - Forwarded's proto and host are taken from the entries on the way to the client's, the leftmost
 *   first.
 * - Both kinds: a proxy that writes one passes the other on as anybody sent it. Neither can be
 *   preferred, so the request is refused when they contradict each other. */
#ifndef CAPRICORN_EXCHANGE_FORWARDED_H
#define CAPRICORN_EXCHANGE_FORWARDED_H

#include "config/trust.h"
#include "exchange/exchange.h"

/* Sets the exchange's client, scheme and Host as its trusted peer says. Costs one look at the names
 * when there is no such field. CSGI_EINVAL: contradictions, nothing is changed; CSGI_ENOMEM. */
csgi_status exchange_apply_forwarded(exchange *self, const trust_list *trusted);

#endif
