/* SPDX-License-Identifier: MIT
 * The trust list: reading it, and looking addresses up. */
#include "config/trust.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/ip.h"
#include "base/str.h"

#define IPV4_BYTES   4u
#define IPV6_BYTES   16u
#define MAPPED_BYTES 12u /* of ::ffff:0:0/96, before the IPv4 address */

typedef struct ip_bytes {
    uint8_t bytes[IPV6_BYTES];
    uint8_t len; /* IPV4_BYTES or IPV6_BYTES */
} ip_bytes;

struct trust_network {
    ip_bytes first;
    uint8_t prefix; /* bits */
};

static ip_bytes unmapped(const struct in6_addr *in6)
{
    ip_bytes result = { .len = IPV6_BYTES };

    memcpy(result.bytes, in6, IPV6_BYTES);
    if (!IN6_IS_ADDR_V4MAPPED(in6)) return result;
    memmove(result.bytes, result.bytes + MAPPED_BYTES, IPV4_BYTES);
    result.len = IPV4_BYTES;
    return result;
}

/* ---- reading ---- */

static bool parse_address(csgi_str text, ip_bytes *out, uint8_t *most_bits)
{
    struct in6_addr in6;

    *most_bits = IPV4_BYTES * 8;
    out->len = IPV4_BYTES;
    if (ip_parse(AF_INET, text, out->bytes)) return true;
    if (!ip_parse(AF_INET6, text, &in6)) return false;
    *most_bits = IPV6_BYTES * 8;
    *out = unmapped(&in6);
    return true;
}

static bool has_bits_after(const ip_bytes *ip, unsigned prefix)
{
    for (unsigned bit = prefix; bit < ip->len * 8u; bit++) {
        if (ip->bytes[bit / 8] & (0x80u >> bit % 8)) return true;
    }
    return false;
}

/* What is wrong with the entry, or NULL. */
static const char *parse_network(csgi_str entry, trust_network *out)
{
    size_t slash = str_find_char(entry, '/');
    uint64_t prefix;
    uint8_t most;

    if (!parse_address(str_slice(entry, 0, slash), &out->first, &most))
        return "neither an address, a network (10.0.0.0/8), unix: nor *";
    prefix = most;
    if (slash < entry.len &&
        (!str_parse_u64(str_slice(entry, slash + 1, SIZE_MAX), &prefix) || prefix > most))
        return "a prefix has 0 to 32 bits, or 128 for IPv6";
    if (out->first.len * 8u < most) { /* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
        if (prefix < MAPPED_BYTES * 8) return "an IPv4 network inside IPv6 has 96 bits or more";
        prefix -= MAPPED_BYTES * 8;
    }
    out->prefix = (uint8_t)prefix;
    if (has_bits_after(&out->first, out->prefix)) return "the address goes on after the prefix";
    return NULL;
}

static const char *parse_entry(trust_list *self, csgi_str entry)
{
    const char *why;

    if (str_eq(entry, STR("*"))) {
        self->all = true;
        return NULL;
    }
    if (str_eq(entry, STR("unix:"))) {
        self->unix_peers = true;
        return NULL;
    }
    why = parse_network(entry, &self->networks[self->count]);
    if (!why) self->count++;
    return why;
}

csgi_status trust_list_parse(trust_list *self, csgi_str text, csgi_str *wrong, const char **why)
{
    trust_list result = { 0 };
    size_t entries = 1;

    for (size_t i = 0; i < text.len; i++)
        entries += text.ptr[i] == ',';
    result.networks = calloc(entries, sizeof *result.networks);
    if (!result.networks) return CSGI_ENOMEM;
    for (size_t start = 0; start <= text.len;) {
        csgi_str rest = str_slice(text, start, SIZE_MAX);
        size_t comma = str_find_char(rest, ',');
        csgi_str entry = str_trim(str_slice(rest, 0, comma));
        const char *problem = parse_entry(&result, entry);

        if (problem) {
            *wrong = entry;
            *why = problem;
            trust_list_fini(&result);
            return CSGI_EINVAL;
        }
        start += comma + 1;
    }
    *self = result;
    return CSGI_OK;
}

void trust_list_fini(trust_list *self)
{
    free(self->networks);
    *self = (trust_list){ 0 };
}

/* ---- looking up ---- */

static bool is_in(const ip_bytes *ip, const trust_network *network)
{
    unsigned whole = network->prefix / 8, bits = network->prefix % 8;
    const uint8_t *a = ip->bytes, *b = network->first.bytes;

    if (ip->len != network->first.len || memcmp(a, b, whole) != 0) return false;
    return bits == 0 || ((a[whole] ^ b[whole]) >> (8 - bits)) == 0;
}

bool trust_list_has(const trust_list *self, const struct sockaddr *peer)
{
    ip_bytes ip = { .len = IPV4_BYTES };

    if (self->all) return true;
    switch (peer->sa_family) {
    case AF_UNIX:
        return self->unix_peers;
    case AF_INET:
        memcpy(ip.bytes, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, IPV4_BYTES);
        break;
    case AF_INET6:
        ip = unmapped(&((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr);
        break;
    default:
        return false;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (is_in(&ip, &self->networks[i])) return true;
    }
    return false;
}
