/* SPDX-License-Identifier: MIT
 * A layer between an exchange and its wire, which adds a text to pages. */
#include "exchange/html_tail.h"

#include <string.h>

#include "base/list.h"
#include "base/str.h"

typedef struct html_tail {
    exchange_wire wire; /* what the exchange sees */
    const exchange_wire *below;
    csgi_str text;
    bool is_page;
} html_tail;

static html_tail *tail_of(const exchange *request)
{
    return CONTAINER_OF(request->wire, html_tail, wire);
}

/* ---- is it a page? ---- */

static bool has_nocase(csgi_str text, csgi_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (str_eq_nocase(str_slice(text, i, part.len), part)) return true;
    }
    return false;
}

static bool is_html(csgi_str type)
{
    csgi_str html = STR("text/html");

    if (!str_starts_with_nocase(type, html)) return false;
    if (type.len > html.len && !strchr("; \t", type.ptr[html.len])) return false;
    return !has_nocase(type, STR("utf-16")) && !has_nocase(type, STR("utf-32"));
}

/* Does the field say that the body must stay as it is? */
static bool is_forbidding(csgi_field field)
{
    static const csgi_str names[] = { CSGI_STR("content-range"),  CSGI_STR("content-disposition"),
                                      CSGI_STR("content-digest"), CSGI_STR("repr-digest"),
                                      CSGI_STR("digest"),         CSGI_STR("content-md5") };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_eq_nocase(field.name, names[i])) return true;
    }
    return str_eq_nocase(field.name, STR("content-encoding")) &&
           !str_eq_nocase(str_trim(field.value), STR("identity"));
}

static bool is_page(const exchange *request, uint32_t status, csgi_fields headers)
{
    bool found = false;

    if (status == 204 || status == 205 || status == 206 || (status >= 300 && status < 400) ||
        str_eq(request->method, STR("HEAD")))
        return false;
    for (size_t i = 0; i < headers.count; i++) {
        csgi_field field = headers.items[i];

        if (is_forbidding(field)) return false;
        if (str_eq_nocase(field.name, STR("content-type"))) found = is_html(str_trim(field.value));
    }
    return found;
}

/* ---- where its end is ---- */

/* Takes off what the text ends with: a tag, and the white space around it. False: it does not. */
static bool drop_end_tag(csgi_str *text, csgi_str tag)
{
    size_t len = text->len;

    while (len && strchr(" \t\r\n", text->ptr[len - 1]))
        len--;
    if (len < tag.len || !str_eq_nocase(str_slice(*text, len - tag.len, tag.len), tag))
        return false;
    text->len = len - tag.len;
    return true;
}

/* How much of the last piece comes before the tail. */
static size_t find_place(csgi_str piece)
{
    csgi_str rest = piece;

    drop_end_tag(&rest, STR("</html>"));
    return drop_end_tag(&rest, STR("</body>")) ? rest.len : piece.len;
}

/* In one piece, as the wire would have had the page's own. CSGI_ENOMEM. */
static csgi_status add_tail(const html_tail *self, arena *memory, csgi_str *piece)
{
    size_t before = find_place(*piece), len = piece->len + self->text.len;
    char *bytes = arena_alloc(memory, len, 1);

    if (!bytes) return CSGI_ENOMEM;
    if (before) memcpy(bytes, piece->ptr, before);
    memcpy(bytes + before, self->text.ptr, self->text.len);
    if (piece->len > before)
        memcpy(bytes + before + self->text.len, piece->ptr + before, piece->len - before);
    *piece = (csgi_str){ bytes, len };
    return CSGI_OK;
}

/* ---- the wire ---- */

static csgi_status start(exchange *request, uint32_t status, csgi_fields headers)
{
    html_tail *self = tail_of(request);

    self->is_page = is_page(request, status, headers);
    return self->below->start(request, status, headers);
}

/* The wire below writes the head with the first piece, and its length with it. */
static csgi_status body(exchange *request, csgi_str bytes, bool last)
{
    html_tail *self = tail_of(request);
    uint64_t declared = request->declared_length;
    csgi_status status = CSGI_OK;

    if (!self->is_page) return self->below->body(request, bytes, last);
    if (last || request->awaits_trailers) {
        status = add_tail(self, &request->arena, &bytes);
        if (status == CSGI_OK) request->body_bytes_sent += self->text.len;
    }
    if (status != CSGI_OK) return status;
    if (request->has_declared_length) request->declared_length += self->text.len;
    status = self->below->body(request, bytes, last);
    request->declared_length = declared;
    return status;
}

/* The end of a page has to pass by here. */
static csgi_status file(exchange *request, int fd, uint64_t offset, size_t len, size_t *sent)
{
    html_tail *self = tail_of(request);

    if (self->is_page) return CSGI_ENOTSUP;
    return self->below->file(request, fd, offset, len, sent);
}

csgi_status html_tail_add(exchange *request, csgi_str text)
{
    html_tail *self = arena_alloc(&request->arena, sizeof *self, _Alignof(html_tail));

    if (!self) return CSGI_ENOMEM;
    *self = (html_tail){ .wire = *request->wire, .below = request->wire, .text = text };
    self->wire.start = start;
    self->wire.body = body;
    if (self->wire.file) self->wire.file = file;
    request->wire = &self->wire;
    return CSGI_OK;
}
