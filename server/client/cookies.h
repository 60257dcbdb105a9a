/* SPDX-License-Identifier: MIT
 * A cookie jar (RFC 6265 section 5; "Secure" and the prefixes as its successor has them): what
 * responses set, and what goes with later requests. No I/O; the time is given. */
#ifndef CAPRICORN_CLIENT_COOKIES_H
#define CAPRICORN_CLIENT_COOKIES_H

#include <stddef.h>
#include <stdint.h>

#include <csgi/types.h>

#include "base/buffer.h"
#include "base/list.h"
#include "client/set_cookie.h"
#include "client/url.h"

/* Of one domain, and of all. Beyond that expired cookies go first, then those not sent or set for
 * the longest time. */
#define COOKIES_PER_DOMAIN_MAX ((size_t)50)
#define COOKIES_MAX            ((size_t)3000)

/* One user at a time. */
typedef struct cookies {
    list_node all; /* in the order they were made */
    size_t count;
    uint64_t uses;
} cookies;

void cookies_init(cookies *self);
/* The jar is then empty and may be used again. */
void cookies_fini(cookies *self);
/* Takes one Set-Cookie field of a response from there. A cookie that has expired removes its
 * namesake.
 * CSGI_EINVAL: it is ignored, and *why says why: see set_cookie.h; or its domain is not the host's
 * or above it, is a single label ("com") or an address; or it is Secure without https, would
 * replace one that is, or lacks what the prefix of its name promises. CSGI_ENOMEM. */
csgi_status cookies_take(cookies *self, const url *from, csgi_str set_cookie_field, int64_t now_s,
                         const char **why);
/* Appends the value of the Cookie field of a request to there, "a=1; b=2": longer paths first, then
 * older cookies. Nothing, if there are none. CSGI_ENOMEM changes nothing. */
csgi_status cookies_print(cookies *self, const url *to, int64_t now_s, buffer *out);

#endif
