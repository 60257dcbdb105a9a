/* SPDX-License-Identifier: MIT
 * What the files of exchange/ share: references, and the ways a disconnect comes about. */
#ifndef CAPRICORN_EXCHANGE_INSIDE_H
#define CAPRICORN_EXCHANGE_INSIDE_H

#include "exchange/exchange.h"

/* One more holder; the last exchange_drop gives the memory back. */
void exchange_hold(exchange *self);
void exchange_drop(exchange *self);
/* From now on sends fail and receive yields disconnect; everyone who waits is woken, and the task
 * is cancelled after the grace. Twice is harmless. */
void exchange_disconnect(exchange *self);
/* Wakes the receiver, to look again. */
void exchange_wake_receiver(exchange *self);
/* HEAD, 204 and 304: no body on the wire, whatever is sent (RFC 9110 section 6.4.1). */
bool exchange_is_bodyless(const exchange *self);

#endif
