/* SPDX-License-Identifier: MIT
 * URL references (RFC 3986 section 5). */
#include "client/reference.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

/* RFC 3986 section 3; the fragment is left out. */
typedef struct parts {
    csgi_str scheme, authority, path, query;
    bool has_authority, has_query;
} parts;

/* ---- taking apart ---- */

/* The length of the scheme; 0: it has none. */
static size_t scheme_length(csgi_str text)
{
    if (text.len == 0 || !char_is_letter(text.ptr[0])) return 0;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == ':') return i;
        if (!char_is_alnum(c) && c != '+' && c != '-' && c != '.') return 0;
    }
    return 0;
}

static parts take_apart(csgi_str text)
{
    parts out = { .has_query = false };
    size_t scheme = scheme_length(text), at;

    text = str_slice(text, 0, str_find_char(text, '#'));
    if (scheme) {
        out.scheme = str_slice(text, 0, scheme);
        text = str_slice(text, scheme + 1, text.len);
    }
    at = str_find_char(text, '?');
    if (at < text.len) {
        out.has_query = true;
        out.query = str_slice(text, at + 1, text.len);
        text = str_slice(text, 0, at);
    }
    if (str_starts_with(text, STR("//"))) {
        text = str_slice(text, 2, text.len);
        at = str_find_char(text, '/');
        out.has_authority = true;
        out.authority = str_slice(text, 0, at);
        text = str_slice(text, at, text.len);
    }
    out.path = text;
    return out;
}

/* ---- percent-encoding ---- */

/* The bytes that stay: those of RFC 3986, "[" and "]", which are often found in queries, and what
 * separates the parts. */
static bool may_stand(csgi_str text, size_t at)
{
    char c = text.ptr[at];

    if (c == '%')
        return text.len - at >= 3 && char_hex(text.ptr[at + 1]) >= 0 &&
               char_hex(text.ptr[at + 2]) >= 0;
    return char_is_alnum(c) || (c && strchr("-._~:/?#[]@!$&'()*+,;=", c));
}

static bool has_controls(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c == 0x7f) return true;
    }
    return false;
}

/* Into the arena; ptr is NULL when there is no memory. */
static csgi_str encode(csgi_str text, arena *into)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t room, len = 0;
    char *to;

    if (__builtin_mul_overflow(text.len, (size_t)3, &room)) return (csgi_str){ NULL, 0 };
    to = arena_alloc(into, room + 1, 1);
    if (!to) return (csgi_str){ NULL, 0 };
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (may_stand(text, i)) {
            to[len++] = (char)c;
            continue;
        }
        to[len++] = '%';
        to[len++] = digits[c >> 4];
        to[len++] = digits[c & 15];
    }
    return (csgi_str){ to, len };
}

/* ---- dot segments ---- */

/* Without the last segment and the slash before it. */
static size_t drop_segment(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

/* Section 5.2.4, in place: what is written is never longer than what was read. Its length. */
static size_t remove_dot_segments(char *path, size_t len)
{
    size_t in = 0, out = 0;

    while (in < len) {
        csgi_str rest = { path + in, len - in };

        if (str_starts_with(rest, STR("../"))) {
            in += 3;
        } else if (str_starts_with(rest, STR("./"))) {
            in += 2;
        } else if (str_starts_with(rest, STR("/./"))) {
            in += 2;
        } else if (str_starts_with(rest, STR("/../"))) {
            in += 3;
            out = drop_segment(path, out);
        } else if (str_eq(rest, STR("/."))) {
            path[out++] = '/';
            break;
        } else if (str_eq(rest, STR("/.."))) {
            out = drop_segment(path, out);
            path[out++] = '/';
            break;
        } else if (str_eq(rest, STR(".")) || str_eq(rest, STR(".."))) {
            break;
        } else {
            do
                path[out++] = path[in++];
            while (in < len && path[in] != '/');
        }
    }
    return out;
}

/* ---- putting together ---- */

typedef struct writer {
    char *bytes;
    size_t len;
} writer;

static void add(writer *self, csgi_str text)
{
    if (text.len == 0) return;
    memcpy(self->bytes + self->len, text.ptr, text.len);
    self->len += text.len;
}

static void add_authority(writer *self, const parts *of)
{
    if (!of->has_authority) return;
    add(self, STR("//"));
    add(self, of->authority);
}

static void add_query(writer *self, const parts *of)
{
    if (!of->has_query) return;
    add(self, STR("?"));
    add(self, of->query);
}

/* Section 5.2.3: the base's path up to its last slash. */
static void add_folder(writer *self, const parts *base)
{
    size_t len = base->path.len;

    if (len == 0 && base->has_authority) add(self, STR("/"));
    while (len > 0 && base->path.ptr[len - 1] != '/')
        len--;
    add(self, str_slice(base->path, 0, len));
}

/* Section 5.2.2, with 5.3. */
static void put_together(writer *self, const parts *base, const parts *reference)
{
    bool is_whole = reference->scheme.len > 0;
    bool has_place = is_whole || reference->has_authority;
    size_t path;

    add(self, is_whole ? reference->scheme : base->scheme);
    add(self, STR(":"));
    add_authority(self, has_place ? reference : base);
    path = self->len;
    if (!has_place && reference->path.len == 0) {
        add(self, base->path);
        add_query(self, reference->has_query ? reference : base);
        return;
    }
    if (!has_place && reference->path.ptr[0] != '/') add_folder(self, base);
    add(self, reference->path);
    self->len = path + remove_dot_segments(self->bytes + path, self->len - path);
    add_query(self, reference);
}

static bool is_absolute(csgi_str base, const char **why)
{
    if (scheme_length(base)) return true;
    *why = "the URL it is relative to is not absolute";
    return false;
}

/* Room for both, what stands between their parts, and a NUL. */
static csgi_status writer_init(writer *self, csgi_str base, csgi_str reference, arena *into)
{
    size_t room;

    *self = (writer){ NULL, 0 };
    if (__builtin_add_overflow(base.len, reference.len, &room) ||
        __builtin_add_overflow(room, (size_t)8, &room))
        return CSGI_ENOMEM;
    self->bytes = arena_alloc(into, room, 1);
    return self->bytes ? CSGI_OK : CSGI_ENOMEM;
}

static csgi_str finish(writer *self)
{
    self->bytes[self->len] = '\0';
    return (csgi_str){ self->bytes, self->len };
}

csgi_status url_resolve(csgi_str base, csgi_str reference, arena *into, csgi_str *out,
                        const char **why)
{
    parts of_base, of_reference;
    csgi_str encoded;
    writer to;

    if (!is_absolute(base, why)) return CSGI_EINVAL;
    while (reference.len && reference.ptr[0] == ' ')
        reference = str_slice(reference, 1, reference.len);
    while (reference.len && reference.ptr[reference.len - 1] == ' ')
        reference.len--;
    if (has_controls(reference)) {
        *why = "it has control characters";
        return CSGI_EINVAL;
    }
    encoded = encode(reference, into);
    if (!encoded.ptr || writer_init(&to, base, encoded, into)) return CSGI_ENOMEM;
    of_base = take_apart(base);
    of_reference = take_apart(encoded);
    put_together(&to, &of_base, &of_reference);
    *out = finish(&to);
    return CSGI_OK;
}

csgi_status url_join(csgi_str base, csgi_str reference, arena *into, csgi_str *out,
                     const char **why)
{
    writer to;

    if (!is_absolute(base, why)) return CSGI_EINVAL;
    if (str_find_char(base, '?') < base.len || str_find_char(base, '#') < base.len) {
        *why = "the base URL has a query or a fragment, to which no path can be added";
        return CSGI_EINVAL;
    }
    if (writer_init(&to, base, reference, into)) return CSGI_ENOMEM;
    if (!scheme_length(reference)) {
        while (base.len && base.ptr[base.len - 1] == '/')
            base.len--;
        while (reference.len && reference.ptr[0] == '/')
            reference = str_slice(reference, 1, reference.len);
        add(&to, base);
        add(&to, STR("/"));
    }
    add(&to, reference);
    *out = finish(&to);
    return CSGI_OK;
}
