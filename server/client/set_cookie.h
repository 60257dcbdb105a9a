/* SPDX-License-Identifier: MIT
 * One Set-Cookie field taken apart. Whether the cookie is kept, and for whom, is cookies.h. */
#ifndef CAPRICORN_CLIENT_SET_COOKIE_H
#define CAPRICORN_CLIENT_SET_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include <csgi/types.h>

/* Name and value together, and the value of an attribute, in bytes. */
#define COOKIE_SIZE_MAX      ((size_t)4096)
#define COOKIE_ATTRIBUTE_MAX ((size_t)1024)

/* The strings are parts of the text. */
typedef struct set_cookie {
    csgi_str name, value;
    csgi_str domain; /* without its leading dot; empty: of this host alone */
    csgi_str path;   /* empty: the default path */
    bool secure, http_only;
    int64_t expires_s; /* since 1970; INT64_MAX: with the jar */
} set_cookie;

/* As leniently as RFC 6265 section 5.2 has it: attributes that are malformed, unknown (SameSite
 * among them) or larger than COOKIE_ATTRIBUTE_MAX are left out. False, and *why says why: there is
 * no name, it has control characters, or it is larger than COOKIE_SIZE_MAX. */
bool set_cookie_parse(csgi_str text, int64_t now_s, set_cookie *out, const char **why);

#endif
