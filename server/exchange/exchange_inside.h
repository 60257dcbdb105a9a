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
/* HEAD, 204, 205 and 304: no body on the wire, whatever is sent (RFC 9110 sections 6.4.1 and
 * 15.3.6). */
bool exchange_is_bodyless(const exchange *self);

/* ---- sending ---- */

/* Waits until those who called before have ended; exchange_leave passes the turn on. [suspends] */
csgi_status exchange_enter(exchange *self);
void exchange_leave(exchange *self);
/* What every send ends with: one who does not listen is slowed down. [suspends] */
csgi_status exchange_end_send(exchange *self, csgi_status status);
/* Can nothing be sent any more? After a complete response the wire lets go, and that is no
 * disconnect. */
bool exchange_is_closed(const exchange *self);
/* Stores the text; returns the status. */
csgi_status exchange_refuse(const char **why, csgi_status status, const char *text);
csgi_status exchange_refuse_field(exchange *self, csgi_field field, const char *problem,
                                  const char **why);
/* Looks at a field as RFC 9110 section 5 does. CSGI_EINVAL. */
csgi_status exchange_check_field(exchange *self, csgi_field field, const char **why);
/* May a piece of body be sent now? CSGI_ESTATE, CSGI_EDISCONNECTED. */
csgi_status exchange_body_is_due(const exchange *self, const char **why);
/* Does a piece of that length agree with the declared one? CSGI_EINVAL: as exchange_body. If it is
 * the whole body, its length becomes the declared one. */
csgi_status exchange_fit_length(exchange *self, uint64_t len, bool more, const char **why);
/* exchange_body for one whose turn it is. [suspends] */
csgi_status exchange_body_in_turn(exchange *self, csgi_str bytes, bool more, const char **why);
/* Hands bytes to the wire, which lets go of the exchange if they end the response; cuts when it
 * cannot take them. */
csgi_status exchange_deliver(exchange *self, csgi_str bytes, bool last);
/* Suspends while more than that many bytes wait for the kernel. */
csgi_status exchange_wait_drained(exchange *self, size_t most);
/* Nothing can follow: cuts the wire. */
void exchange_cut(exchange *self);
/* The response is complete; the wire has let go, or is about to. */
void exchange_completed(exchange *self);

#endif
