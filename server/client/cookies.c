/* SPDX-License-Identifier: MIT
 * A cookie jar: whose a cookie is (RFC 6265 section 5.1), storing (5.3) and sending (5.4). */
#include "client/cookies.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ip.h"
#include "base/str.h"

typedef struct cookie {
    list_node in_jar;
    csgi_str name, value, domain, path;
    bool host_only, secure, http_only;
    int64_t expires_s;
    uint64_t used; /* the jar's uses when it was last set or sent */
    char text[];
} cookie;

/* Where a request goes: the host in lower case (for a Unix socket its path, which no name is like),
 * and the path alone. */
typedef struct place {
    bool is_https, is_address;
    csgi_str host, path;
    char memory[URL_HOST_MAX + 1];
} place;

/* ---- whose it is ---- */

/* Addresses, and what a resolver takes for one: a last label of digits. Parts of an address are
 * nobody's domain. */
static bool is_address(csgi_str host)
{
    struct in6_addr any;
    size_t last = host.len;

    if (ip_parse(AF_INET, host, &any) || ip_parse(AF_INET6, host, &any)) return true;
    while (last > 0 && host.ptr[last - 1] >= '0' && host.ptr[last - 1] <= '9')
        last--;
    return last < host.len && (last == 0 || host.ptr[last - 1] == '.');
}

static void place_init(place *self, const url *at)
{
    size_t len = strlen(at->host);

    memcpy(self->memory, at->host, len);
    if (!at->is_unix) str_lower(self->memory, len);
    self->host = (csgi_str){ self->memory, len };
    self->is_https = at->is_https;
    self->is_address = at->is_unix || is_address(self->host);
    self->path = str_slice(at->target, 0, str_find_char(at->target, '?'));
    if (at->needs_slash) self->path = STR("/");
}

/* Section 5.1.3, of names in lower case. */
static bool is_below(csgi_str host, csgi_str domain)
{
    return host.len > domain.len && host.ptr[host.len - domain.len - 1] == '.' &&
           str_eq(str_slice(host, host.len - domain.len, domain.len), domain);
}

/* Section 5.1.4. */
static csgi_str default_path(csgi_str path)
{
    while (path.len > 1 && path.ptr[path.len - 1] != '/')
        path.len--;
    return path.len > 1 ? str_slice(path, 0, path.len - 1) : STR("/");
}

static bool path_matches(csgi_str path, csgi_str of_cookie)
{
    if (!str_starts_with(path, of_cookie)) return false;
    return path.len == of_cookie.len || of_cookie.ptr[of_cookie.len - 1] == '/' ||
           path.ptr[of_cookie.len] == '/';
}

static bool is_for(const cookie *self, const place *to)
{
    bool domain =
        str_eq(self->domain, to->host) || (!self->host_only && is_below(to->host, self->domain));

    return domain && path_matches(to->path, self->path) && (!self->secure || to->is_https);
}

/* ---- whether it is taken ---- */

/* Only what is below a name with a dot in it can be told apart from a registry's suffix here. */
static const char *refuse_domain(const set_cookie *given, const place *from)
{
    csgi_str domain = given->domain;
    char lower[URL_HOST_MAX];

    if (domain.len == 0) return NULL;
    if (domain.len > sizeof lower) return "its domain is not that of the host";
    memcpy(lower, domain.ptr, domain.len);
    str_lower(lower, domain.len);
    domain.ptr = lower;
    if (str_eq(domain, from->host)) return NULL;
    if (from->is_address) return "its domain is not the host's address";
    if (!is_below(from->host, domain)) return "its domain is not that of the host";
    if (str_find_char(domain, '.') >= domain.len - 1) return "its domain is a single label";
    return NULL;
}

/* What the name promises (RFC 6265bis section 4.1.3), whatever its case. */
static const char *refuse_prefix(const set_cookie *given)
{
    if (str_starts_with_nocase(given->name, STR("__secure-")) && !given->secure)
        return "it is called __Secure- and is not Secure";
    if (str_starts_with_nocase(given->name, STR("__host-")) &&
        (!given->secure || given->domain.len || !str_eq(given->path, STR("/"))))
        return "it is called __Host- and is not Secure, of one host, and of the path /";
    return NULL;
}

/* RFC 6265bis section 5.7: who can change what goes over the wire in the clear must not replace
 * what went over https. */
static bool would_hide_secure(const cookies *self, const cookie *new)
{
    LIST_EACH (node, &self->all) {
        const cookie *old = CONTAINER_OF(node, cookie, in_jar);

        if (old->secure && str_eq(old->name, new->name) && path_matches(new->path, old->path) &&
            (str_eq(old->domain, new->domain) || is_below(old->domain, new->domain) ||
             is_below(new->domain, old->domain)))
            return true;
    }
    return false;
}

static const char *refuse(const set_cookie *given, const place *from)
{
    const char *why = refuse_domain(given, from);

    if (!why) why = refuse_prefix(given);
    if (!why && given->secure && !from->is_https) why = "it is Secure and came without https";
    return why;
}

/* ---- storing ---- */

static csgi_str put(char **at, csgi_str text)
{
    csgi_str copy = { *at, text.len };

    if (text.len) memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

/* RFC 6265 section 5.3, steps 2 to 9. NULL: no memory. A single label or an address as the domain
 * is the host itself, and of it alone. */
static cookie *make(const set_cookie *given, const place *from)
{
    csgi_str path = given->path.len ? given->path : default_path(from->path);
    csgi_str domain = given->domain.len ? given->domain : from->host;
    cookie *self =
        malloc(sizeof *self + given->name.len + given->value.len + domain.len + path.len);
    char *at;

    if (!self) return NULL;
    *self = (cookie){ .secure = given->secure,
                      .http_only = given->http_only,
                      .expires_s = given->expires_s };
    list_init(&self->in_jar);
    at = self->text;
    self->name = put(&at, given->name);
    self->value = put(&at, given->value);
    self->domain = put(&at, domain);
    if (given->domain.len) str_lower((char *)self->domain.ptr, domain.len);
    self->path = put(&at, path);
    self->host_only = given->domain.len == 0 || from->is_address ||
                      str_find_char(self->domain, '.') >= domain.len - 1;
    return self;
}

static void drop(cookies *self, cookie *old)
{
    list_remove(&old->in_jar);
    self->count--;
    free(old);
}

static cookie *find_namesake(const cookies *self, const cookie *new)
{
    LIST_EACH (node, &self->all) {
        cookie *old = CONTAINER_OF(node, cookie, in_jar);

        if (str_eq(old->name, new->name) && str_eq(old->domain, new->domain) &&
            str_eq(old->path, new->path) && old->host_only == new->host_only)
            return old;
    }
    return NULL;
}

/* Of a domain, or of all, if it is NULL: those that have expired go, and then the one that was not
 * used for the longest time, until there are no more than max. */
static void evict(cookies *self, const csgi_str *domain, size_t max, int64_t now_s)
{
    size_t count = 0;
    cookie *oldest = NULL;

    LIST_EACH_SAFE (node, &self->all) {
        cookie *each = CONTAINER_OF(node, cookie, in_jar);

        if (domain && !str_eq(each->domain, *domain)) continue;
        if (each->expires_s <= now_s) {
            drop(self, each);
            continue;
        }
        count++;
        if (!oldest || each->used < oldest->used) oldest = each;
    }
    if (count > max) drop(self, oldest); /* one was added: one is enough */
}

static size_t count_domain(const cookies *self, csgi_str domain)
{
    size_t count = 0;

    LIST_EACH (node, &self->all) {
        if (str_eq(CONTAINER_OF(node, cookie, in_jar)->domain, domain)) count++;
    }
    return count;
}

static void add(cookies *self, cookie *new, int64_t now_s)
{
    new->used = ++self->uses;
    list_append(&self->all, &new->in_jar);
    self->count++;
    if (count_domain(self, new->domain) > COOKIES_PER_DOMAIN_MAX)
        evict(self, &new->domain, COOKIES_PER_DOMAIN_MAX, now_s);
    if (self->count > COOKIES_MAX) evict(self, NULL, COOKIES_MAX, now_s);
}

/* It keeps its place: the time it was made is that of the one before. */
static void replace(cookies *self, cookie *old, cookie *new)
{
    new->used = ++self->uses;
    list_append(&old->in_jar, &new->in_jar); /* before old */
    self->count++;
    drop(self, old);
}

csgi_status cookies_take(cookies *self, const url *from, csgi_str set_cookie_field, int64_t now_s,
                         const char **why)
{
    set_cookie given;
    place at;
    cookie *new, *old;

    if (!set_cookie_parse(set_cookie_field, now_s, &given, why)) return CSGI_EINVAL;
    place_init(&at, from);
    *why = refuse(&given, &at);
    if (*why) return CSGI_EINVAL;
    new = make(&given, &at);
    if (!new) return CSGI_ENOMEM;
    if (!at.is_https && would_hide_secure(self, new)) {
        *why = "it would replace one that is Secure, and came without https";
        free(new);
        return CSGI_EINVAL;
    }
    old = find_namesake(self, new);
    if (new->expires_s <= now_s) {
        if (old) drop(self, old);
        free(new);
    } else if (old) {
        replace(self, old, new);
    } else {
        add(self, new, now_s);
    }
    return CSGI_OK;
}

/* ---- sending ---- */

static csgi_status print_one(const cookie *self, bool is_first, buffer *out)
{
    size_t room = self->name.len + self->value.len + 3;

    if (buffer_reserve(out, room)) return CSGI_ENOMEM;
    if (!is_first) buffer_append_str(out, STR("; "));
    buffer_append_str(out, self->name);
    buffer_append_str(out, STR("="));
    buffer_append_str(out, self->value);
    return CSGI_OK;
}

static bool is_sent(const cookie *self, const place *to, int64_t now_s)
{
    return self->expires_s > now_s && is_for(self, to);
}

/* The longest path of those to be sent that is shorter than that; 0: there is none. */
static size_t next_length(const cookies *self, const place *to, int64_t now_s, size_t below)
{
    size_t longest = 0;

    LIST_EACH (node, &self->all) {
        const cookie *each = CONTAINER_OF(node, cookie, in_jar);

        if (each->path.len > longest && each->path.len < below && is_sent(each, to, now_s))
            longest = each->path.len;
    }
    return longest;
}

csgi_status cookies_print(cookies *self, const url *to, int64_t now_s, buffer *out)
{
    size_t start = out->len, len = SIZE_MAX;
    place at;

    place_init(&at, to);
    while ((len = next_length(self, &at, now_s, len))) {
        LIST_EACH (node, &self->all) {
            cookie *each = CONTAINER_OF(node, cookie, in_jar);

            if (each->path.len != len || !is_sent(each, &at, now_s)) continue;
            if (print_one(each, out->len == start, out)) {
                out->len = start;
                return CSGI_ENOMEM;
            }
            each->used = ++self->uses;
        }
    }
    return CSGI_OK;
}

/* ---- the jar ---- */

void cookies_init(cookies *self)
{
    list_init(&self->all);
    self->count = 0;
    self->uses = 0;
}

void cookies_fini(cookies *self)
{
    LIST_EACH_SAFE (node, &self->all)
        free(CONTAINER_OF(node, cookie, in_jar));
    cookies_init(self);
}
