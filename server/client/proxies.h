/* SPDX-License-Identifier: MIT
 * Which proxy a request goes through, if any: what the environment or a client's settings say,
 * taken apart. Text in, no I/O.
 *
 * The environment, as curl and httpx read it:
 *  - http_proxy for http URLs, https_proxy for https URLs, all_proxy where neither is set. The
 *    lower-case name wins over the upper-case one, and an empty value means no proxy. HTTP_PROXY is
 *    not read where REQUEST_METHOD is set: in a CGI program that is a header of the request
 *    ("httpoxy").
 *  - A proxy is "http://host:port" or "https://host:port" (TLS to the proxy), with "user:password@"
 *    before the host, percent-encoded, if it wants them. Without a scheme it is http; the port is
 *    80, or 443, unless given. SOCKS is not known: requests that such a proxy is for fail, for
 *    going straight is not what was asked for.
 *  - no_proxy lists what is reached straight, by commas or spaces: a name ("example.com",
 *    ".example.com" and "*.example.com" all mean that host and all below it), an IP address, a
 * block of them ("10.0.0.0/8", "fd00::/8"), or "*" for everything. ":8080" behind a name or an
 * address (an IPv6 one then in brackets) limits it to this port. Names are compared whatever their
 * case and are not resolved.
 *  - localhost and loopback addresses are no exception: no_proxy has to say so. Unix sockets and
 *    the server's own apps are never proxied. */
#ifndef CAPRICORN_CLIENT_PROXIES_H
#define CAPRICORN_CLIENT_PROXIES_H

#include "client/url.h"

/* A user's name or password, encoded. */
#define PROXY_CREDENTIAL_MAX ((size_t)1024)

typedef struct proxy {
    url at;                 /* where it is; is_https: with TLS */
    const char *wrong;      /* it cannot be used, for this; NULL: it can */
    csgi_str name;          /* for messages: "http://proxy:3128", without credentials */
    csgi_str authorization; /* "Basic dTpw"; empty: none */
    char text[];
} proxy;

/* All zero is none. */
typedef struct proxies {
    proxy *http, *https; /* by the URL's scheme */
    char *exceptions;    /* no_proxy; NULL: none */
} proxies;

/* What the environment says; get is getenv, but in tests. CSGI_ENOMEM. */
csgi_status proxies_from_environment(proxies *self, char *(*get)(const char *name));
/* One for everything. CSGI_EINVAL: *why says what is wrong with it; CSGI_ENOMEM. */
csgi_status proxies_from_url(proxies *self, csgi_str text, const char **why);
void proxies_fini(proxies *self);

/* The proxy for a URL, or NULL. */
const proxy *proxies_find(const proxies *self, const url *to);

/* Is the host listed as an exception? */
bool proxies_list_has(csgi_str list, csgi_str host, uint32_t port);

#endif
