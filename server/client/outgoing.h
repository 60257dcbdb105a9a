/* SPDX-License-Identifier: MIT
 * A request as it goes out: what the caller said, and what its client's settings add. No I/O. */
#ifndef CAPRICORN_CLIENT_OUTGOING_H
#define CAPRICORN_CLIENT_OUTGOING_H

#include "client/settings.h"

typedef struct outgoing {
    csgi_client_request request; /* to be sent now */
    const settings *with;        /* NULL: none */
    csgi_fields own;             /* the caller's fields */
    csgi_str authorization;      /* of the request or its client; empty: none */
    arena *memory;
    buffer *why;
} outgoing;

/* The request, of full size, as its settings (or NULL) complete it. All is borrowed. CSGI_EINVAL:
 * *why says what is wrong with it. CSGI_ENOMEM. */
csgi_status outgoing_init(outgoing *self, const csgi_client_request *asked, const settings *with,
                          arena *memory, buffer *why);

/* The first field of that name, whatever its case; NULL: there is none. */
const csgi_field *outgoing_find_field(csgi_fields fields, csgi_str name);

#endif
