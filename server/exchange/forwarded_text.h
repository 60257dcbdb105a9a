/* SPDX-License-Identifier: MIT
 * The pieces of X-Forwarded-* and Forwarded (RFC 7239): list elements, parameters, addresses,
 * schemes, hosts. Whom to believe is decided in forwarded.c. No I/O and no memory. */
#ifndef CAPRICORN_EXCHANGE_FORWARDED_TEXT_H
#define CAPRICORN_EXCHANGE_FORWARDED_TEXT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <csgi/types.h>

/* An IP address with a port, which is 0 when it was not said. */
typedef union forwarded_node {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
} forwarded_node;

/* An element of Forwarded; a parameter that is missing has no ptr. Values are without their quotes;
 * an escaped byte keeps its backslash, which nothing that is valid here has. */
typedef struct forwarded_element {
    csgi_str client, scheme, host; /* for, proto, host */
} forwarded_element;

/* Takes the last element off a list with commas, those in quoted strings aside; without spaces
 * around it. After the first one list->ptr is NULL. What stands left of an element, even half a
 * quoted string, does not change how it is read: that may be anyone's, the end is our proxy's. */
csgi_str forwarded_take_last(csgi_str *list);
/* False when it is malformed, or says a parameter twice. */
bool forwarded_parse_element(csgi_str text, forwarded_element *out);
/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80", the port perhaps hidden
 * ("_x"), and 2001:db8::1, which only X-Forwarded-For has, if bare_ipv6. False for all else:
 * "unknown", hidden names, zones. */
bool forwarded_parse_node(csgi_str text, bool bare_ipv6, forwarded_node *out);
/* "http" or "https", whatever the case; else an empty string. */
csgi_str forwarded_parse_scheme(csgi_str text);
/* A host as Host may have it (RFC 3986 section 3.2.2, not empty), with a port or without. */
bool forwarded_is_host(csgi_str text);
/* Does this valid host end in a port? */
bool forwarded_has_port(csgi_str host);

#endif
