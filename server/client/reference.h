/* SPDX-License-Identifier: MIT
 * URL references: where a redirect's Location leads, and a path below a base URL. Bytes in, bytes
 * in an arena out; what comes out is still to be judged by url_parse. */
#ifndef CAPRICORN_CLIENT_REFERENCE_H
#define CAPRICORN_CLIENT_REFERENCE_H

#include <csgi/types.h>

#include "base/arena.h"

/* What the reference, as a Location field has it, means at the base, an absolute URL (RFC 3986
 * section 5.2, strictly: "http:g" is not taken for "g"). Dot segments are removed where the RFC
 * does, and the fragment dropped. As browsers do, spaces around it are ignored, and bytes that may
 * not stand in a URL (spaces, quotes, backslashes, beyond ASCII; a "%" that begins no escape) are
 * percent-encoded. *out is followed by a NUL; its scheme may be any, its host malformed.
 * CSGI_EINVAL: the reference has control characters, or the base is not absolute; *why says which.
 * CSGI_ENOMEM. */
csgi_status url_resolve(csgi_str base, csgi_str reference, arena *into, csgi_str *out,
                        const char **why);

/* What a request's URL means for a client with a base URL, as httpx does it: an absolute URL (with
 * a scheme) means itself; anything else is appended to the base as a path, with one slash between
 * them however many there were, and dot segments stay. So "x", "/x" and "//x" at "http://h/api" or
 * "http://h/api/" are "http://h/api/x", "" is "http://h/api/", and "?q" is "http://h/api/?q". *out
 * is followed by a NUL.
 * CSGI_EINVAL: the base is not absolute, or has a query or a fragment; *why says which.
 * CSGI_ENOMEM. */
csgi_status url_join(csgi_str base, csgi_str reference, arena *into, csgi_str *out,
                     const char **why);

#endif
