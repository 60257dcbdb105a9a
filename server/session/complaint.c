/* SPDX-License-Identifier: MIT
 * Warnings about peers, few enough. */
#include "session/complaint.h"

#include "base/str.h"
#include "log/log.h"
#include "loop/loop.h"

#define QUIET_NS UINT64_C(1000000000) /* between two */

void complain(const address *peer, const char *what)
{
    static uint64_t quiet_until_ns;
    uint64_t now_ns = loop_clock_ns();
    buffer from = { 0 };

    if (now_ns < quiet_until_ns) return;
    quiet_until_ns = now_ns + QUIET_NS;
    address_print(peer, &from);
    if (from.len == 0) buffer_printf(&from, "a Unix socket"); /* most have no name */
    log_warning("%.*s: %s", STR_ARG(buffer_str(&from)), what);
    buffer_fini(&from);
}
