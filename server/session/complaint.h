/* SPDX-License-Identifier: MIT
 * Warnings about what peers do. Anyone can bring them about, so there is one a second at most. */
#ifndef CAPRICORN_SESSION_COMPLAINT_H
#define CAPRICORN_SESSION_COMPLAINT_H

#include "net/address.h"

/* Logs "PEER: what"; a sentence that says what was done, and why. */
void complain(const address *peer, const char *what);

#endif
