/* SPDX-License-Identifier: MIT
 * Whom to believe about a request's origin. */
#include "exchange/forwarded.h"

#include <string.h>

#include "base/str.h"
#include "exchange/forwarded_text.h"

/* What one kind of fields says; an empty scheme or host: nothing that is usable. */
typedef struct claims {
    bool has_client, has_scheme, has_host;
    bool client_is_peer; /* no address was found beyond it */
    forwarded_node client;
    csgi_str scheme, host;
} claims;

/* A field that may say one thing only. */
typedef struct single {
    csgi_str value;
    bool differs;
} single;

typedef struct forwarded_fields {
    csgi_fields headers;
    bool has_x_for;
    single x_scheme, x_host, x_port;
} forwarded_fields;

/* ---- finding the fields ---- */

/* True, for it is there. */
static bool note_single(single *self, csgi_str value)
{
    csgi_str list = value;

    while (list.ptr) {
        csgi_str element = forwarded_take_last(&list);

        if (!self->value.ptr) self->value = element;
        if (!str_eq_nocase(self->value, element)) self->differs = true;
    }
    return true;
}

/* What is said once; else empty. */
static csgi_str single_value(const single *self)
{
    return self->differs || !self->value.ptr ? STR("") : self->value;
}

/* False: there is none of them. */
static bool find_fields(csgi_fields headers, forwarded_fields *out)
{
    bool found = false;

    for (size_t i = 0; i < headers.count; i++) {
        const csgi_field *field = &headers.items[i];
        csgi_str rest;

        if (field->name.len == 9 && str_eq(field->name, STR("forwarded"))) {
            found = true;
            continue;
        }
        if (field->name.len < 15 || field->name.len > 17 ||
            !str_starts_with(field->name, STR("x-forwarded-")))
            continue;
        rest = str_slice(field->name, 12, SIZE_MAX);
        if (str_eq(rest, STR("for")))
            out->has_x_for = found = true;
        else if (str_eq(rest, STR("proto")))
            found = note_single(&out->x_scheme, field->value);
        else if (str_eq(rest, STR("host")))
            found = note_single(&out->x_host, field->value);
        else if (str_eq(rest, STR("port")))
            found = note_single(&out->x_port, field->value);
    }
    return found;
}

/* ---- what they say ---- */

/* The next element to the left, over all fields of the name; *at counts down, *list is what is left
 * of the current one. */
static bool next_left(csgi_fields headers, csgi_str name, size_t *at, csgi_str *list,
                      csgi_str *element)
{
    while (!list->ptr) {
        if (*at == 0) return false;
        --*at;
        if (str_eq(headers.items[*at].name, name)) *list = headers.items[*at].value;
    }
    *element = forwarded_take_last(list);
    return true;
}

/* Takes the address as the client's. True: its owner is trusted, so look further. */
static bool take_client(claims *self, csgi_str text, bool bare_ipv6, const trust_list *trusted)
{
    if (!forwarded_parse_node(text, bare_ipv6, &self->client)) return false;
    self->client_is_peer = false;
    return trust_list_has(trusted, &self->client.any);
}

static void read_x(const forwarded_fields *fields, const trust_list *trusted, claims *out)
{
    size_t at = fields->headers.count;
    csgi_str list = { NULL, 0 }, element;

    out->has_client = fields->has_x_for;
    out->client_is_peer = true;
    while (out->has_client &&
           next_left(fields->headers, STR("x-forwarded-for"), &at, &list, &element)) {
        if (!take_client(out, element, true, trusted)) break;
    }
    out->has_scheme = fields->x_scheme.value.ptr;
    out->scheme = forwarded_parse_scheme(single_value(&fields->x_scheme));
    out->has_host = fields->x_host.value.ptr;
    out->host = single_value(&fields->x_host);
    if (!forwarded_is_host(out->host)) out->host = STR("");
}

static void read_forwarded(const forwarded_fields *fields, const trust_list *trusted, claims *out)
{
    size_t at = fields->headers.count;
    csgi_str list = { NULL, 0 }, text;

    out->client_is_peer = true;
    while (next_left(fields->headers, STR("forwarded"), &at, &list, &text)) {
        forwarded_element element;

        if (text.len == 0) continue; /* RFC 9110 section 5.6.1.2 */
        if (!forwarded_parse_element(text, &element)) {
            out->has_client = true;
            return;
        }
        if (element.scheme.ptr) {
            out->has_scheme = true;
            out->scheme = forwarded_parse_scheme(element.scheme);
        }
        if (element.host.ptr) {
            out->has_host = true;
            out->host = forwarded_is_host(element.host) ? element.host : STR("");
        }
        if (!element.client.ptr) return;
        out->has_client = true;
        if (!take_client(out, element.client, false, trusted)) return;
    }
}

/* ---- both kinds ---- */

/* As IPv6 writes it: an IPv4 address is the same one when it is mapped (RFC 4291 section 2.5.5.2).
 */
static struct in6_addr widen(const forwarded_node *node)
{
    struct in6_addr wide = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

    if (node->any.sa_family != AF_INET) return node->ipv6.sin6_addr;
    memcpy(wide.s6_addr + 12, &node->ipv4.sin_addr, sizeof node->ipv4.sin_addr);
    return wide;
}

static bool is_same_ip(const forwarded_node *a, const forwarded_node *b)
{
    struct in6_addr left = widen(a), right = widen(b);

    return memcmp(&left, &right, sizeof left) == 0;
}

static bool contradict(const claims *a, const claims *b)
{
    if (a->has_client && b->has_client) {
        if (a->client_is_peer != b->client_is_peer) return true;
        if (!a->client_is_peer && !is_same_ip(&a->client, &b->client)) return true;
    }
    if (a->has_scheme && b->has_scheme && !str_eq(a->scheme, b->scheme)) return true;
    return a->has_host && b->has_host && !str_eq_nocase(a->host, b->host);
}

/* Adds what other says besides. */
static void merge(claims *self, const claims *other)
{
    if (!self->has_client) {
        self->client = other->client;
        self->client_is_peer = other->client_is_peer;
    }
    if (!self->has_scheme) self->scheme = other->scheme;
    if (!self->has_host) self->host = other->host;
}

/* ---- applying ---- */

/* Adds the port that X-Forwarded-Port says, if the host has none and it isn't the scheme's. */
static csgi_status complete_host(exchange *self, csgi_str *host, csgi_str scheme, csgi_str port)
{
    uint64_t number;

    if (host->len == 0 || forwarded_has_port(*host) || !str_parse_u64(port, &number) ||
        number == 0 || number > UINT16_MAX || number == (str_eq(scheme, STR("https")) ? 443u : 80u))
        return CSGI_OK;
    *host = arena_printf(&self->arena, "%.*s:%u", STR_ARG(*host), (unsigned)number);
    return host->ptr ? CSGI_OK : CSGI_ENOMEM;
}

/* Replaces Host, or puts one first. The fields are in the exchange's arena, its own. */
static csgi_status set_host(exchange *self, csgi_str host)
{
    csgi_fields old = self->headers;
    csgi_field *fields;

    for (size_t i = 0; i < old.count; i++) {
        if (!str_eq(old.items[i].name, STR("host"))) continue;
        ((csgi_field *)old.items)[i].value = host;
        return CSGI_OK;
    }
    fields = arena_alloc(&self->arena, (old.count + 1) * sizeof *fields, 0);
    if (!fields) return CSGI_ENOMEM;
    fields[0] = (csgi_field){ .name = STR("host"), .value = host };
    for (size_t i = 0; i < old.count; i++)
        fields[i + 1] = old.items[i];
    self->headers = (csgi_fields){ fields, old.count + 1 };
    return CSGI_OK;
}

static csgi_status apply(exchange *self, const claims *said)
{
    csgi_str host = { NULL, 0 };
    address *client = NULL;
    csgi_status status;

    if (said->host.len) {
        host = arena_copy_str(&self->arena, said->host);
        if (!host.ptr) return CSGI_ENOMEM;
    }
    if (!said->client_is_peer) {
        client = arena_alloc(&self->arena, sizeof *client, _Alignof(address));
        if (!client) return CSGI_ENOMEM;
        address_from_sockaddr(client, &said->client.any,
                              said->client.any.sa_family == AF_INET ? sizeof said->client.ipv4
                                                                    : sizeof said->client.ipv6);
    }
    if (host.ptr && (status = set_host(self, host))) return status;
    if (client) self->client = client;
    if (said->scheme.len) self->scheme = said->scheme;
    return CSGI_OK;
}

csgi_status exchange_apply_forwarded(exchange *self, const trust_list *trusted)
{
    forwarded_fields fields = { .headers = self->headers };
    claims x = { 0 }, forwarded = { 0 };
    csgi_str scheme = self->scheme;
    csgi_status status;

    if (!find_fields(self->headers, &fields)) return CSGI_OK;
    if (!trust_list_has(trusted, &self->client->as.any)) return CSGI_OK;
    read_x(&fields, trusted, &x);
    read_forwarded(&fields, trusted, &forwarded);
    if (x.scheme.len || forwarded.scheme.len) scheme = x.scheme.len ? x.scheme : forwarded.scheme;
    status = complete_host(self, &x.host, scheme, single_value(&fields.x_port));
    if (status) return status;
    if (contradict(&x, &forwarded)) return CSGI_EINVAL;
    merge(&x, &forwarded);
    return apply(self, &x);
}
