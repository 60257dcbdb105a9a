/* SPDX-License-Identifier: MIT
 * A request as it goes out: what the caller said, what its client's settings add, what is passed on
 * of the request that is being served, and what a redirect changes. No I/O. */
#ifndef CAPRICORN_CLIENT_OUTGOING_H
#define CAPRICORN_CLIENT_OUTGOING_H

#include "client/settings.h"
#include "client/trace.h"

typedef struct outgoing {
    csgi_client_request request; /* to be sent now */
    const settings *with;        /* NULL: none */
    csgi_fields own;             /* the caller's fields */
    csgi_str authorization;      /* of the request or its client; empty: none */
    csgi_field passed[2];        /* traceparent and tracestate, */
    size_t passed_count;         /* if they are passed on */
    bool is_elsewhere;           /* it was led to another origin: credentials stay behind */
    bool is_bodiless;            /* a redirect has made a GET of it */
    arena *memory;
    buffer *why;
} outgoing;

/* The request, of full size, as its settings (or NULL) complete it. inbound: the fields of the
 * request that is being served. All is borrowed. CSGI_EINVAL: *why says what is wrong with it.
 * CSGI_ENOMEM. */
csgi_status outgoing_init(outgoing *self, const csgi_client_request *asked, const settings *with,
                          csgi_fields inbound, arena *memory, buffer *why);
/* Makes the fields that go out now; once before each time it is sent. CSGI_ENOMEM. */
csgi_status outgoing_prepare(outgoing *self);
/* Keeps the cookies of a response to it, if its client does. */
void outgoing_keep_cookies(const outgoing *self, const csgi_client_response *response);
/* Does it lead on (RFC 9110 section 15.4)? *location is where to. */
bool outgoing_is_redirect(const csgi_client_response *response, csgi_str *location);
/* Makes of it what such a response asks for. CSGI_EPROTO: it leads to no URL that can be asked;
 * *why says so, without the URL, which may hold secrets. CSGI_ENOMEM. */
csgi_status outgoing_follow(outgoing *self, uint32_t status, csgi_str location);

/* Has the request that is being served a trace? */
bool outgoing_has_trace(csgi_fields inbound);
/* Whom it asks now, for messages: "http://h:81", "app:weather". */
csgi_str outgoing_origin(const outgoing *self);
/* The first field of that name, whatever its case; NULL: there is none. */
const csgi_field *outgoing_find_field(csgi_fields fields, csgi_str name);

#endif
