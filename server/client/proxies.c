/* SPDX-License-Identifier: MIT
 * Proxies: their URLs, and who is reached without them. */
#include "client/proxies.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/ip.h"
#include "base/str.h"

/* ---- exceptions ---- */

typedef struct ip {
    int family; /* AF_UNSPEC: it is none */
    uint8_t bytes[16];
} ip;

static ip parse_ip(csgi_str text)
{
    ip found = { .family = AF_INET };

    if (ip_parse(AF_INET, text, found.bytes)) return found;
    found.family = ip_parse(AF_INET6, text, found.bytes) ? AF_INET6 : AF_UNSPEC;
    return found;
}

static bool is_in_block(const ip *host, csgi_str block)
{
    csgi_str rest = block;
    ip first = parse_ip(str_take(&rest, '/'));
    uint64_t bits = first.family == AF_INET ? 32 : 128, wanted = bits;

    if (first.family == AF_UNSPEC || first.family != host->family) return false;
    if (str_find_char(block, '/') < block.len && (!str_parse_u64(rest, &wanted) || wanted > bits))
        return false;
    for (uint64_t bit = 0; bit < wanted; bit++) {
        if ((first.bytes[bit / 8] ^ host->bytes[bit / 8]) & (0x80u >> bit % 8)) return false;
    }
    return true;
}

static csgi_str without_last_dot(csgi_str name)
{
    if (name.len && name.ptr[name.len - 1] == '.') name.len--;
    return name;
}

/* The name itself, or what ends with it after a dot. */
static bool is_below(csgi_str host, csgi_str name)
{
    if (str_starts_with(name, STR("*."))) name = str_slice(name, 1, name.len);
    while (name.len && name.ptr[0] == '.')
        name = str_slice(name, 1, name.len);
    name = without_last_dot(name);
    host = without_last_dot(host);
    if (name.len == 0 || host.len < name.len) return false;
    if (!str_eq_nocase(str_slice(host, host.len - name.len, name.len), name)) return false;
    return host.len == name.len || host.ptr[host.len - name.len - 1] == '.';
}

/* Takes ":8080" off the end; false: it is for another port. */
static bool take_port(csgi_str *entry, uint32_t port)
{
    size_t colon = str_find_char(*entry, ':');
    bool bracketed = entry->len && entry->ptr[0] == '[';
    csgi_str rest;
    uint64_t wanted;

    if (bracketed) {
        size_t end = str_find_char(*entry, ']');

        rest = str_slice(*entry, end + 1, entry->len);
        *entry = str_slice(*entry, 1, end - 1);
    } else {
        rest = str_slice(*entry, colon, entry->len);
        /* More than one colon: an IPv6 address. */
        if (str_find_char(str_slice(rest, 1, rest.len), ':') + 1 < rest.len) return true;
        *entry = str_slice(*entry, 0, colon);
    }
    if (rest.len == 0) return true;
    return rest.ptr[0] == ':' && str_parse_u64(str_slice(rest, 1, rest.len), &wanted) &&
           wanted == port;
}

static bool is_excepted(csgi_str entry, csgi_str host, uint32_t port)
{
    ip address_of_host = parse_ip(host);

    if (str_eq(entry, STR("*"))) return true;
    if (!take_port(&entry, port)) return false;
    if (address_of_host.family != AF_UNSPEC) return is_in_block(&address_of_host, entry);
    return is_below(host, entry);
}

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

bool proxies_list_has(csgi_str list, csgi_str host, uint32_t port)
{
    for (size_t start = 0, end; start < list.len; start = end + 1) {
        for (end = start; end < list.len && !is_separator(list.ptr[end]);)
            end++;
        if (end > start && is_excepted(str_slice(list, start, end - start), host, port))
            return true;
    }
    return false;
}

/* ---- a proxy's URL ---- */

/* "Basic " and "user:password" in base64 (RFC 7617), behind each other in out. False: an escape is
 * malformed. */
static bool print_authorization(csgi_str credentials, char *out, size_t *len)
{
    char plain[2 * PROXY_CREDENTIAL_MAX + 2];
    csgi_str password = credentials, user = str_take(&password, ':');
    size_t user_len, password_len = 0;

    if (!str_percent_decode(user, plain, &user_len)) return false;
    plain[user_len] = ':';
    if (password.len && !str_percent_decode(password, plain + user_len + 1, &password_len))
        return false;
    user_len += 1 + password_len;
    memcpy(out, "Basic ", 6);
    base64_encode((csgi_str){ plain, user_len }, out + 6);
    *len = 6 + base64_length(user_len);
    return true;
}

/* The last one: a password may have others. */
static size_t end_of_credentials(csgi_str text)
{
    size_t end = text.len;

    while (end > 0 && text.ptr[end - 1] != '@')
        end--;
    return end;
}

/* Takes "http://" or "https://" off. NULL, or what is wrong. */
static const char *take_scheme(csgi_str *text, bool *is_https)
{
    size_t colon = str_find_char(*text, ':');

    *is_https = str_starts_with_nocase(*text, STR("https://"));
    if (*is_https || str_starts_with_nocase(*text, STR("http://"))) {
        *text = str_slice(*text, *is_https ? 8 : 7, text->len);
        return NULL;
    }
    if (!str_starts_with(str_slice(*text, colon, text->len), STR("://"))) return NULL;
    return str_starts_with_nocase(*text, STR("socks")) ? "SOCKS proxies are not supported"
                                                       : "its scheme is neither http nor https";
}

/* The text's memory is the proxy's, and has room for what is made of it. NULL, or what is wrong. */
static const char *parse(proxy *self, csgi_str text)
{
    bool is_https;
    const char *wrong = take_scheme(&text, &is_https);
    csgi_str credentials;
    size_t at, slash, prefix;
    char *name = self->text, *authorization;

    if (wrong) return wrong;
    /* What is a slash in a password must be escaped. */
    slash = str_find_char(text, '/');
    if (slash + 1 < text.len) return "it has a path";
    text = str_slice(text, 0, slash);
    at = end_of_credentials(text);
    credentials = str_slice(text, 0, at ? at - 1 : 0);
    text = str_slice(text, at, text.len);
    prefix = is_https ? 8 : 7;
    memcpy(name, is_https ? "https://" : "http://", prefix);
    if (text.len) memcpy(name + prefix, text.ptr, text.len);
    self->name = (csgi_str){ name, prefix + text.len };
    authorization = name + self->name.len;
    if (credentials.len > PROXY_CREDENTIAL_MAX) return "its credentials are too long";
    if (at && !print_authorization(credentials, authorization, &self->authorization.len))
        return "its credentials have a malformed escape";
    self->authorization.ptr = authorization;
    return NULL;
}

/* Host and port, by the rules of the URLs of requests. */
static const char *parse_place(proxy *self)
{
    const char *why = NULL;

    if (url_parse(self->name, &self->at, &why)) return why;
    return self->at.target.len ? "it has a query" : NULL;
}

/* The proxy, which says itself what is wrong with it. NULL: no memory. */
static proxy *proxy_new(csgi_str text)
{
    /* The name; "Basic " and, by a third longer, the credentials. */
    size_t room = 8 + text.len + 6 + base64_length(text.len + 1);
    proxy *self = calloc(1, sizeof *self + room);

    if (!self) return NULL;
    self->wrong = parse(self, text);
    if (!self->wrong) self->wrong = parse_place(self);
    return self;
}

/* ---- the environment ---- */

static const char *get_either(char *(*get)(const char *name), const char *lower, const char *upper)
{
    const char *value = get(lower);

    return value ? value : get(upper);
}

csgi_status proxies_from_environment(proxies *self, char *(*get)(const char *name))
{
    bool is_cgi = get("REQUEST_METHOD") != NULL;
    const char *http = is_cgi ? get("http_proxy") : get_either(get, "http_proxy", "HTTP_PROXY");
    const char *https = get_either(get, "https_proxy", "HTTPS_PROXY");
    const char *all = get_either(get, "all_proxy", "ALL_PROXY");
    const char *exceptions = get_either(get, "no_proxy", "NO_PROXY");
    proxies found = { .http = NULL };

    if (!http) http = all;
    if (!https) https = all;
    if (!http) http = "";
    if (!https) https = "";
    if (*http && !(found.http = proxy_new(str_from(http)))) goto fail;
    if (*https && !(found.https = proxy_new(str_from(https)))) goto fail;
    if ((*http || *https) && exceptions && !(found.exceptions = strdup(exceptions))) goto fail;
    *self = found;
    return CSGI_OK;

fail:
    proxies_fini(&found);
    return CSGI_ENOMEM;
}

csgi_status proxies_from_url(proxies *self, csgi_str text, const char **why)
{
    proxies made = { .http = proxy_new(text), .https = proxy_new(text) };
    csgi_status status = made.http && made.https ? CSGI_OK : CSGI_ENOMEM;

    if (status == CSGI_OK && made.http->wrong) {
        *why = made.http->wrong;
        status = CSGI_EINVAL;
    }
    if (status)
        proxies_fini(&made);
    else
        *self = made;
    return status;
}

void proxies_fini(proxies *self)
{
    free(self->http);
    free(self->https);
    free(self->exceptions);
    memset(self, 0, sizeof *self);
}

const proxy *proxies_find(const proxies *self, const url *to)
{
    const proxy *found = to->is_https ? self->https : self->http;

    if (!found || to->is_unix) return NULL;
    if (proxies_list_has(str_from(self->exceptions), str_from(to->host), to->port)) return NULL;
    return found;
}
