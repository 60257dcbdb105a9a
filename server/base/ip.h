/* SPDX-License-Identifier: MIT
 * IP addresses from text that someone else wrote. */
#ifndef CAPRICORN_BASE_IP_H
#define CAPRICORN_BASE_IP_H

#include <stdbool.h>

#include <csgi/types.h>

/* Reads an address of this family (AF_INET, AF_INET6) into a struct in_addr or in6_addr; the whole
 * text, no brackets, zones or leading zeros. False: it is none, and *out may have changed. */
bool ip_parse(int family, csgi_str text, void *out);

#endif
